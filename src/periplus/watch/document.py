"""A watch: a folder or an address, how often it is looked at, and by which mapping its files come in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from periplus import clock
from periplus.collect.mapping import MappingDocument
from periplus.errors import DocumentError, PeriplusError

SHORTEST = 60 * clock.SECOND
"""No watch has its turn more often than every minute."""


class Watch(BaseModel):
    """What is watched. Either `folder` or `url`; `files` is a glob over the names in a folder.

    `private` allows addresses of one's own network, which are refused otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^\w[\w.\-]*$", max_length=100)]
    folder: str | None = None
    url: Annotated[str | None, Field(max_length=4000)] = None
    files: str = "*"
    every: str = "1h"
    mapping: dict[str, Any] | None = None
    source: Annotated[str | None, Field(max_length=200)] = None
    private: bool = False

    @model_validator(mode="after")
    def _one(self) -> Watch:
        if (self.folder is None) == (self.url is None):
            raise ValueError("give either a folder or an address (url)")
        return self

    @field_validator("every")
    @classmethod
    def _period(cls, text: str) -> str:
        try:
            length = clock.duration(text)
        except PeriplusError as problem:
            raise ValueError(str(problem)) from None
        if length < SHORTEST:
            raise ValueError("a watch looks every minute (1m) at most")
        return text

    @field_validator("url")
    @classmethod
    def _address(cls, text: str | None) -> str | None:
        if text is not None:
            check_url(text)
        return text

    @field_validator("folder")
    @classmethod
    def _place(cls, text: str | None) -> str | None:
        if text is not None and not Path(text).is_absolute():
            raise ValueError("a folder is written from the root on, such as /srv/exports")
        return text

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Watch:
        """From a plain value; raises DocumentError that says what is wrong, also with its mapping."""
        try:
            made = cls.model_validate(dict(body))
        except ValidationError as problem:
            error = problem.errors()[0]
            where = ".".join(str(part) for part in error["loc"]) or "the watch"
            said = error["msg"].removeprefix("Value error, ").rstrip(".")
            raise DocumentError(
                f"The watch is wrong at {where}: {said}.", hint="docs/watch.md has every option."
            ) from None
        if made.mapping is not None:
            MappingDocument.parse(made.mapping)
        return made

    @property
    def period(self) -> int:
        """Microseconds from one turn to the next."""
        return clock.duration(self.every)

    @property
    def shown(self) -> str:
        """What is watched, without a password or what stands after the question mark: they may be secrets."""
        return self.folder if self.url is None else shown_url(self.url)  # type: ignore[return-value]

    def document(self) -> dict[str, Any]:
        """The plain form, as it is stored."""
        return self.model_dump(mode="json", exclude_defaults=True)


def check_url(url: str) -> None:
    """Raise ValueError for what is no address of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("that is no address of the web") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError("an address begins with http:// or https://")
    if not parts.hostname or port == 0 or any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise ValueError("that is no address of the web")


def shown_url(url: str) -> str:
    """An address for people and logs, its secrets left out.

    >>> shown_url("https://me:secret@shop.example/orders.csv?key=1")
    'https://shop.example/orders.csv?…'
    """
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}"
