"""The fast check and `Event.from_segment` say the same of any message."""

from __future__ import annotations

import copy
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from periplus import clock
from periplus.collect import keys
from periplus.collect.times import EARLIEST, LATEST
from periplus.collect.validate import validate
from periplus.errors import InputError
from periplus.event import Event

UTC, ATHENS = ZoneInfo("UTC"), ZoneInfo("Europe/Athens")
NOW = 1_782_910_800_000_000
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.one_of(
    VALUES,
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.sampled_from(
        ["2026-07-01", "2026-07-01T10:00:00Z", "2026-07-01 10:00", "2026-W27-3", "20260701T100000Z", "0001-01-01T00:00:00+14:00",
         "9999-12-31T23:59:59-14:00", "2026-07-01T10:00:00.1234567Z", "2026-07-01T24:00:00Z", "2026-07-01T10:00:60Z", ""]
    ),
)  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias", "Track", None, 1]),
        "event": st.one_of(VALUES, st.just("Product Viewed")),
        "timestamp": TIMES,
        **dict.fromkeys(("userId", "anonymousId", "previousId", "messageId", "groupId"), VALUES),
        **dict.fromkeys(("channel", "department", "original", "name", "category", "email", "phone"), VALUES),
        **dict.fromkeys(
            ("properties", "context", "traits"), VALUES | st.dictionaries(st.text(max_size=3), VALUES)
        ),
    },
)


def reason(message: dict[str, Any], zone: ZoneInfo) -> str | None:
    try:
        event = Event.from_segment(message, NOW, zone)
    except InputError as problem:
        return problem.code
    return None if EARLIEST <= event.time <= LATEST else "bad_time"


@settings(max_examples=400, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(MESSAGES, st.sampled_from([UTC, ATHENS]))
def test_they_agree(message: dict[str, Any], zone: ZoneInfo) -> None:
    expected = reason(copy.deepcopy(message), zone)
    if expected is not None:
        with pytest.raises(InputError) as caught:
            validate(copy.deepcopy(message), NOW, zone, 0)
        assert caught.value.code == expected
        return
    text = validate(copy.deepcopy(message), NOW, zone, 0)
    before, after = Event.from_segment(message, NOW, zone), Event.from_segment(json.loads(text), NOW, UTC)
    assert before == after


@pytest.mark.parametrize("depth", [31, 32, 33, 34, 900, 5000])
@pytest.mark.parametrize("where", ["properties", "context", "traits"])
def test_depth(depth: int, where: str) -> None:
    inner: Any = 1
    for _ in range(depth):
        inner = {"a": inner}
    message = {"type": "track", "event": "E", where: inner}
    if depth > 32:
        with pytest.raises(InputError) as caught:
            validate(dict(message), NOW, UTC, 0)
        assert caught.value.code == "too_deep"
    else:
        assert Event.from_segment(json.loads(validate(dict(message), NOW, UTC, 0)), NOW).event == "E"


@settings(max_examples=300, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(
    st.one_of(
        st.text(), st.uuids().map(str), st.uuids().map(lambda one: one.hex), st.text(min_size=32, max_size=36),
        st.from_regex(r"key:[0-9a-f]{32}", fullmatch=True),
    ),
    st.text(min_size=1, max_size=9),
)  # fmt: skip
def test_keys_of_many_are_those_of_one(message_id: str, source: str) -> None:
    assert keys.of_messages(source)(message_id) == keys.of_message(source, message_id).to_bytes(16, "big")


def test_a_skew_moves_the_time_and_nothing_else() -> None:
    message = {"type": "track", "event": "E", "timestamp": "2026-07-01T10:00:00.000001Z"}
    told = json.loads(validate(message, NOW, UTC, 3 * clock.SECOND))
    assert told == {"type": "track", "event": "E", "timestamp": "2026-07-01T10:00:03.000001Z"}
