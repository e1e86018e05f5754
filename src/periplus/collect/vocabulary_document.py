"""The vocabulary as a document: what is written, checked, kept with its versions, and shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from periplus import yaml_text
from periplus.collect.authored import Name, Names, Note, Part, parsed


def _short(value: Any) -> Any:
    """`purchase: Order Completed` is short for `purchase: {to: Order Completed}`."""
    return {"to": value} if isinstance(value, str) else value


class PropertyEntry(Part):
    """The property that is added beside the one as sent; with `each`, a list whose objects get house names."""

    to: Annotated[Name, Field(pattern=r"^[^.\\]+$")]
    each: dict[Name, Name] | None = None


Properties = dict[Name, Annotated[PropertyEntry, BeforeValidator(_short)]]


class EventEntry(Part):
    """The house name of an event, and properties that are so named on this event only."""

    to: Name
    properties: Properties = Field(default_factory=dict)

    @field_validator("to", mode="after")
    @classmethod
    def _composed(cls, value: str) -> str:
        return unicodedata.normalize("NFC", value)


class VocabularyDocument(Part):
    """Names of others and the house's own beside them.

    `sources` limits it to some sources; without, it holds for all. Keys of `properties` are paths
    (`ecommerce.transaction_id`, `items.0.price`).

    >>> mine = VocabularyDocument.parse("{name: mine, events: {bought: Order Completed}}")
    >>> mine.events["bought"].to
    'Order Completed'
    """

    name: Annotated[Name, Field(pattern=r"^\w[\w .\-]*$")]
    description: Note | None = None
    sources: Names = ()
    events: Annotated[dict[Name, Annotated[EventEntry, BeforeValidator(_short)]], Field(max_length=5000)] = (
        Field(default_factory=dict)
    )
    properties: Annotated[Properties, Field(max_length=1000)] = Field(default_factory=dict)

    @field_validator("events", mode="after")
    @classmethod
    def _names(cls, value: dict[str, EventEntry]) -> dict[str, EventEntry]:
        return {unicodedata.normalize("NFC", name): entry for name, entry in value.items()}

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | VocabularyDocument) -> VocabularyDocument:
        """From a dict, YAML text or a file; raises DocumentError that names the key and its nearest right word."""
        if isinstance(document, VocabularyDocument):
            return document
        return parsed(cls, document, "vocabulary", "docs/vocabulary.md")

    def document(self) -> dict[str, Any]:
        """The plain form, short where it can be; `parse(document())` equals this."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        for section in [plain, *(plain.get("events") or {}).values()]:
            for key in ("properties", "events"):
                if key in section:
                    section[key] = {name: _shortened(entry) for name, entry in section[key].items()}
        return plain

    def to_yaml(self) -> str:
        """The plain form as YAML, which `parse` reads again."""
        return yaml_text.write(self.document())


def _shortened(entry: dict[str, Any]) -> Any:
    return entry["to"] if set(entry) == {"to"} else entry
