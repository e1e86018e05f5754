"""What the door looks at in a message: the kinds of all its fields, the values of a few. The rest is looked over, not read.

Most messages come in the house's own form, and nothing about them needs to change before they are safe. Such a
message is kept as the bytes it came in; making objects of all that is in it, only to write them again, costs more
than everything else that is done at the door.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from periplus.collect import lenient

_Id = str | int | None


class _Object(msgspec.Struct, gc=False):
    """Any object; nothing of it is read."""


class _Contacts(msgspec.Struct, gc=False):
    email: Any = None
    phone: Any = None


class _Context(msgspec.Struct, gc=False):
    consent: Any = None
    traits: Any = None


class Outline(msgspec.Struct, frozen=True, gc=False):
    """A message that `Event.from_segment` accepts, but for its name, its time, a group's id and its depth.

    Of a key that stands in an object twice the last counts, as wherever else JSON is read here.

    >>> found = outlined(b'{"type": "track", "event": "E", "userId": 7, "properties": {"price": 3}}')
    >>> found.userId, found.properties, found.says_consent
    (7, _Object(), False)
    """

    type: Literal["track", "page", "screen", "identify", "group", "alias"] = "track"
    event: Any = None
    timestamp: str | None = None
    userId: _Id = None  # noqa: N815
    anonymousId: _Id = None  # noqa: N815
    previousId: _Id = None  # noqa: N815
    messageId: _Id = None  # noqa: N815
    groupId: Any = None  # noqa: N815
    email: Any = None
    phone: Any = None
    channel: str | None = None
    department: str | None = None
    original: str | None = None
    writeKey: Any = None  # noqa: N815
    consent: Any = None
    properties: _Object | None = None
    context: _Context | None = None
    traits: _Contacts | None = None

    @property
    def says_consent(self) -> bool:
        """Whether there is anything in it about consent."""
        return self.consent is not None or (self.context is not None and self.context.consent is not None)

    def facts(self) -> dict[str, Any]:
        """What consent goes by, as it stands in the message."""
        told: dict[str, Any] = {
            "type": self.type,
            "timestamp": self.timestamp,
            "userId": self.userId,
            "anonymousId": self.anonymousId,
            "email": self.email,
            "phone": self.phone,
            "consent": self.consent,
        }
        if self.traits is not None:
            told["traits"] = {"email": self.traits.email, "phone": self.traits.phone}
        if self.context is not None:
            told["context"] = {"consent": self.context.consent, "traits": self.context.traits}
        return told


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A message as it came: its JSON, without a backslash in it, and its outline."""

    text: bytes
    outline: Outline

    def document(self) -> dict[str, Any]:
        """All of it."""
        return document(self.text)


_read = msgspec.json.Decoder(Outline).decode


def outlined(message: bytes | Mapping[str, Any]) -> Outline:
    """The outline of a message or of its JSON; raises msgspec.ValidationError where a field is of the wrong kind.

    Of JSON that is looked over only the structure is checked: what is no JSON for another reason (a number that is too
    large, bytes that are no text) may stay unseen until it is read.
    """
    return _read(message) if isinstance(message, bytes) else msgspec.convert(message, Outline)


def document(text: bytes) -> dict[str, Any]:
    """All of a message whose outline was read; values that are none are null."""
    found: dict[str, Any] = lenient.decoded(text)
    return found
