"""The Segment tracking API, which the clients of Segment and RudderStack speak: single messages and batches.

Messages are in the house's own form already, consent categories included; here they get the type their
path says and their time. The browsers' libraries also ask their host for settings before they send
anything; ours (`library_settings`) say that they shall send here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

import msgspec

from periplus.collect.dialects import body
from periplus.collect.dialects.answer import all_rejected, answered, error, rejected
from periplus.collect.dialects.library_settings import of_rudderstack, of_segment
from periplus.collect.dialects.told import MOST_MESSAGES, Ids, Message, each, iso_time, too_many
from periplus.collect.outline import Outline, Sent, outlined
from periplus.collect.wire import DIALECTS, Outcome, Reading, Refused, Reply, Request

TYPES = ("track", "page", "screen", "identify", "group", "alias")
SINGLE = {f"/v1/{path}": kind for kind in TYPES for path in (kind, kind[0])}
"""Paths of one message with its type; the browser writes the first letter only."""
BATCH = ("/v1/batch", "/v1/import", "/v1/b")
SETTINGS, SOURCE_CONFIG = "/v1/projects/", "/sourceConfig"
"""Where the libraries of Segment and of RudderStack ask for their settings."""
DELIVERY = frozenset({"server", "client", "browser", "http", "sources"})
"""What clients write as `channel` that says how the message was sent, not how the customer came."""
OF_RUDDERSTACK = frozenset({"web", "mobile"})
"""The same, of RudderStack's clients only."""

TAKEN = answered({"success": True})
"""The answer where nothing was rejected."""


class _Envelope(msgspec.Struct, gc=False):
    """A batch, its messages not looked into yet."""

    batch: list[msgspec.Raw]
    sentAt: Any = None  # noqa: N815
    writeKey: Any = None  # noqa: N815


class _Outlines(msgspec.Struct, gc=False):
    batch: list[Outline]


_open = msgspec.json.Decoder(_Envelope).decode
_outlines = msgspec.json.Decoder(_Outlines).decode


class Segment:
    """Write key: the user of Basic authentication, else `writeKey` of the body, else of its first message."""

    name = "segment"
    title = "Segment, RudderStack"
    routes: Sequence[tuple[str, str]] = (
        *(("POST", path) for path in (*BATCH, *SINGLE)),
        ("GET", f"{SETTINGS}*"),
        ("GET", SOURCE_CONFIG),
        ("GET", f"{SOURCE_CONFIG}/"),
    )

    def read(self, request: Request) -> Reading:
        path = request.path.rstrip("/")
        if path.startswith(SETTINGS):
            return Reading(unquote(path.removeprefix(SETTINGS).removesuffix("/settings")), [])
        if path == SOURCE_CONFIG:
            return Reading(body.first(request.query, "writeKey") or body.basic_user(request.headers), [])
        document = body.decoded_object(request.body)
        kind = SINGLE.get(path)
        batch = [document] if kind else document.get("batch")
        if not isinstance(batch, list):
            raise body.malformed("The body has no `batch`.", 'Send {"batch": [{"type": "track", …}]}.')
        first = next((item for item in batch if isinstance(item, dict)), {})
        key = body.basic_user(request.headers) or _text(document, "writeKey") or _text(first, "writeKey")
        sent_at = document.get("sentAt") or first.get("sentAt")
        ids = Ids(self.name, request.received)
        messages = each(batch, lambda item: _message(item, kind, ids))
        return Reading(key, messages, sent_at=sent_at if isinstance(sent_at, str) else None)

    def skim(self, request: Request) -> Reading:
        """As `read`: messages of a batch that need no change stay as they came."""
        raw = request.body
        if request.path.rstrip("/") not in BATCH or not _is_text(raw):
            return self.read(request)
        try:
            envelope = _open(raw)
        except (ValueError, RecursionError):
            return self.read(request)
        key, sent_at = body.basic_user(request.headers) or envelope.writeKey, envelope.sentAt
        if not (key and isinstance(key, str) and sent_at and isinstance(sent_at, str)):
            return self.read(request)  # which looks for them in the first message
        if len(envelope.batch) > MOST_MESSAGES:
            raise too_many()
        ids = Ids(self.name, request.received)
        if b"\\" not in raw:
            try:
                outlines = _outlines(raw).batch
            except (ValueError, RecursionError):  # one of them is wrong: each by itself
                pass
            else:
                pairs = zip(envelope.batch, outlines, strict=True)
                return Reading(
                    key, [_kept(bytes(item), outline, ids) for item, outline in pairs], sent_at=sent_at
                )
        return Reading(key, [_skimmed(bytes(item), ids) for item in envelope.batch], sent_at=sent_at)

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        if request.path.startswith(SETTINGS):
            return answered(of_segment(reading.key or "", request.headers))
        if request.path.startswith(SOURCE_CONFIG):
            return answered(of_rudderstack(reading.key or ""))
        refused = rejected(outcomes)
        if not refused:
            return TAKEN
        if all_rejected(outcomes):
            return answered({**_first_error(refused), "rejected": refused}, 400)
        return answered({"success": True, "rejected": refused})

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        del request
        return error(status, code, message)


def _is_text(raw: bytes) -> bool:
    """Whether some bytes are UTF-8, which is not asked of what is only looked over."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _skimmed(text: bytes, ids: Ids) -> Message | Sent | Refused:
    """A message as it came, where it can stay so, else as `_message` has it.

    One with a backslash is written anew: what waits in the inbox is searched for words, when somebody is to be forgotten,
    so they must be spelled in one way.
    """
    outline = None
    if b"\\" not in text:
        with suppress(ValueError, RecursionError):
            outline = outlined(text)
    return _kept(text, outline, ids)


def _kept(text: bytes, outline: Outline | None, ids: Ids) -> Message | Sent | Refused:
    """The same of one whose outline is known; None: it has none, or a backslash stands in it."""
    if outline is not None and _needs_nothing(outline):
        return Sent(text, outline)
    return each([body.decoded(text)], lambda item: _message(item, None, ids))[0]


def _needs_nothing(outline: Outline) -> bool:
    """Whether `_message` would leave a message as it is."""
    at = outline.timestamp
    return (
        at is not None
        and at[4:5] == "-"
        and bool(outline.messageId)
        and outline.writeKey is None
        and outline.channel is None
        and (outline.type != "identify" or outline.context is None or outline.context.traits is None)
    )


def _message(item: dict[str, Any], kind: str | None, ids: Ids) -> Message:
    """The message, changed in place: nobody else has it."""
    item.pop("writeKey", None)
    if kind is not None:
        item["type"] = kind
    at = item.get("timestamp")
    if not isinstance(at, str) or at[4:5] != "-":  # nearly all are ISO already
        at = iso_time(item.get("originalTimestamp") if at is None or at == "" else at, "timestamp")
        if at is not None:
            item["timestamp"] = at
        else:
            item.pop("timestamp", None)
    context = item.get("context")
    if isinstance(context, dict):
        if item.get("type") == "identify" and not item.get("traits") and "traits" in context:
            # RudderStack's clients write what they say of a person there.
            item["traits"] = context["traits"]
            item["context"] = {name: value for name, value in context.items() if name != "traits"}
    if (
        "channel" in item
        and isinstance(context, dict | None)
        and _is_delivery(item["channel"], context or {})
    ):
        item["context"] = {**(item.get("context") or {}), "channel": item.pop("channel")}
    if item.get("messageId") in (None, ""):
        # When it was sent changes from one attempt to the next; the rest does not.
        item["messageId"] = ids.of({**item, "sentAt": None, "_metadata": None}, timed=at is not None)
    return item


def _is_delivery(channel: Any, context: Mapping[str, Any]) -> bool:
    if not isinstance(channel, str) or channel not in DELIVERY | OF_RUDDERSTACK:
        return False
    library = context.get("library")
    name = library.get("name") if isinstance(library, dict) else None
    return channel in DELIVERY or (isinstance(name, str) and name.lower().startswith("rudder"))


def _first_error(refused: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"success": False, "code": refused[0]["reason"], "message": refused[0]["message"]}


def _text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


DIALECTS.add(Segment.name, Segment())
