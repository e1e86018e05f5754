"""Sessions, their options and what is said of them, against plain loops."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus import settings as settings_of
from periplus.errors import DocumentError, QuestionError
from periplus.journeys.session_values import LENGTHS, NAMES
from periplus.question import ask
from tests.journeys import funnel_oracle, oracle
from tests.journeys.logs import CUSTOMERS, answer, check_people, context, examples, moment

DAY = 86_400_000_000
MINUTE = 60_000_000
CAMPAIGNS = (
    None,
    None,
    {"source": "news"},
    {"source": "news", "name": "may"},
    {"source": "ads", "name": "may"},
)
REFERRERS = (None, None, "https://www.google.gr/search?q=a", "https://shop.example/b", "t.co")


@st.composite
def visits(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events of three customers around two midnights, with pages, campaigns, referrers and devices or without."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    events = []
    for owner in CUSTOMERS:
        time = 2 * DAY - rng.choice([1, 20, 60]) * MINUTE
        for _ in range(rng.choice([0, 1, 4, 9])):
            time += rng.choice([0, 1, 10 * MINUTE, 30 * MINUTE, 30 * MINUTE + 1, 61 * MINUTE])
            ctx: dict[str, Any] = {}
            if (campaign := rng.choice(CAMPAIGNS)) is not None:
                ctx["campaign"] = campaign
            if rng.random() < 0.6:
                ctx["page"] = {"path": rng.choice(["/a", "/b"]), "url": "https://shop.example/"}
                if (referrer := rng.choice(REFERRERS)) is not None:
                    ctx["page"]["referrer"] = referrer
            if rng.random() < 0.5:
                ctx["device"] = {"type": rng.choice(["mobile", "desktop"])}
            own: dict[str, Any] = {"channel": rng.choice(["email", "direct"])} if rng.random() < 0.4 else {}
            events.append(
                {"customer": owner, "time": time, "event": "A", "properties": {}, "context": ctx, **own}
            )
    return events


options = st.fixed_dictionaries(
    {}, optional={"gap": st.sampled_from(["10m", "1h"]), "midnight": st.booleans(), "campaign": st.booleans()}
)


def of_session(name: str, inner: list[dict[str, Any]], number: int) -> Any:
    """What is said of a session, from its events."""
    pages = [event for event in inner if "path" in event["context"].get("page", {})]
    landed = (pages or inner)[0]
    page, ctx = landed["context"].get("page", {}), landed["context"]
    referrer = {None: None, REFERRERS[2]: "google.gr", REFERRERS[3]: None, "t.co": "t.co"}[
        page.get("referrer")
    ]
    seconds = (inner[-1]["time"] - inner[0]["time"]) // 1_000_000
    limits = (1, 60, 300, 900, 1800, 3600)
    devices = [event["context"]["device"]["type"] for event in inner if "device" in event["context"]]
    source = ctx.get("campaign", {}).get("source")
    return {
        "landing": pages[0]["context"]["page"]["path"] if pages else None,
        "exit": pages[-1]["context"]["page"]["path"] if pages else None,
        "source": source or referrer or landed.get("channel"),
        "campaign": ctx.get("campaign", {}).get("name"),
        "referrer": referrer,
        "channel": landed.get("channel"),
        "device": devices[0] if devices else None,
        "length": LENGTHS[sum(seconds >= limit for limit in limits)],
        "bounced": len(inner) == 1,
        "number": number + 1,
    }[name]


@examples(0.5)
@given(visits(), options, st.sampled_from(NAMES), st.integers(0, 6 * 60))
def test_what_is_said_of_sessions(events: Any, said: Any, name: str, minutes: int) -> None:
    """A funnel of sessions with one step has each session once, in the row of its value."""
    now = 2 * DAY - 30 * MINUTE + minutes * MINUTE
    wanted: Counter[Any] = Counter()
    for mine in oracle.by_customer(events, now).values():
        numbers = funnel_oracle.session_numbers(mine, said, "Europe/Athens")
        for number in sorted(set(numbers)):
            inner = [event for event, own in zip(mine, numbers, strict=True) if own == number]
            wanted[of_session(name, inner, number)] += 1
    question = {
        "kind": "funnel", "unit": "sessions", "steps": [{}], "sessions": said, "now": moment(now),
        "zone": "Europe/Athens", "breakdown": f"session.{name}",
    }  # fmt: skip
    found = answer(question, events)
    assert {row["breakdown"]: row["reached"] for row in found.rows if row["reached"]} == dict(wanted)
    for row in found.rows:
        check_people(found, row, ("reached",))
    assert ask(found.question, context(events)).rows == found.rows


def test_the_workspace_says_what_ends_a_session_where_the_question_does_not() -> None:
    events = [
        {"customer": 1 << 61, "time": DAY - MINUTE + n * 2 * MINUTE, "event": "A", "properties": {}}
        for n in range(2)
    ]
    question = {"kind": "funnel", "unit": "sessions", "steps": [{"event": "A"}], "now": "1970-01-05"}

    def sessions(question: dict[str, Any], **said: Any) -> Any:
        found = ask(question, context(events, **said))
        return found.totals["entered"], found.question["sessions"]

    assert sessions(question) == (1, {"gap": "30m", "midnight": False, "campaign": False})
    assert sessions(question, session_gap="1m")[0] == 2
    assert sessions(question, session_new="midnight, campaign")[0] == 2
    trend = {"kind": "trend", "series": [{"measure": "sessions"}], "bucket": "year", "now": "1970-01-05"}
    for options, wanted in (({}, 1), ({"sessions": {"gap": "1m"}}, 2), ({"sessions": {"midnight": True}}, 2)):
        found = answer({**trend, **options}, events)
        assert [row["value"] for row in found.rows] == [wanted]
        assert ask(found.question, context(events)).rows == found.rows
    kept = {**question, "sessions": {"midnight": False}}
    assert sessions(kept, session_new="midnight, campaign") == (
        1, {"gap": "30m", "midnight": False, "campaign": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [("session_gap", "0m"), ("session_gap", "x"), ("session_new", "noon")]
)
def test_settings_that_mean_nothing_are_refused(name: str, value: str) -> None:
    with pytest.raises(DocumentError, match=name):
        settings_of.check(replace(settings_of.Settings(), **{name: value}))


def test_a_misspelt_property_of_sessions_is_told_the_nearest() -> None:
    question = {"kind": "funnel", "steps": [{}], "breakdown": "session.devise"}
    with pytest.raises(QuestionError, match="devise") as problem:
        answer(question, [])
    assert "session.device" in problem.value.hint


@examples(0.2)
@given(st.integers(0, 2**32), st.integers(0, 12))
def test_traits_are_those_known_by_then(seed: int, now: int) -> None:
    rng = random.Random(seed)
    events = []
    for owner in CUSTOMERS:
        for _ in range(rng.randint(0, 6)):
            event = {
                "customer": owner,
                "time": rng.randint(0, 10),
                "event": rng.choice("AB"),
                "properties": {},
            }
            if rng.random() < 0.5:
                event["traits"] = {"plan": rng.choice(["gold", "silver"])}
            if rng.random() < 0.3:
                event |= {"type": "identify", "event": ""}
            events.append(event)
    wanted: Counter[Any] = Counter()
    for owner in CUSTOMERS:
        mine = sorted((e for e in events if e["customer"] == owner), key=lambda e: e["time"])
        starts = [e for e in mine if e["event"] == "A" and e["time"] <= now]
        if starts:
            known = [e["traits"]["plan"] for e in mine if e["time"] <= starts[0]["time"] and "traits" in e]
            wanted[known[-1] if known else None] += 1
    question = {"kind": "funnel", "steps": [{"event": "A"}], "breakdown": "traits.plan", "now": moment(now)}
    rows = answer(question, events).rows
    assert {row["breakdown"]: row["reached"] for row in rows if row["reached"]} == dict(wanted)
