"""The Mixpanel ingestion API: events, what is said of people and of groups, and imports of the past.

A body is JSON, lines of JSON, or a form whose `data` is JSON, plain or in base64; `data` may also stand in the query.
`distinct_id` is a visitor where the library says so (`$device:…`, or equal to `$device_id`), else a user.
`$set` of a person becomes traits; the other changes (`$add`, `$append`, `$set_once` …) are kept under their
own names beside them, for they mean something only to who counts them up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from periplus.collect.dialects import body, browser
from periplus.collect.dialects.answer import all_rejected, answered, rejected
from periplus.collect.dialects.told import (
    MOST_MESSAGES,
    Ids,
    Message,
    each,
    iso_time,
    name_of,
    part,
    refused,
    too_many,
    without_secrets,
)
from periplus.collect.wire import DIALECTS, Fate, Outcome, Reading, Refused, Reply, Request
from periplus.errors import InputError

PATHS = ("/track", "/import", "/engage", "/groups")
PREFIX = "/mixpanel"
"""Every path works under it too, for hosts where the plain one means something else."""
PERSON = {
    "$email": "email", "$phone": "phone", "$name": "name", "$first_name": "firstName",
    "$last_name": "lastName", "$created": "createdAt", "$avatar": "avatar",
}  # fmt: skip
"""Mixpanel's own properties of people as the Segment spec names them."""
CHANGES = ("$set_once", "$add", "$append", "$union", "$remove", "$unset", "$delete")
OWN = frozenset({"token", "time", "$insert_id", "distinct_id", "$device_id", "$user_id"})
"""Properties that become fields of the message."""
_ANONYMOUS = "$device:"
_TOKEN = re.compile(r'("[$]?token"\s*:\s*")[^"]*')
_STATUS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
}


class Mixpanel:
    """Write key: `token` (`$token`) of the first record, else the user of Basic authentication, else of the form."""

    name = "mixpanel"
    title = "Mixpanel"
    routes: Sequence[tuple[str, str]] = tuple(
        (method, f"{prefix}{path}{end}")
        for path in PATHS
        for method in ("POST", "GET")
        for prefix in ("", PREFIX)
        for end in ("", "/")
    )

    def read(self, request: Request) -> Reading:
        fields = _form(request)
        raw = fields.get("data")
        records, damaged = _records(request.body if raw is None else body.packed(raw))
        first = next((record for record in records if isinstance(record, dict)), {})
        key = (
            _token(first) or body.basic_user(request.headers) or fields.get("token") or fields.get("api_key")
        )
        ids = Ids(self.name, request.received)
        reader = READERS[_path(request)]
        messages = each(records, lambda record: reader(record, ids))
        inserted = [_insert_id(record) for record in records]
        found = {"form": raw is not None, "fields": fields, "inserted": inserted}
        return Reading(key, [*messages, *damaged], found=found)

    def again(self, payload: dict[str, Any], received: int) -> Reading:
        path = "/groups" if "$group_key" in payload else "/track" if "event" in payload else "/engage"
        ids = Ids(self.name, received)
        return Reading(None, each([payload], lambda record: READERS[path](record, ids)))

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        if _path(request) == "/import" and not reading.found["form"]:
            return _imported(reading, outcomes)
        # One good record makes a good batch: a client that is told otherwise sends all of it again, for ever.
        told = rejected(outcomes)[0]["message"] if all_rejected(outcomes) else None
        return _answer(reading.found["fields"], 200, told)

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del code
        try:
            fields = _form(request)
        except InputError:
            fields = {}
        if _path(request) == "/import" and "data" not in fields:
            return answered(
                {"code": status, "error": message, "status": _STATUS.get(status, "Error")}, status
            )
        return _answer(fields, status, message)


def _path(request: Request) -> str:
    return request.path.removeprefix(PREFIX).rstrip("/")


def _form(request: Request) -> dict[str, str]:
    """The fields of query and form; the content decides whether the body is one, not its label."""
    fields: dict[str, str] = {}
    for name, value in request.query:
        fields.setdefault(name, value)
    head = request.body[:4096].lstrip()
    if b"data=" in head and head[:1] not in (b"{", b"["):
        fields |= body.form(request.body)
    return fields


def _records(raw: bytes) -> tuple[list[Any], list[Refused]]:
    """The records of a body, and the lines that are none, where it is lines of JSON."""
    try:
        found = body.decoded(raw)
        return (found if isinstance(found, list) else [found]), []
    except InputError:
        lines = [line for line in raw.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
    if len(lines) > MOST_MESSAGES:
        raise too_many()
    records, damaged = [], []
    for line in lines:
        try:
            records.append(body.decoded(line))
        except InputError as problem:
            text = _TOKEN.sub(r"\1…", line[:1000].decode("utf-8", "replace"))
            damaged.append(Refused("not_an_object", str(problem), text))
    if not records:
        raise body.malformed("No line of the body is JSON.", "Send JSON, or one JSON object a line.")
    return records, damaged


def _event(record: dict[str, Any], ids: Ids) -> Message:
    name, properties = name_of(record), part(record, "properties")
    at = iso_time(properties.get("time"), "time")
    sent = _sent_id(properties.get("$insert_id"))
    message: Message = {
        "type": "track",
        "messageId": sent or ids.of(without_secrets(record), timed=at is not None),
        **_ids(properties),
        "context": browser.context(properties),
    }
    if at is not None:
        message["timestamp"] = at
    if name == "$identify":
        return message | _identified(properties)
    if name in ("$create_alias", "$merge"):
        return message | _alias(properties)
    told = {key: value for key, value in properties.items() if key not in OWN}
    return message | {"event": name, "properties": told}


def _ids(said: Mapping[str, Any]) -> dict[str, Any]:
    """Who it is: `$user_id` and `$device_id` where the library sends them, else `distinct_id` by its look."""
    user, device, distinct = said.get("$user_id"), _device(said.get("$device_id")), said.get("distinct_id")
    if user in (None, ""):
        visitor = isinstance(distinct, str) and (distinct.startswith(_ANONYMOUS) or distinct == device)
        user, device = (None, device or _device(distinct)) if visitor else (distinct, device)
    return {"userId": user, "anonymousId": device}


def _device(value: Any) -> Any:
    return value.removeprefix(_ANONYMOUS) if isinstance(value, str) else value


def _identified(said: Mapping[str, Any]) -> Message:
    """A visitor who is now known; said by a server, which knows only ids, it joins them as an alias does."""
    user = said.get("$identified_id") or said.get("$user_id") or said.get("distinct_id")
    before = said.get("$anon_id") or said.get("$anon_distinct_id")
    device = _device(said.get("$device_id"))
    if device or not before or (isinstance(before, str) and before.startswith(_ANONYMOUS)):
        return {"type": "identify", "userId": user, "anonymousId": device or _device(before)}
    return {"type": "alias", "userId": user, "previousId": before, "anonymousId": None}


def _alias(said: Mapping[str, Any]) -> Message:
    """Two ids of one person. Which is whose differs between libraries: the first may also be known as a device."""
    both = said.get("$distinct_ids")
    new, old = (
        both[:2] if isinstance(both, list) and len(both) > 1 else (said.get("alias"), said.get("distinct_id"))
    )
    new, old = _device(new), _device(old)
    if new in (None, "") or old in (None, ""):
        raise refused("bad_identifier", "An alias needs two ids.")
    return {"type": "alias", "userId": new, "previousId": old, "anonymousId": new}


def _person(record: dict[str, Any], ids: Ids) -> Message:
    """What is said of a person, as `identify`."""
    if "$delete" in record:
        raise refused(
            "unknown_type", "`$delete` of a person is not done from here.", "Erase the customer in Periplus."
        )
    said = {name.removeprefix("$"): record[name] for name in ("$distinct_id",) if name in record}
    known = _ids({**record, **said})
    if all(value in (None, "") for value in known.values()):
        raise refused("bad_identifier", "The record has no `$distinct_id`.")
    return _stated(record, ids) | {"type": "identify", **known}


def _group(record: dict[str, Any], ids: Ids) -> Message:
    """What is said of a group, such as a company; nobody in particular."""
    if record.get("$group_id") in (None, ""):
        raise refused("bad_identifier", "The record has no `$group_id`.")
    context = {"groupType": record.get("$group_key")}
    return _stated(record, ids) | {"type": "group", "groupId": record["$group_id"], "context": context}


def _stated(record: dict[str, Any], ids: Ids) -> Message:
    at = iso_time(record.get("$time"), "$time")
    stated = {PERSON.get(name, name): value for name, value in part(record, "$set").items()}
    changes = {name: record[name] for name in CHANGES if name in record}
    if not stated and not changes:
        raise refused("not_an_object", "The record says nothing.", "Send `$set` with what is to be known.")
    content = without_secrets(record)
    message = {"messageId": ids.of(content, timed=at is not None), "traits": {**changes, **stated}}
    return message if at is None else message | {"timestamp": at}


def _token(record: Mapping[str, Any]) -> str | None:
    properties = record.get("properties")
    inner = properties.get("token") if isinstance(properties, Mapping) else None
    for value in (inner, record.get("$token"), record.get("token")):
        if isinstance(value, str) and value:
            return value
    return None


def _insert_id(record: Any) -> str | None:
    properties = record.get("properties") if isinstance(record, Mapping) else None
    return _sent_id(properties.get("$insert_id")) if isinstance(properties, Mapping) else None


def _sent_id(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _answer(fields: Mapping[str, str], status: int, told: str | None) -> Reply:
    """1 or 0 as text, unless the words are asked for."""
    good = told is None and status < 400
    if fields.get("verbose") in (None, "", "0"):
        return Reply(status, b"1" if good else b"0", "text/plain")
    return answered({"status": int(good), "error": told}, status)


def _imported(reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
    """As `/import` answers: 400 says which records failed, while the others are in."""
    failed = rejected(outcomes)
    dropped = sum(outcome.fate is Fate.REJECTED for outcome in outcomes)
    taken = {"num_records_imported": len(outcomes) - dropped}
    if not failed:
        return answered({"code": 200, **taken, "status": _STATUS[200]})
    inserted = reading.found["inserted"]
    records = [
        {
            "index": one["index"],
            "insert_id": inserted[one["index"]] if one["index"] < len(inserted) else None,
            "field": one["reason"],
            "message": one["message"],
        }
        for one in failed
    ]
    said = {"error": "some data points in the request failed validation", "failed_records": records}
    return answered({"code": 400, **taken, "status": _STATUS[400], **said}, 400)


READERS = {"/track": _event, "/import": _event, "/engage": _person, "/groups": _group}
"""What the records of each path are read by."""
DIALECTS.add(Mixpanel.name, Mixpanel())
