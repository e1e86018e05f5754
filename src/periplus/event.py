"""One thing that happened: who, what, when, where, with which consent.

Events come in as the Segment spec writes them (`Event.from_segment`; the importers and the doors of
other dialects translate to it) and go out the same way (`to_segment`). `flatten` and `unflatten` are
the two directions between nested properties and the flat paths that the store keeps in columns.

A message that cannot become an event raises `InputError`, whose `code` is one of `REASONS`:

    ==================  ==============================================================
    `not_an_object`     the message, or its properties, context or traits, is no object
    `unknown_type`      the type is none of track, page, screen, identify, group, alias
    `no_event_name`     a track message has no name, or one that is no text
    `bad_time`          the timestamp is no ISO 8601 time, or out of range
    `bad_identifier`    an id is neither a text nor a whole number
    `bad_field`         a plain field (channel, source, department, original) is no text
    `too_deep`          objects and lists lie more than 32 deep in each other
    ==================  ==============================================================
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from periplus.clock import instant, iso
from periplus.errors import InputError, QuestionError, unknown

REASONS = {
    "not_an_object": "Send the message and its properties, context and traits as JSON objects.",
    "unknown_type": "Use one of track, page, screen, identify, group, alias.",
    "no_event_name": "Name the event in `event`, for example 'Product Added'.",
    "bad_time": "Write `timestamp` as ISO 8601, for example '2026-07-01T13:00:00Z'.",
    "bad_identifier": "Send ids as text.",
    "bad_field": "Send channel, source, department and original as text.",
    "too_deep": "Nest properties less deeply.",
}
TYPES = ("track", "page", "screen", "identify", "group", "alias")
STATEMENTS = frozenset({"identify", "group", "alias"})
"""Types that say who somebody is; they are no events of the journey."""
VIEWS = {"page": "Page Viewed", "screen": "Screen Viewed"}
MAX_DEPTH = 32
_KEY = re.compile(r"((?:[^\\.]|\\.|\\$)*)(\.|$)", re.DOTALL)
_UNESCAPE = re.compile(r"\\([\\.])")


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One event, or one statement about who somebody is; times in microseconds UTC.

    `event` is the name: as sent for track, `Page Viewed` and `Screen Viewed` for views, and the type
    itself for statements; `original` is the name as it was sent where a vocabulary changed it. Texts are as they
    were sent, the names alone in NFC.

    >>> sent = {"type": "track", "event": "Product Added", "userId": 7, "timestamp": "1970-01-01T00:00:01Z"}
    >>> added = Event.from_segment(sent, received=0)
    >>> added.user_id, added.time
    ('7', 1000000)
    """

    type: str
    event: str
    time: int
    original: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None
    email: str | None = None
    phone: str | None = None
    previous_id: str | None = None
    message_id: str | None = None
    channel: str | None = None
    department: str | None = None
    source: str | None = None
    properties: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}
    traits: Mapping[str, Any] = {}
    consent: Mapping[str, Any] | None = None
    received_at: int | None = None

    @classmethod
    def from_segment(cls, document: Mapping[str, Any], received: int, zone: tzinfo = UTC) -> Event:
        """The event of a Segment-spec message received at `received` (which is its time if it names none).

        A timestamp without offset is in `zone`. The e-mail address and phone number are taken from the
        message, else from its traits, else from `context.traits` (a group's traits speak of the group).
        Clock skew (`sentAt`) is the collector's business. Raises InputError with a code of `REASONS`.
        """
        if not isinstance(document, Mapping):
            raise _refused("not_an_object", "The message is not an object.")
        kind = document.get("type", "track")
        if kind not in TYPES:
            message, hint, allowed = unknown("message type", str(kind), TYPES)
            raise InputError(message, code="unknown_type", hint=hint, allowed=allowed)
        properties = dict(_object(document, "properties"))
        context = dict(_object(document, "context"))
        traits = _object(document, "traits")
        for name in ("name", "category") if kind in VIEWS else ():
            if document.get(name) is not None:
                properties.setdefault(name, document[name])
        if kind == "group" and document.get("groupId") is not None:
            context["groupId"] = _identifier(document, "groupId")
        consent = _take_consent(context)
        if _too_deep((properties, context, traits), MAX_DEPTH):
            raise _refused("too_deep", f"Properties lie more than {MAX_DEPTH} deep in each other.")
        shared = context.get("traits")
        own = [] if kind == "group" else [traits]
        said = [document, *own, *([shared] if isinstance(shared, Mapping) else [])]
        return cls(
            type=kind,
            event=_name(kind, document),
            time=_time(document, "timestamp", zone, received),
            original=_composed(_text(document, "original")),
            user_id=_identifier(document, "userId"),
            anonymous_id=_identifier(document, "anonymousId"),
            email=_first(said, "email"),
            phone=_first(said, "phone"),
            previous_id=_identifier(document, "previousId"),
            message_id=_identifier(document, "messageId"),
            channel=_text(document, "channel"),
            department=_text(document, "department"),
            source=_text(document, "source"),
            properties=properties,
            context=context,
            traits=traits,
            consent=consent,
            received_at=_time(document, "receivedAt", zone, received),
        )

    def to_segment(self) -> dict[str, Any]:
        """The message as the Segment spec writes it; `from_segment` reads it back as the same event."""
        context = dict(self.context)
        group = context.pop("groupId", None) if self.type == "group" else None
        if self.consent is not None:
            kept = context.get("consent")
            rest = kept if isinstance(kept, Mapping) else {}
            context["consent"] = {**rest, "categoryPreferences": self.consent}
        shared = context.get("traits")
        told = [{} if self.type == "group" else self.traits, shared if isinstance(shared, Mapping) else {}]
        fields = {
            "type": self.type,
            "event": self.event if self.type == "track" else None,
            "original": self.original,
            "timestamp": iso(self.time),
            "receivedAt": None if self.received_at is None else iso(self.received_at),
            "messageId": self.message_id,
            "userId": self.user_id,
            "anonymousId": self.anonymous_id,
            "previousId": self.previous_id,
            "groupId": group,
            "email": None if self.email == _first(told, "email") else self.email,
            "phone": None if self.phone == _first(told, "phone") else self.phone,
            "channel": self.channel,
            "department": self.department,
            "source": self.source,
        }
        bodies = {"properties": self.properties, "traits": self.traits, "context": context}
        document = {key: value for key, value in fields.items() if value is not None}
        return document | {key: body for key, body in bodies.items() if body}

    def facts(self) -> dict[str, Any]:
        """The event as the mapping that `Condition.matches` reads."""
        return {
            "event": self.event,
            "type": self.type,
            "channel": self.channel,
            "source": self.source,
            "department": self.department,
            "properties": self.properties,
            "context": self.context,
            "traits": self.traits,
        }


def flatten(nested: Mapping[str, Any], root: str) -> dict[str, Any]:
    """Nested objects as one flat `{path: leaf}`, each path beginning with `root`.

    A leaf is a text, a number, a boolean, a list (never looked into) or an empty object. Nulls, and
    numbers that JSON cannot write (NaN, infinities), are left out. A dot or backslash inside a key is
    escaped by a backslash, so no two objects share a form.

    >>> flatten({"price": 3, "size": {"eu": 42}, "a.b": [1]}, "properties")
    {'properties.price': 3, 'properties.size.eu': 42, 'properties.a\\\\.b': [1]}
    """
    leaves: dict[str, Any] = {}
    for key, value in nested.items():
        path = f"{root}.{escape(str(key))}"
        if isinstance(value, Mapping) and value:
            leaves.update(flatten(value, path))
        elif value is not None and not (isinstance(value, float) and not math.isfinite(value)):
            leaves[path] = value
    return leaves


def unflatten(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """The nested objects of flat leaves, by root: the inverse of `flatten`.

    >>> unflatten({"properties.size.eu": 42, "context.ip": "::1"})
    {'properties': {'size': {'eu': 42}}, 'context': {'ip': '::1'}}
    """
    nested: dict[str, Any] = {}
    for path, leaf in leaves.items():
        *way, last = split_path(path)
        place = nested
        for key in way:
            below = place.setdefault(key, {})
            if not isinstance(below, dict):  # a leaf where others have an object: the deeper one stays
                below = place[key] = {}
            place = below
        place[last] = leaf
    return nested


def escape(key: str) -> str:
    """A key as one part of a path: backslashes and dots escaped."""
    return key.replace("\\", "\\\\").replace(".", "\\.") if "." in key or "\\" in key else key


def split_path(path: str) -> tuple[str, ...]:
    r"""The keys of a path, unescaped; a backslash before any other character stands for itself.

    >>> split_path(r"properties.a\.b.c")
    ('properties', 'a.b', 'c')
    """
    if "\\" not in path:
        return tuple(path.split("."))
    return tuple(_UNESCAPE.sub(r"\1", key) for key in _parts(path))


def join_path(keys: tuple[str, ...]) -> str:
    """The path of some keys; the inverse of `split_path`."""
    return ".".join(escape(key) for key in keys)


def _parts(path: str) -> Iterator[str]:
    place = 0
    while True:
        match = _KEY.match(path, place)
        if match is None:  # cannot be: the pattern also matches nothing at all
            raise ValueError(path)
        yield match[1]
        if not match[2]:
            return
        place = match.end()


def _refused(reason: str, message: str) -> InputError:
    return InputError(message, code=reason, hint=REASONS[reason])


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _refused("not_an_object", f"{name!r} is not an object.")
    return value


def _name(kind: str, document: Mapping[str, Any]) -> str:
    if kind in STATEMENTS:
        return kind
    if kind in VIEWS:
        return VIEWS[kind]
    name = document.get("event")
    if not isinstance(name, str) or not name.strip():
        raise _refused("no_event_name", "The message has no event name.")
    return unicodedata.normalize("NFC", name)


def _composed(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFC", text)


def _identifier(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _refused("bad_identifier", f"{name!r} is not an identifier.")


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _refused("bad_field", f"{name!r} is not a text.")
    return value


def _first(said: list[Any], name: str) -> str | None:
    """The first text or whole number under `name`; other values say nothing (traits are free)."""
    for place in said:
        value = place.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def _time(document: Mapping[str, Any], name: str, zone: tzinfo, received: int) -> int:
    value = document.get(name)
    if value is None:
        return received
    if not isinstance(value, str):
        raise _refused("bad_time", f"{name!r} is not a time.")
    try:
        return instant(value, zone if isinstance(zone, ZoneInfo) else ZoneInfo("UTC"))
    except (QuestionError, ValueError, OverflowError):
        raise _refused("bad_time", f"{name!r} is not a time: {value[:40]!r}.") from None


def _take_consent(context: dict[str, Any]) -> Mapping[str, Any] | None:
    """Moves `context.consent.categoryPreferences` (where the Segment spec keeps consent) out of it."""
    said = context.get("consent")
    if not isinstance(said, Mapping) or not isinstance(said.get("categoryPreferences"), Mapping):
        return None
    preferences: Mapping[str, Any] = said["categoryPreferences"]
    others = {key: value for key, value in said.items() if key != "categoryPreferences"}
    if others:
        context["consent"] = others
    else:
        del context["consent"]
    return preferences


def _too_deep(value: Any, left: int) -> bool:
    if isinstance(value, Mapping):
        return left < 0 or any(_too_deep(each, left - 1) for each in value.values())
    if isinstance(value, list | tuple):
        return left < 0 or any(_too_deep(each, left - 1) for each in value)
    return False
