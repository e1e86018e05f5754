"""The Kissmetrics beacons: events, properties and aliases in the query of an image.

`_k` key, `_p` person, `_n` name of the event (of an alias: the other id), `_t` seconds since 1970, which
counts only with `_d=1` (else it tells requests apart); every other pair is a property. There is one kind
of id, so visitors and people are both users, and an alias joins them. The answer is always the image:
it stands in web pages and mails, and why something was refused is in a header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from periplus.collect.dialects import body
from periplus.collect.dialects.answer import pixel
from periplus.collect.dialects.told import Ids, Message, each, iso_time, name_of, refused
from periplus.collect.wire import DIALECTS, Fate, Outcome, Reading, Reply, Request

KINDS = {"/e": "track", "/s": "identify", "/a": "alias"}
OWN = frozenset({"_k", "_p", "_n", "_t", "_d"})


class Kissmetrics:
    """Write key: `_k`."""

    name = "kissmetrics"
    title = "Kissmetrics"
    routes: Sequence[tuple[str, str]] = tuple(("GET", path) for path in KINDS)

    def read(self, request: Request) -> Reading:
        kind = KINDS[request.path.rstrip("/")]
        said: dict[str, Any] = dict(request.query)
        said.pop("_k", None)
        ids = Ids(self.name, request.received)
        messages = each([said], lambda pairs: _message(kind, pairs, ids))
        return Reading(body.first(request.query, "_k"), messages)

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        del request, reading
        reasons = [outcome.reason or "rejected" for outcome in outcomes if outcome.fate is Fate.REJECTED]
        return pixel(headers={"X-Rejected": reasons[0]} if reasons else None)

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del request, message
        return pixel(status, {"X-Rejected": code})


def _message(kind: str, said: dict[str, Any], ids: Ids) -> Message:
    person, other = said.get("_p"), said.get("_n")
    if not person:
        raise refused("bad_identifier", "`_p`, the person, is missing.", "Add `_p` to the address.")
    told = {name: value for name, value in said.items() if name not in OWN}
    dated = said.get("_d") == "1" and bool(said.get("_t"))
    message: Message = {
        "type": kind,
        "messageId": ids.of([kind, said], timed=bool(said.get("_t"))),
        "userId": person,
    }
    if dated:
        message["timestamp"] = iso_time(said["_t"], "_t")
    if kind == "alias":
        if not other:
            raise refused(
                "bad_identifier", "`_n`, the other id of the person, is missing.", "Add `_n` to the address."
            )
        # Whichever of the two other tools know as a device, it is one of this person.
        message |= {"previousId": other, "anonymousId": person}
    elif kind == "track":
        message |= {"event": name_of(said, "_n"), "properties": told}
    else:
        message["traits"] = told
    return message


DIALECTS.add(Kissmetrics.name, Kissmetrics())
