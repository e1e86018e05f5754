"""What the webhooks of all shop systems have in common: where they come in, and what they are answered.

Whatever was read, a signed delivery is answered 200: what a shop sends again would be refused again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from periplus.collect.shops.message import Message
from periplus.collect.wire import Outcome, Reading, Refused, Reply, Request
from periplus.errors import InputError


class Hook:
    """A dialect's routes and replies; `read` and `verify` are the system's own."""

    name: str
    title: str
    routes: Sequence[tuple[str, str]]

    def source(self, request: Request) -> str:
        """The last part of the path; raises InputError where it names nothing."""
        name = unquote(request.path.removeprefix(f"/hooks/{self.name}/").strip("/"))
        if not name or "/" in name or len(name) > 200:
            raise InputError(
                "The address of the webhook names no source.",
                code="malformed",
                hint=f"Deliver it to /hooks/{self.name}/NAME, NAME being the source's.",
            )
        return name

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        del request, reading
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.fate.value] = counts.get(outcome.fate.value, 0) + 1
        return Reply(200, msgspec.json.encode({"received": len(outcomes), **counts}))

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del request
        return Reply(status, msgspec.json.encode({"code": code, "message": message}))


def reading(messages: Iterable[Message], body: Any, found: Mapping[str, Any]) -> Reading:
    """The messages of a body that speaks of a thing with an id; one without is refused as data."""
    made: list[Message | Refused] = list(messages)
    if not made and isinstance(body, Mapping) and body.get("id") is None and not found.get("ignored"):
        made = [Refused("bad_identifier", "The body has no `id`, so nothing can be told by it.", body)]
    return Reading(None, made, found=found)
