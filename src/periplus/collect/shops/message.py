"""Messages in the Segment spec, built of what a shop system's body says; what is unknown is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Who a body speaks of: a customer's id in the shop, e-mail, phone, and an id of the cart or device.

    `consent` is by purpose, per channel where the shop keeps it so: `marketing.email`, `marketing.sms`.
    """

    user: str | None = None
    email: str | None = None
    phone: str | None = None
    device: str | None = None
    consent: Mapping[str, bool] = field(default_factory=dict)


def track(
    event: str,
    message_id: str,
    at: str | None,
    person: Person,
    properties: Mapping[str, Any],
    context: Mapping[str, Any] | None = None,
    channel: str | None = None,
) -> Message:
    """A thing that happened at `at` (ISO; None: when it is received)."""
    return _message("track", message_id, at, person, context, event=event, channel=channel) | {
        "properties": known(properties)
    }


def identify(message_id: str, at: str | None, person: Person, traits: Mapping[str, Any]) -> Message:
    """What is said of a person as of `at`."""
    return _message("identify", message_id, at, person, None) | {"traits": known(traits)}


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not there: nothing, and objects in which nothing is left.

    >>> known({"a": None, "b": {"c": None}, "d": 0, "e": []})
    {'d': 0, 'e': []}
    """
    kept = {key: known(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    return {key: value for key, value in kept.items() if value is not None and value != {}}


def _message(
    kind: str, message_id: str, at: str | None, person: Person, context: Mapping[str, Any] | None, **more: Any
) -> Message:
    said = dict(context or {})
    if person.consent:
        said["consent"] = {"categoryPreferences": dict(person.consent)}
    return known(
        {
            "type": kind,
            **more,
            "messageId": message_id,
            "timestamp": at,
            "userId": person.user,
            "anonymousId": person.device,
            "email": person.email,
            "phone": person.phone,
            "context": said,
        }
    )
