"""What happens to the messages of a request before they are safe: named steps, one after another.

    validate   is it an event at all; its time, as a moment
    plan       is it as planned, where its source is strict
    mark       the network of the shop's own it came from, before its address is forgotten
    consent    may it be kept, kept by nobody's name, or only counted
    key        what makes it the same event when it comes again
    hash       identifiers that are kept hashed are replaced

Each takes a `Passage` and decides the fate of some of its messages; those left go on. The dialect has
parsed the request before; the inbox leaves out duplicates after. The pipeline times and counts each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec

from periplus.collect import keys, marks, replay
from periplus.collect.anonymous import stripped
from periplus.collect.hashing import Hashing
from periplus.collect.marks import TrafficRules
from periplus.collect.outline import Outline, Sent, document, outlined
from periplus.collect.purposes import allows, stated
from periplus.collect.sources import Source
from periplus.collect.validate import is_ready, skew, validate
from periplus.collect.wire import Fate, Outcome, Reading, Refused
from periplus.errors import InputError
from periplus.store.inbox_file import RejectRow

Verdict = Literal["keep", "strip", "withhold"]
PAYLOAD = 64 << 10
"""Bytes that are kept of a refused message."""
ACCEPTED, DUPLICATE, WITHHELD = Outcome(Fate.ACCEPTED), Outcome(Fate.DUPLICATE), Outcome(Fate.WITHHELD)
TOO_LARGE = "too_large"
"""A reason beside `event.REASONS`: a single message over the limit."""
OFF_PLAN = "off_plan"
"""Another one: otherwise than the tracking plan says, from a source that is strict."""


_UNREAD = Outline()


class Pending(msgspec.Struct, gc=False):
    """A message on its way: its place in the request, how it came, and from `validate` on its JSON, outline and key."""

    place: int
    came: dict[str, Any] | Sent
    text: bytes = b""
    outline: Outline = _UNREAD
    key: bytes = b""

    def document(self) -> dict[str, Any]:
        """All of the message, for the few steps that need it."""
        return document(self.text or self.came.text) if isinstance(self.came, Sent) else self.came

    def become(self, message: dict[str, Any]) -> None:
        """Go on as another message."""
        self.came, self.text, self.outline = message, msgspec.json.encode(message), outlined(message)


@dataclass(slots=True)
class Passage:
    """One request on its way: what is left of its messages, and what became of the others."""

    source: Source
    dialect: str
    received: int
    address: str | None
    sent_at: str | int | None
    outcomes: list[Outcome]
    pending: list[Pending] = field(default_factory=list)
    rejects: list[RejectRow] = field(default_factory=list)
    withheld: int = 0

    @classmethod
    def of(
        cls, source: Source, dialect: str, received: int, address: str | None, reading: Reading
    ) -> Passage:
        """A request as its dialect read it; what the dialect refused is rejected already."""
        passage = cls(source, dialect, received, address, reading.sent_at, [ACCEPTED] * len(reading.messages))
        pending = passage.pending
        for place, message in enumerate(reading.messages):
            if isinstance(message, Refused):
                passage.reject(place, message.reason, message.message, message.payload, form=dialect)
            else:
                pending.append(Pending(place, message))
        return passage

    def reject(self, place: int, reason: str, message: str, payload: Any, form: str | None = None) -> None:
        """The message at `place` is refused; `form` is the payload's (`replay`), that of what was read if it is not given."""
        self.outcomes[place] = Outcome(Fate.REJECTED, reason, message)
        text = _json(payload)
        whole = len(text) <= PAYLOAD
        kept = text if whole else text[:PAYLOAD].decode("utf-8", "ignore").encode()
        self.rejects.append(
            (
                self.source.name,
                form or replay.form(self.dialect),
                self.received + place,
                reason,
                message,
                kept,
                int(whole),
            )
        )


Step = Callable[[Passage], None]


class Consenting(Protocol):
    """What the consent step asks: `collect.consent.Consents`."""

    def usual(self, source: str) -> Verdict | None: ...

    def decide(self, message: Mapping[str, Any], source: str) -> Verdict: ...

    def record(self, message: Mapping[str, Any], source: str, received: int) -> None: ...


class OwnWord:
    """Consent where nobody remembers any: a message's own no withholds it."""

    def usual(self, source: str) -> Verdict | None:
        del source
        return "keep"

    def decide(self, message: Mapping[str, Any], source: str) -> Verdict:
        del source
        return "withhold" if allows(stated(message), "analytics") is False else "keep"

    def record(self, message: Mapping[str, Any], source: str, received: int) -> None:
        del message, source, received


def validating(limit: int) -> Step:
    """Refuse what cannot become an event, or is larger than `limit` bytes."""

    def validate_(passage: Passage) -> None:
        zone, received = passage.source.zone, passage.received
        off = skew(passage.sent_at, received, zone)
        kept = []
        for item in passage.pending:
            came = item.came
            if (
                not off and type(came) is Sent and len(came.text) <= limit and is_ready(came)
            ):  # as nearly always
                item.text, item.outline = came.text, came.outline
                kept.append(item)
                continue
            try:
                item.text = validate(came, received + item.place, zone, off)
                if len(item.text) > limit:
                    raise InputError(
                        f"The message has {len(item.text):,} bytes; {limit:,} are allowed.",
                        code=TOO_LARGE,
                        hint="Send less with each event.",
                    )
            except InputError as problem:
                passage.reject(item.place, problem.code, str(problem), item.document())
                continue
            if isinstance(came, Sent):
                item.outline = came.outline if item.text is came.text else outlined(item.text)
            else:
                item.outline = outlined(came)
            kept.append(item)
        passage.pending = kept

    return validate_


def planning(judge: Callable[[dict[str, Any], str, str], str | None]) -> Step:
    """Refuse what is not as planned, where the source is strict; `judge` says what is wrong with a message of a source and dialect."""

    def plan(passage: Passage) -> None:
        if not passage.source.document.strict:
            return
        kept = []
        for item in passage.pending:
            message = item.document()
            wrong = judge(message, passage.source.name, passage.dialect)
            if wrong is None:
                kept.append(item)
            else:
                passage.reject(item.place, OFF_PLAN, wrong, message)
        passage.pending = kept

    return plan


def marking(rules: Callable[[], TrafficRules]) -> Step:
    """Note the network of the rules that a message came from; the address itself is not kept."""

    def mark(passage: Passage) -> None:
        current = rules()
        if passage.address is None or marks.judge(current).network(passage.address) is None:
            return
        for item in passage.pending:
            message = item.document()
            before = message.get("context")
            marks.mark(message, current, passage.address)
            if message.get("context") is not before:
                item.become(message)

    return mark


def consenting(consents: Consenting, rules: Callable[[], TrafficRules]) -> Step:
    """Withhold what may not be analysed, or take from it all that says whose it is."""

    def consent(passage: Passage) -> None:
        source = passage.source.name
        usual = consents.usual(source)  # of messages that say nothing, while nobody has said anything
        if usual == "keep" and not any(item.outline.says_consent for item in passage.pending):
            return
        kept = []
        for item in passage.pending:
            verdict = usual
            if usual is None or item.outline.says_consent:
                told = item.outline.facts()
                if item.outline.says_consent:
                    consents.record(told, source, passage.received)
                    usual = consents.usual(source)
                verdict = consents.decide(told, source)
            if verdict == "withhold":
                passage.outcomes[item.place] = WITHHELD
                passage.withheld += 1
                continue
            if verdict == "strip":
                message = item.document()
                marks.freeze(message, rules())
                item.become(stripped(message))
            kept.append(item)
        passage.pending = kept

    return consent


def keying() -> Step:
    """Give each message its key; one without an id gets one, of its content."""
    makers: dict[str, Callable[[str], bytes]] = {}

    def key(passage: Passage) -> None:
        name = passage.source.name
        if name not in makers:
            makers[name] = keys.of_messages(name)
        of = makers[name]
        for item in passage.pending:
            message_id = item.outline.messageId
            if message_id is None or message_id == "":
                message_id = f"door:{keys.number(item.text.decode()):032x}"
                item.become({**item.document(), "messageId": message_id})
            item.key = of(message_id if type(message_id) is str else str(message_id))

    return key


def covering(hashing: Callable[[], Hashing | None]) -> Step:
    """Replace the identifiers that are kept hashed; `hashing` gives None for none.

    Keys were made of what came, so the same message is the same event whether it is hashed or not.
    """

    def cover(passage: Passage) -> None:
        current = hashing()
        if current is None:
            return
        for item in passage.pending:
            if not current.may_hold_json(item.text.decode("utf-8", "replace")):
                continue
            message = item.document()
            after = current.message(message)
            sent = message.get("messageId")
            if isinstance(sent, str) and current.text(sent) != sent:
                after["messageId"] = f"key:{item.key.hex()}"
            if after != message:
                item.become(after)

    return cover


def covering_refused(hashing: Callable[[], Hashing | None]) -> Step:
    """The same of what was refused, of which a payload is kept; one that cannot be told apart is not."""

    def cover(passage: Passage) -> None:
        current = hashing()
        if current is None:
            return
        for place, (source, form, received, reason, said, payload, whole) in enumerate(passage.rejects):
            text = payload.decode("utf-8", "replace")
            told = current.refused(text) if current.may_hold_json(text) else text
            row = (source, form, received, reason, current.text(said), (told or "null").encode())
            passage.rejects[place] = (*row, whole if told else 0)

    return cover


def _json(payload: Any) -> bytes:
    try:
        return msgspec.json.encode(payload)
    except (RecursionError, TypeError, ValueError, OverflowError):
        return msgspec.json.encode(repr(type(payload)))
