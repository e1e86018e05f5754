"""Vocabulary: the names other tools give to events and properties, turned into the house's own.

A message keeps what it came with. Its name as sent goes to `original`; a property is *copied* under its
house name, and `context.vocabulary` says what was done. So what was sent can be told from what was
made of it (`as_sent`), and a mended vocabulary can be applied again to the past (`people/renaming.py`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from periplus.collect.vocabulary_document import EventEntry, PropertyEntry, VocabularyDocument
from periplus.errors import NotFoundError, unknown
from periplus.event import split_path
from periplus.store.state import State

KIND = "vocabulary"
"""The kind of the stored documents."""
NAMED = ("track", "page", "screen")
"""Types of messages that have properties of an event."""
MARK = "vocabulary"
"""The key of `context` that says which built-in vocabulary was asked (`name`), what the event was called before
(`event`), and which properties were `added`."""

Message = dict[str, Any]


@dataclass(frozen=True)
class _Rule:
    """Copy what lies under `keys` of the properties to the property `to`; `each` renames inside a list."""

    keys: tuple[str, ...]
    to: str
    each: tuple[tuple[tuple[str, ...], str], ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """What one source's messages are renamed by: a dialect's built-in document under the workspace's own.

    `dialect` is the name of the built-in one, if there is any. Make it with `Vocabularies.of`.
    """

    dialect: str | None
    events: Mapping[str, EventEntry]
    _by_event: Mapping[str, tuple[_Rule, ...]] = field(repr=False)
    _rules: tuple[_Rule, ...] = field(repr=False)

    def apply(self, message: Message) -> Message:
        """A message that just came, in the house's words; the same object where nothing changes, never changed in place.

        >>> said = {"type": "track", "event": "purchase", "properties": {"transaction_id": "7"}}
        >>> told = Vocabularies().of("shop", "ga4").apply(said)
        >>> told["event"], told["original"], told["properties"]
        ('Order Completed', 'purchase', {'transaction_id': '7', 'order_id': '7'})
        """
        return self.tell(_received(message))

    def tell(self, message: Message) -> Message:
        """`apply` to a message `as_sent`: one of ours, whose `original` is not a client's invention."""
        kind = message.get("type") or "track"
        properties, context = message.get("properties") or {}, message.get("context") or {}
        if kind not in NAMED or not isinstance(properties, dict) or not isinstance(context, dict):
            return message
        name = message.get("event") if kind == "track" else None
        entry = self.entry(name) if isinstance(name, str) else None
        added = self._copied(name, properties)
        told = dict(message)
        mark: dict[str, Any] = {} if self.dialect is None else {"name": self.dialect}
        if entry is not None and entry.to != name:
            told["event"] = entry.to
            told["original"] = message.get("original") or name
            mark["event"] = name
        if added:
            told["properties"] = {**properties, **added}
            mark["added"] = sorted(added)
        if not mark:
            return message
        told["context"] = {**context, MARK: mark}
        return told

    def collisions(self, message: Message) -> list[str]:
        """House properties that the message has by itself, with another value than would be copied there."""
        properties = as_sent(message).get("properties")
        if not isinstance(properties, dict):
            return []
        clear = {key: value for key, value in properties.items() if key not in self.targets}
        wanted = self._copied(as_sent(message).get("event"), clear)
        return sorted(to for to, value in wanted.items() if to in properties and properties[to] != value)

    def _copied(self, name: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
        own: tuple[_Rule, ...] = ()
        if self._by_event and isinstance(name, str):
            own = self._by_event.get(unicodedata.normalize("NFC", name), ())
        return _added(properties, (*own, *self._rules) if own else self._rules)

    def entry(self, name: str) -> EventEntry | None:
        """What becomes of events of a name as sent."""
        return self.events.get(name if name.isascii() else unicodedata.normalize("NFC", name))

    @property
    def targets(self) -> frozenset[str]:
        """The properties that it may add."""
        return frozenset(rule.to for rule in self._every())

    @property
    def mentioned(self) -> frozenset[str]:
        """The top-level properties that it reads or adds."""
        return self.targets | {rule.keys[0] for rule in self._every()}

    def _every(self) -> list[_Rule]:
        return [*self._rules, *(rule for rules in self._by_event.values() for rule in rules)]


def as_sent(message: Message) -> Message:
    """One of our messages as it was before any vocabulary; the inverse of `Vocabulary.tell`.

    >>> as_sent({"event": "Order Completed", "original": "buy", "context": {"vocabulary": {"event": "buy"}}})
    {'event': 'buy'}
    """
    context = message.get("context")
    mark = context.get(MARK) if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(mark, dict):
        return message
    told = {**message, "context": {key: value for key, value in context.items() if key != MARK}}
    if not told["context"]:
        del told["context"]
    if isinstance(name := mark.get("event"), str):
        told["event"] = name
        if told.get("original") == name:  # else it is that of the mapping it was imported by
            del told["original"]
    added, properties = mark.get("added"), message.get("properties")
    if isinstance(added, list) and isinstance(properties, dict):
        told["properties"] = {key: value for key, value in properties.items() if key not in added}
    return told


def _received(message: Message) -> Message:
    """A message from outside without what only we say of messages."""
    context = message.get("context")
    if isinstance(context, dict) and MARK in context:
        message = {**message, "context": {key: value for key, value in context.items() if key != MARK}}
        if not message["context"]:
            del message["context"]
    if "original" in message:
        message = {key: value for key, value in message.items() if key != "original"}
    return message


class Vocabularies:
    """Every vocabulary of a workspace: the built-in ones of the dialects and its own documents before them."""

    def __init__(self, own: Iterable[VocabularyDocument] = ()) -> None:
        self.own = tuple(own)
        self._made: dict[tuple[str | None, str | None], Vocabulary] = {}

    @classmethod
    def stored(cls, state: State | None) -> Vocabularies:
        """Those adopted in a workspace, whose state is None where none was made yet."""
        return cls(documents(state))

    def of(self, source: str | None, dialect: str | None = None) -> Vocabulary:
        """What messages of a source are renamed by, which came in a dialect (None: the house's own form)."""
        if (source, dialect) not in self._made:
            self._made[source, dialect] = self._merged(source, dialect)
        return self._made[source, dialect]

    def _merged(self, source: str | None, dialect: str | None) -> Vocabulary:
        inner = builtin().get(dialect) if dialect else None
        layers = [document for document in self.own if source in document.sources]
        layers += [document for document in self.own if not document.sources]
        layers += [inner] if inner else []
        events: dict[str, EventEntry] = {}
        properties: dict[str, PropertyEntry] = {}
        for layer in layers:  # who comes first wins
            events = {**events, **{name: entry for name, entry in layer.events.items() if name not in events}}
            properties |= {name: entry for name, entry in layer.properties.items() if name not in properties}
        return Vocabulary(
            dialect=inner.name if inner else None,
            events=events,
            _by_event={name: _rules(entry.properties) for name, entry in events.items() if entry.properties},
            _rules=_rules(properties),
        )


def documents(state: State | None) -> list[VocabularyDocument]:
    """The workspace's own documents in their newest version, the one adopted first last: it is the least special."""
    if state is None:
        return []
    found = (state.document(KIND, name) for name in reversed(state.names(KIND)))
    return [VocabularyDocument.parse(body) for body in found if body is not None]


@cache
def builtin() -> Mapping[str, VocabularyDocument]:
    """The vocabularies that come with Periplus, by name."""
    folder = resources.files("periplus.collect").joinpath("vocabularies")
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".yaml")]
    found = [VocabularyDocument.parse(text) for text in texts]
    return {document.name: document for document in sorted(found, key=lambda one: one.name)}


def document(name: str, state: State | None) -> VocabularyDocument:
    """One vocabulary by name, the workspace's own or a built-in one; raises NotFoundError with the nearest."""
    own = {one.name: one for one in documents(state)}
    known = {**builtin(), **own}
    if name not in known:
        message, hint, allowed = unknown("vocabulary", name, known)
        raise NotFoundError(message, hint=hint, allowed=allowed)
    return known[name]


def _rules(properties: Mapping[str, PropertyEntry]) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            split_path(path),
            entry.to,
            tuple((split_path(inner), to) for inner, to in (entry.each or {}).items()),
        )
        for path, entry in properties.items()
        if path != entry.to  # says only: leave it as it is
    )


def _added(properties: Mapping[str, Any], rules: tuple[_Rule, ...]) -> dict[str, Any]:
    """The house properties to add; what the client itself sent under a house name stays, an earlier rule wins."""
    added: dict[str, Any] = {}
    for rule in rules:
        if rule.to in properties or rule.to in added:
            continue
        value = _under(properties, rule.keys)
        if rule.each and value is not None:
            value = _elements(value, rule.each)
        if value is not None:
            added[rule.to] = value
    return added


def _under(value: Any, keys: tuple[str, ...]) -> Any:
    """What lies under some keys; a number picks the element of a list."""
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key[:9]) < len(value):
            value = value[int(key[:9])]
        else:
            return None
    return value


def _elements(value: Any, each: tuple[tuple[tuple[str, ...], str], ...]) -> list[dict[str, Any]] | None:
    """A list of objects with their members under house names; None for what is no such list."""
    elements = value if isinstance(value, list) else [value]
    made = []
    for element in elements:
        if isinstance(element, dict):
            members: dict[str, Any] = {}
            for keys, to in each:
                if to not in members and (member := _under(element, keys)) is not None:
                    members[to] = member
            made.append(members)
    return made or None
