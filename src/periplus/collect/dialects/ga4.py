"""The GA4 Measurement Protocol: events of a client, and what is wrong with them, said where Google says nothing.

What cannot be an event, and what Google's limits drop whole (more than 25 events, names it does not take), is
refused and counted. What Google would cut (long values, more than 25 parameters, old times) is kept, and
`/debug` says so. `/debug/mp/collect` takes nothing in: it answers in full what `/mp/collect` would have done.

GA4 events have no ids: sent again with its own time, or within the second, an event is the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from periplus.clock import iso
from periplus.collect.dialects import body
from periplus.collect.dialects.answer import answered, rejected
from periplus.collect.dialects.ga4_limits import (
    Finding,
    Findings,
    check_name,
    check_params,
    check_time,
    finding,
)
from periplus.collect.dialects.told import (
    MOST_MESSAGES,
    Ids,
    Message,
    known,
    micros,
    name_of,
    part,
    refused,
    too_many,
)
from periplus.collect.purposes import by_purpose
from periplus.collect.wire import DIALECTS, Outcome, Reading, Refused, Reply, Request
from periplus.errors import InputError
from periplus.event import Event

MOST_EVENTS = 25
LONGEST_BODY = 130_000
CAMPAIGN = {
    "campaign": "name",
    "source": "source",
    "medium": "medium",
    "term": "term",
    "content": "content",
}
"""Parameters of traffic as the Segment spec names them; without campaign or medium they are something else."""
TOO_LARGE = "too_large"
"""The reason of events after the most a request may have."""
_DEBUG = "/debug/"
_CODES = {
    TOO_LARGE: "EXCEEDED_MAX_ENTITIES",
    "no_event_name": "NAME_INVALID",
    "bad_identifier": "VALUE_REQUIRED",
    "bad_time": "VALUE_INVALID",
}


class Ga4:
    """Write key: `api_secret` of the query; `measurement_id` is not needed."""

    name = "ga4"
    title = "GA4 Measurement Protocol"
    routes: Sequence[tuple[str, str]] = (("POST", "/mp/collect"), ("POST", "/debug/mp/collect"))

    def read(self, request: Request) -> Reading:
        key = body.first(request.query, "api_secret")
        if not request.path.startswith(_DEBUG):
            return Reading(key, _messages(request, []))
        findings: Findings = []
        try:
            for place, message in enumerate(_messages(request, findings)):
                findings += _unusable(message, place, request.received)
        except InputError as problem:
            findings.append(finding("", str(problem), "VALUE_INVALID"))
        return Reading(key, [], found={"findings": findings})

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        if request.path.startswith(_DEBUG):
            return answered({"validationMessages": reading.found["findings"]})
        dropped = [_dropped(one["index"], one["reason"], one["message"]) for one in rejected(outcomes)]
        return answered({"validationMessages": dropped})

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del request
        findings = [finding("", message, "VALUE_INVALID")]
        return answered({"code": code, "message": message, "validationMessages": findings}, status)


def _messages(request: Request, findings: Findings) -> list[Message | Refused]:
    """The events of a body; adds to `findings` what is kept although Google would not have it."""
    document = body.decoded_object(request.body)
    events = document.get("events")
    if not isinstance(events, list):
        raise body.malformed("The body has no `events`.", 'Send {"client_id": …, "events": [{"name": …}]}.')
    if len(events) > MOST_MESSAGES:
        raise too_many()
    if len(request.body) > LONGEST_BODY:
        findings.append(finding("", "Google takes bodies up to 130 kB.", "VALUE_OUT_OF_BOUNDS"))
    ids = Ids(Ga4.name, request.received)
    found: list[Message | Refused] = []
    for place, event in enumerate(events):
        try:
            if place >= MOST_EVENTS:
                raise InputError(
                    f"This is event {place + 1} of its request, which may have {MOST_EVENTS}.",
                    code=TOO_LARGE,
                    hint="Send the rest in another request.",
                )
            if not isinstance(event, dict):
                raise refused("not_an_object", "The event is not an object.")
            found.append(_message(event, document, request, ids, findings, f"events[{place}]"))
        except InputError as problem:
            found.append(Refused(problem.code, str(problem), event))
    return found


def _message(
    event: dict[str, Any],
    document: Mapping[str, Any],
    request: Request,
    ids: Ids,
    findings: Findings,
    path: str,
) -> Message:
    device = document.get("client_id") or document.get("app_instance_id")
    user = document.get("user_id")
    if device in (None, "") and user in (None, ""):
        raise refused("bad_identifier", "The body has no `client_id`.", "Send `client_id` as text.")
    name = name_of(event, "name")
    params = part(event, "params")
    sent = event.get("timestamp_micros")
    at = micros(document.get("timestamp_micros") if sent in (None, "") else sent, "timestamp_micros")
    findings += check_name(name, path)
    findings += check_params(params, path)
    message: Message = {
        "type": "track",
        "event": name,
        "messageId": ids.of([device, user, at, name, params], timed=at is not None),
        "anonymousId": device,
        "userId": user,
        "properties": dict(params),
        "traits": _traits(document),
        "context": _context(params, document),
    }
    if at is not None:
        findings += check_time(at, request.received, path)
        message["timestamp"] = iso(at)
    return message


def _traits(document: Mapping[str, Any]) -> dict[str, Any]:
    """User properties without the envelope that each has."""
    return {
        name: entry.get("value") if isinstance(entry, Mapping) else entry
        for name, entry in part(document, "user_properties").items()
    }


def _context(params: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    device, place = part(document, "device"), part(document, "user_location")
    campaign = {ours: _text(params.get(theirs)) for theirs, ours in CAMPAIGN.items()}
    consent = by_purpose(part(document, "consent"))
    if document.get("non_personalized_ads") is True:
        consent |= by_purpose({"ad_personalization": False})
    return known(
        {
            "page": {
                "url": _text(params.get("page_location")),
                "referrer": _text(params.get("page_referrer")),
                "title": _text(params.get("page_title")),
            },
            "campaign": campaign if campaign["name"] or campaign["medium"] else {},
            "locale": _text(device.get("language")) or _text(params.get("language")),
            "userAgent": _text(document.get("user_agent")),
            "ip": _text(document.get("ip_override")),
            "device": {
                "type": _text(device.get("category")),
                "model": _text(device.get("model")),
                "manufacturer": _text(device.get("brand")),
            },
            "os": {
                "name": _text(device.get("operating_system")),
                "version": _text(device.get("operating_system_version")),
            },
            "browser": {
                "name": _text(device.get("browser")),
                "version": _text(device.get("browser_version")),
            },
            "location": {
                "city": _text(place.get("city")),
                "region": _text(place.get("region_id")),
                "country": _text(place.get("country_id")),
            },
            "consent": {"categoryPreferences": consent},
        }
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _unusable(message: Message | Refused, place: int, received: int) -> Findings:
    """Why an event would not be taken; empty where it would."""
    if isinstance(message, Refused):
        return [_dropped(place, message.reason, message.message)]
    try:
        Event.from_segment(message, received)
    except InputError as problem:
        return [_dropped(place, problem.code, str(problem))]
    return []


def _dropped(place: int, reason: str | None, message: str | None) -> Finding:
    return finding(f"events[{place}]", message or "", _CODES.get(reason or "", "VALUE_INVALID"))


DIALECTS.add(Ga4.name, Ga4())
