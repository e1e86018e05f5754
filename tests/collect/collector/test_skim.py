"""Messages that stay as they came are the messages that reading all of them finds, and are judged as those are."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from periplus.collect import consent, keys
from periplus.collect.dialects.segment import Segment
from periplus.collect.identifying import identifiers
from periplus.collect.lenient import decoded
from periplus.collect.outline import Sent, outlined
from periplus.collect.purposes import stated
from periplus.collect.validate import validate
from periplus.collect.wire import Reading, Refused, Request
from periplus.errors import InputError
from tests.collect.collector.conftest import basic

NOW = 1_782_910_800_000_000
UTC = ZoneInfo("UTC")
SEGMENT = Segment()
ODD = st.sampled_from(
    [None, True, 0, 7, 1.5, 10**30, "", " ", "x", [], {}, [1], {"a": [{}]}, {"email": "Ann@x.gr"}, "αβγ", "🛒", "a\nb",
     "2026-07-01", "2026-02-30T10:00:00Z", "2026-07-01T10:00:00+02:00", "2026-07-01T10:00:00.1234567Z", "2199-01-01T00:00:00Z"]
)  # fmt: skip
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["track", "page", "identify", "group"]),
    "event": st.sampled_from(["Product Viewed", "Ωmega"]),
    "timestamp": st.sampled_from(
        ["2026-07-01T10:00:00Z", "2026-07-01T10:00:00.123Z", "2026-07-01T10:00:00+00:00"]
    ),
    "messageId": st.sampled_from(["m", "f47ac10b-58cc-4372-a567-0e02b2c3d479", "7", "key:" + "0a" * 16]),
    "userId": st.sampled_from(["u", "guest"]),
    "anonymousId": st.just("a"),
    "properties": st.sampled_from([{"price": 1.5, "name": "shoe"}, {"list": [{"n": 1}] * 3}]),
    "context": st.sampled_from(
        [{"page": {"url": "https://shop.example/"}}, {"consent": {"analytics": False}}, {"traits": {"phone": "2101234567"}}]
    ),
    "traits": st.sampled_from([{"email": "a@b.gr"}]),
}  # fmt: skip
OTHERS = ("channel", "department", "original", "writeKey", "source", "receivedAt", "email", "consent",
          "groupId", "previousId", "originalTimestamp", "sentAt", "unknown")  # fmt: skip
MESSAGES = st.builds(
    lambda good, odd: {**good, **odd},
    st.fixed_dictionaries(GOOD),
    st.one_of(
        st.just({}),
        st.dictionaries(st.sampled_from([*GOOD, *OTHERS]), ODD, max_size=3),
        st.just({"context": {"library": {"name": "rudder"}}, "channel": "server"}),
    ),
)
SPOILT = [
    (b"1.5", b"NaN"), (b"1.5", b"1e999"), (b'"shoe"', b'"\xff"'), (b'"shoe"', b'"\\ud83d"'), (b'"shoe"', b'"\\u0061\\/"'),
    (b'"userId"', b'"\\u0075serId"'), (b'"userId": "u"', b'"userId": 7, "userId": "u"'), (b": ", b" :\n\t "), (b'"m"', b'"\xed\xa0\xbd"'),
    (b"{", b"["), (b'"event"', b'"event" '), (b"1.5", b"1" * 5000), (b'"shoe"', b'"' + b"x" * 100_000 + b'"'), (b'"name"', b"[" * 40 + b"]" * 40),
]  # fmt: skip


def found(request: Request, way: Any) -> tuple[str, Any, Any] | str:
    try:
        reading: Reading = way(request)
    except InputError as problem:
        return problem.code
    messages = [
        ("refused", each.reason)
        if isinstance(each, Refused)
        else each.document()
        if isinstance(each, Sent)
        else each
        for each in reading.messages
    ]
    return reading.key or "", reading.sent_at, messages


def judged(message: Any, off: int) -> Any:
    try:
        told = decoded(validate(message, NOW, UTC, off))
        # Not the sender's to say: the flush puts its own in their place.
        return {name: value for name, value in told.items() if name not in ("source", "receivedAt")}
    except InputError as problem:
        return problem.code


@settings(max_examples=300, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(
    st.lists(st.one_of(MESSAGES, MESSAGES, ODD), max_size=4),
    st.sampled_from([None, None, *SPOILT]),
    st.booleans(),
    st.sampled_from(["2026-07-01T13:00:00Z", "", 7]),
    st.sampled_from([0, 3_600_000_000]),
)
def test_skimmed_as_read(batch: list[Any], spoilt: Any, ascii_only: bool, sent_at: Any, off: int) -> None:
    raw = json.dumps({"batch": batch, "sentAt": sent_at}, ensure_ascii=ascii_only).encode()
    if spoilt is not None:
        raw = raw.replace(*spoilt)
    request = Request("POST", "/v1/batch", (), {"authorization": basic("KEY")}, raw, NOW)
    assert found(request, SEGMENT.skim) == found(request, SEGMENT.read)
    if isinstance(found(request, SEGMENT.read), str):
        return
    for each in SEGMENT.skim(request).messages:
        if not isinstance(each, Sent):
            continue
        whole = each.document()
        assert judged(each, off) == judged(dict(whole), off)
        # What the door goes by is in the outline as it is in the message.
        assert list(identifiers(each.outline.facts())) == list(identifiers(whole))
        assert stated(each.outline.facts()) == stated(whole)
        assert each.outline.says_consent or not stated(whole)
        assert str(each.outline.messageId) == str(whole["messageId"])
        assert consent._when(each.outline.facts(), NOW) == consent._when(whole, NOW)


def test_most_messages_stay_as_they_came() -> None:
    message = {
        "type": "track",
        "event": "E",
        "messageId": "m",
        "timestamp": "2026-07-01T10:00:00Z",
        "userId": "Ωmega",
    }
    raw = json.dumps({"batch": [message] * 3, "sentAt": "2026-07-01T10:00:00Z"}, ensure_ascii=False).encode()
    request = Request("POST", "/v1/batch", (), {"authorization": basic("KEY")}, raw, NOW)
    messages = SEGMENT.skim(request).messages
    assert [isinstance(each, Sent) for each in messages] == [True] * 3
    for each in messages:
        assert isinstance(each, Sent)
        assert each.text in raw
        assert validate(each, NOW, UTC, 0) is each.text


def test_an_outline_has_what_makes_the_key() -> None:
    key = keys.of_messages("web")
    assert key(str(outlined(b'{"messageId": "x", "messageId": 7}').messageId)) == key("7")
