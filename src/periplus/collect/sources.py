"""Sources: who may send events, and how what they send is read. Looked up by write key from memory.

A source is a document of kind `source`. Its write keys are secrets of the state, kept as hashes; a
source may have several, so that one can be changed without a gap.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator

from periplus import clock
from periplus.collect.authored import Name, Names, Part, parsed
from periplus.errors import PeriplusError
from periplus.store.state import State

KIND = "source"
"""The kind of the stored documents."""
KEY = "write key"
"""The kind of the secrets."""
AGE = 1.0
"""Seconds after which what is in memory is looked up anew."""
LOOKS = 0.25
"""Seconds between two looks because of a key nobody knows, in the long run: guessing keys must cost the state nothing."""
PATIENCE = 1.0
"""Seconds that a key nobody knows waits for a look that is going on."""
SPARE = 8
"""Looks that may follow each other at once, so that a new key is known from its first request on."""

log = logging.getLogger("periplus.collect")


SECRETS = ("secret", "token")
"""What of a source is never shown."""


def _digits(value: Any) -> Any:
    """A shop's number, also where YAML read it as one."""
    return str(value) if type(value) is int else value


class SourceDocument(Part):
    """One source of events.

    `dialects`: which kinds of requests it may send; all where it names none. `zone`: of times without an
    offset; the workspace's where it has none. `origins`: the web sites whose pages may send with its key, such as
    `https://shop.example`; any where it names none. `channel` and `department` are those of its messages that name
    none. `consent`: whether analytics is allowed where nothing is known. `rate`: messages a second, on average; 0 is
    no limit. `secret`: what a shop signs its webhooks with. `store` and `token`: the shop's number and the secret
    token by which its API gives what its webhooks only name (Ecwid). `strict`: whether what is not on the tracking plan is
    refused.

    >>> SourceDocument.parse({"name": "web", "origins": "https://Shop.example/"}).origins
    ('https://shop.example',)
    """

    name: Name
    dialects: Names = ()
    zone: str | None = None
    origins: Annotated[Names, Field(max_length=200)] = ()
    channel: Name | None = None
    department: Name | None = None
    consent: bool = True
    rate: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    secret: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(None, repr=False)
    store: Annotated[str, BeforeValidator(_digits), Field(pattern=r"^[0-9]{1,20}$")] | None = None
    token: Annotated[str, Field(pattern=r"^[!-~]{1,1000}$")] | None = Field(None, repr=False)
    active: bool = True
    strict: bool = False

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | SourceDocument) -> SourceDocument:
        """From a dict, YAML text or a file; raises DocumentError."""
        if isinstance(document, SourceDocument):
            return document
        return parsed(cls, document, "source", "docs/collector.md")

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        try:
            return value if value is None else str(clock.zone(value))
        except PeriplusError as problem:
            raise ValueError(f"{problem.message} {problem.hint}".strip()) from None

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_origin(each) for each in value)

    @model_validator(mode="after")
    def _access(self) -> SourceDocument:
        if (self.store is None) != (self.token is None):
            raise ValueError("access to a shop's API needs both its number (store) and a token")
        return self

    def document(self) -> dict[str, Any]:
        """The plain form; `parse(document())` equals this."""
        return {"name": self.name, **self.model_dump(mode="json", exclude_defaults=True)}


def _origin(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.path not in ("", "/")
        or parts.query
    ):
        raise ValueError(f"{text!r} is no web site such as https://shop.example")
    return f"{parts.scheme}://{parts.netloc}".lower()


@dataclass(frozen=True)
class Source:
    """A source as the door knows it, its zone resolved."""

    document: SourceDocument
    zone: ZoneInfo

    @property
    def name(self) -> str:
        return self.document.name

    def admits(self, origin: str | None) -> bool:
        """Whether a page of this origin may send; what is no browser has none."""
        return origin is None or not self.document.origins or origin.lower() in self.document.origins

    def speaks(self, dialect: str) -> bool:
        return not self.document.dialects or dialect in self.document.dialects


class Sources:
    """Every source and write key, in memory. Threads may share it.

    A state that cannot be reached leaves what was known last in force.
    """

    def __init__(self, state: State, zone: str) -> None:
        self.state = state
        self.zone = zone
        self._lock = threading.Lock()
        self._looking = threading.RLock()
        self._by_hash: dict[str, Source] = {}
        self._by_name: dict[str, Source] = {}
        self._looked = self._earned = float("-inf")
        self._spare = 0.0
        self.refresh()

    def by_key(self, key: str) -> Source | None:
        """The source whose key this is; a key that is not in memory is looked for in the state, now and then."""
        hashed = _hash(key)
        return self._known(lambda: self._by_hash.get(hashed))

    def by_name(self, name: str) -> Source | None:
        """The source of a name, for what names it in the path and signs with its secret; looked for likewise."""
        return self._known(lambda: self._by_name.get(name))

    def _known(self, source: Callable[[], Source | None]) -> Source | None:
        if (found := source()) is not None:
            return found
        if not self._looking.acquire(
            timeout=PATIENCE
        ):  # who comes while another looks waits for what that one finds
            return None
        try:
            if (found := source()) is None and self._spares_a_look():
                self._try_refresh()
                found = source()
            return found
        finally:
            self._looking.release()

    @property
    def consent(self) -> Mapping[str, bool]:
        """By source, whether analytics is allowed where nothing is known."""
        return {name: source.document.consent for name, source in self._by_name.items()}

    def tick(self) -> None:
        """Look the state up if that was a while ago; called from a thread that may wait."""
        if self._is_old():
            self._try_refresh()

    def refresh(self) -> None:
        """Look the state up; raises StoreError where it cannot be reached."""
        with self._looking:  # one after another: what was read earlier must not replace what was read later
            self._refresh()

    def _refresh(self) -> None:
        self._looked = time.monotonic()
        holders = self.state.holders(KEY)
        named = dict.fromkeys([*self.state.names(KIND), *holders.values()])
        by_name = {}
        for name in named:
            body = self.state.document(KIND, name)
            document = SourceDocument.parse(body if body is not None else {"name": name})
            if document.active:
                by_name[name] = Source(document, clock.zone(document.zone or self.zone))
        with self._lock:
            self._by_name = by_name
            self._by_hash = {hashed: by_name[name] for hashed, name in holders.items() if name in by_name}

    def _is_old(self) -> bool:
        with self._lock:
            if time.monotonic() - self._looked < AGE:
                return False
            self._looked = time.monotonic()
            return True

    def _spares_a_look(self) -> bool:
        """Whether a look is left: one is earned every `LOOKS` seconds, up to `SPARE` of them."""
        now = time.monotonic()
        self._spare = min(float(SPARE), self._spare + (now - self._earned) / LOOKS)
        self._earned = now
        if self._spare < 1:
            return False
        self._spare -= 1
        return True

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except PeriplusError as problem:
            log.warning("sources are as they were last known: %s", problem)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
