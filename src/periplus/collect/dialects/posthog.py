"""The PostHog capture API, as its libraries for servers and browsers send it: single events, lists and batches.

A `distinct_id` is a visitor where the library says so (`$is_identified`, or equal to `$device_id`), or where it made
one up for an event of nobody; else a user. `$pageview` is a page, `$screen` a screen, `$identify` and `$set` say
what is known of a person; every other event keeps its name, `$autocapture` among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from periplus.clock import iso
from periplus.collect.dialects import body, browser
from periplus.collect.dialects.answer import all_rejected, answered, rejected
from periplus.collect.dialects.told import Ids, Message, each, iso_time, micros, name_of, part, refused
from periplus.collect.wire import DIALECTS, Outcome, Reading, Reply, Request
from periplus.errors import InputError

PATHS = ("/batch", "/capture", "/e", "/i/v0/e")
OWN = frozenset({"token", "distinct_id", "$device_id", "$user_id", "$set", "$groups", "$anon_distinct_id"})
"""Properties that become fields of the message."""
NOBODY = frozenset({"", "$posthog_cookieless"})
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class PostHog:
    """Write key: `api_key` or `token` of the body, of its first event, or of that one's properties."""

    name = "posthog"
    title = "PostHog"
    routes: Sequence[tuple[str, str]] = tuple(("POST", f"{path}{end}") for path in PATHS for end in ("/", ""))

    def read(self, request: Request) -> Reading:
        document = _document(request)
        said = document if isinstance(document, dict) else {}
        events = document if isinstance(document, list) else said.get("batch", [document])
        if not isinstance(events, list):
            raise body.malformed("`batch` is not a list.", 'Send {"api_key": …, "batch": [{"event": …}]}.')
        first = next((event for event in events if isinstance(event, dict)), {})
        sent_at = said.get("sent_at") or _sent(body.first(request.query, "_"))
        ids = Ids(self.name, request.received)
        messages = each(events, lambda event: _message(event, request.received, ids))
        return Reading(
            _key(said) or _key(first), messages, sent_at=sent_at if isinstance(sent_at, str | int) else None
        )

    def again(self, payload: dict[str, Any], received: int) -> Reading:
        ids = Ids(self.name, received)
        return Reading(None, each([payload], lambda event: _message(event, received, ids)))

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        del request, reading
        refused_ones = rejected(outcomes)
        if all_rejected(outcomes):
            told = refused_ones[0]
            return _error(400, told["reason"] or "rejected", told["message"] or "")
        return answered({"status": 1, "rejected": refused_ones} if refused_ones else {"status": 1})

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del request
        return _error(status, code, message)


def _document(request: Request) -> Any:
    """The JSON of a body, which old versions of the browser's library send as a form."""
    raw = request.body.lstrip()
    if raw.startswith(b"data="):
        raw = body.packed(body.form(raw)["data"])
    return body.decoded(raw)


def _sent(text: str | None) -> str | None:
    """The time of sending that the browser writes into the query."""
    try:
        at = micros(text, "_")
    except InputError:
        return None
    return None if at is None else iso(at)


def _key(said: Mapping[str, Any]) -> str | None:
    properties = said.get("properties")
    inner = properties.get("token") if isinstance(properties, Mapping) else None
    for value in (said.get("api_key"), said.get("token"), said.get("$token"), inner):
        if isinstance(value, str) and value:
            return value
    return None


def _message(event: dict[str, Any], received: int, ids: Ids) -> Message:
    name, properties = name_of(event), part(event, "properties")
    at = _time(event, received)
    uuid = event.get("uuid") or properties.get("$insert_id")
    content = [event.get("event"), event.get("distinct_id"), event.get("timestamp"), properties]
    message: Message = {
        "type": "track",
        "messageId": uuid if isinstance(uuid, str) else ids.of(content, timed=at is not None),
        **_ids(event, properties),
        "context": browser.context(properties),
    }
    if at is not None:
        message["timestamp"] = at
    if (traits := _traits(event, properties)) != {}:
        message["traits"] = traits
    _groups(message["context"], part(properties, "$groups"))
    return message | _kind(name, message, event, properties)


def _kind(name: str, message: Message, event: Mapping[str, Any], properties: Mapping[str, Any]) -> Message:
    """What an event is by its name, with what only such events have."""
    if name in ("$identify", "$set", "$set_once", "$unset"):
        before = properties.get("$anon_distinct_id")
        return {"type": "identify"} | ({"anonymousId": before} if before else {})
    if name in ("$create_alias", "$merge_dangerously"):
        return _alias(event, properties)
    if name == "$groupidentify":
        return _group(message, properties)
    told = {key: value for key, value in properties.items() if key not in OWN}
    if name == "$pageview":
        return {"type": "page", "properties": told}
    if name == "$screen":
        return {"type": "screen", "name": properties.get("$screen_name"), "properties": told}
    return {"event": name, "properties": told}


def _ids(event: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    distinct = event.get("distinct_id") or properties.get("distinct_id") or event.get("$distinct_id")
    device = properties.get("$device_id")
    if isinstance(distinct, str) and distinct in NOBODY:
        return {}
    made_up = properties.get("$process_person_profile") is False and _is_uuid(distinct)
    visitor = properties.get("$is_identified") is False or (isinstance(distinct, str) and distinct == device)
    if visitor or not distinct or (made_up and not device):
        return {"anonymousId": distinct or device}
    return {"userId": distinct} | ({"anonymousId": device} if device else {})


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _time(event: Mapping[str, Any], received: int) -> str | None:
    """The event's time; the browser may say instead how many milliseconds ago it was."""
    at = iso_time(event.get("timestamp"), "timestamp")
    ago = event.get("offset")
    if at is None and isinstance(ago, int | float) and not isinstance(ago, bool) and 0 <= ago < 10**10:
        return iso(received - round(ago * 1000))
    return at


def _traits(event: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """`$set` as traits; `$set_once`, of which only the first counts, and `$unset` under their own names."""
    found: dict[str, Any] = {}
    for said in (properties, event):
        for name in ("$set_once", "$unset"):
            if said.get(name):
                found[name] = said[name]
        found |= part(said, "$set")
    return found


def _groups(context: dict[str, Any], groups: Mapping[str, Any]) -> None:
    """The groups an event belongs to, by their type; a single one also as Segment has it."""
    if groups:
        context["groups"] = dict(groups)
        if len(groups) == 1:
            context["groupId"] = next(iter(groups.values()))


def _group(message: Message, properties: Mapping[str, Any]) -> Message:
    """What is said of a group. Servers send it with an id of nobody: made up, or type and key in one."""
    kind, key = properties.get("$group_type"), properties.get("$group_key")
    if key in (None, ""):
        raise refused("bad_identifier", "The event has no `$group_key`.")
    user = message.get("userId")
    both = isinstance(kind, str) and isinstance(key, str) and user == f"${kind}_{key}"
    return {
        "type": "group",
        "groupId": key,
        "userId": None if both or _is_uuid(user) else user,
        "traits": dict(part(properties, "$group_set")),
        "context": {**message["context"], "groupType": kind},
    }


def _alias(event: Mapping[str, Any], properties: Mapping[str, Any]) -> Message:
    """Two ids of one person. Which is whose differs between libraries: the first may also be known as a device."""
    new = properties.get("alias")
    old = properties.get("distinct_id") or event.get("distinct_id")
    if new in (None, "") or old in (None, ""):
        raise refused("bad_identifier", "An alias needs `alias` and `distinct_id`.")
    return {"type": "alias", "userId": new, "previousId": old, "anonymousId": new}


def _error(status: int, code: str, message: str) -> Reply:
    """As PostHog's clients read it."""
    return answered({"type": "validation_error", "code": code, "detail": message, "attr": None}, status)


DIALECTS.add(PostHog.name, PostHog())
