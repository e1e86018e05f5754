"""Operators on times: what is one, the clock of the workspace, where they may stand, and the same over real files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import periplus
from periplus.condition import Condition, Life
from periplus.condition.times import changes, shift, time_of
from periplus.errors import QuestionError

ATHENS = ZoneInfo("Europe/Athens")
HOUR = 3_600_000_000
JULY = 1_782_853_200_000_000  # midnight of 1 July 2026 in Athens


@pytest.mark.parametrize(
    ("asked", "value", "met"),
    [
        ({"before": "2026-07-01"}, "2026-06-30T20:59:59Z", True),
        ({"before": "2026-07-01"}, "2026-06-30T21:00:00Z", False),
        ({"after": "2026-07-01"}, "2026-06-30T21:00:00Z", True),
        ({"after": "2026-07-01"}, "2026-07-01", True),
        ({"before": "2026-07-01"}, "30/06/2026", False),
        ({"after": "2026-07-01"}, "30/06/2026", False),
        ({"after": "2026-07-01"}, 1_800_000_000, False),
        ({"between": {"from": "2026-07-01", "to": "2026-07-02"}}, "2026-07-02", False),
        ({"between": {"to": "2026-07-02"}}, "2026-07-01 23:59:59.999999", True),
        ({"within": "1d"}, "2026-06-30", True),
        ({"within": "1d"}, "2026-06-29T20:59:59Z", False),
        ({"within": "0s"}, "2026-07-01", True),
        ({"ahead": "2d"}, "2026-07-03", True),
        ({"ahead": "2d"}, "2026-06-30", False),
        # The clock shows half past three twice on 25 October: a wall clock without an offset is compared as it stands.
        ({"before": "2026-10-25T03:30"}, "2026-10-25T03:29", True),
        ({"before": "2026-10-25T03:30:00+02:00"}, "2026-10-25T03:30:00+03:00", True),
    ],
)
def test_in_memory(asked: dict[str, Any], value: object, met: bool) -> None:
    condition = Condition.parse({"where": {"x": asked}})
    assert condition.matches({"event": "A", "time": JULY, "properties": {"x": value}}, ATHENS) is met
    assert Condition.parse(condition.document()) == condition
    if "within" in asked or "ahead" in asked:
        assert not condition.matches({"event": "A", "properties": {"x": value}}, ATHENS)


def test_what_is_no_time() -> None:
    for text in (
        "2026-02-30",
        "2026-7-1",
        "20260701",
        "2026-07-01T25:00",
        "2026-07-01Z",
        "July",
        "",
        "2026-07-01\n",
    ):
        assert time_of(text) is None, text


def test_a_zones_clock_is_known_exactly() -> None:
    edges, shifts = changes(ATHENS)
    assert len(shifts) == len(edges) + 1
    for edge, before, after in zip(edges, shifts, shifts[1:], strict=False):
        assert (shift(edge - 1, ATHENS), shift(edge, ATHENS)) == (before, after)
    assert shift(JULY, ATHENS) == 3 * HOUR


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"where": {"x": {"before": "July"}}}, "condition.where.x.before: 'July' is no time."),
        ({"where": {"x": {"after": 20260101}}}, "condition.where.x.after: 20260101 is no time."),
        ({"where": {"x": {"within": 7}}}, "condition.where.x.within: 7 is no duration."),
        ({"where": {"x": {"between": {}}}}, "condition.where.x.between: this is an object, not {}."),
        ({"where": {"x": {"between": {"from": None}}}}, "condition.where.x.between: it has no end."),
        ({"where": {"x": {"between": {"form": "2026-01-01"}}}}, "condition.where.x.between: unknown key 'form'."),
        ({"where": {"x": {"befor": "2026-01-01"}}}, "condition.where.x: unknown operator 'befor'."),
        (
            {"trait": {"renewal": {"within": "7d"}}},
            "condition.trait.renewal: 'within' is counted from the time of an event, and here is none.",
        ),
        ({"did": {"count": {"before": "2026-01-01"}}}, "condition.did.count: unknown operator 'before'."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(document: dict[str, Any], said: str) -> None:
    with pytest.raises(QuestionError) as problem:
        Condition.parse(document)
    assert problem.value.message == said
    assert problem.value.hint


def test_over_files_in_the_clock_of_the_workspace(tmp_path: Path) -> None:
    """An order has its promised day; deliveries come before or after it, traits have dates too."""
    rows = [
        {"type": "identify", "userId": "ann", "timestamp": "2026-06-01T00:00:00Z", "traits": {"since": "2025-12-31"}},
        {"type": "identify", "userId": "bob", "timestamp": "2026-06-01T00:00:00Z", "traits": {"since": "2026-01-01"}},
        *(
            {
                "type": "track", "event": "Order Completed", "userId": who, "messageId": f"{who}{place}",
                "timestamp": "2026-06-30T21:30:00Z", "properties": {"promised": promised, "n": place},
            }
            for who, place, promised in (
                ("ann", 0, "2026-07-01"), ("ann", 1, "2026-07-02"), ("bob", 2, "2026-07-04T00:00:00+03:00"),
                ("bob", 3, "soon"), ("bob", 4, "2026-06-30T21:29:59Z"), ("bob", 5, None), ("bob", 6, "2026-07-03T00:30"),
            )
        ),
    ]  # fmt: skip
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with periplus.init(tmp_path / "shop", zone="Europe/Athens") as ws:
        ws.import_file(tmp_path / "events.jsonl")

        def count(of: dict[str, Any], **more: Any) -> Any:
            asked = {"kind": "trend", "series": [{"of": of}], "bucket": "year", **more}
            return ws.ask(asked).rows[0]["value"]

        def orders(asked: dict[str, Any]) -> Any:
            return count({"event": "Order Completed", "where": {"promised": asked}})

        assert orders({"after": "2026-07-01"}) == 5
        assert orders({"before": "2026-07-01T00:30"}) == 2
        assert orders({"between": {"from": "2026-07-01", "to": "2026-07-04"}}) == 4
        assert orders({"ahead": "2d"}) == 2  # it is half past midnight on 1 July; exactly two days are in
        assert orders({"within": "1h"}) == 2
        of_old = count({"event": "Order Completed"}, customers={"trait": {"since": {"before": "2026-01-01"}}})
        assert of_old == 2
        warned = ws.ask(
            {"kind": "trend", "series": [{"of": {"where": {"n": {"before": "2026-01-01"}}}}]}
        ).warnings
        assert any("is compared as a time" in said for said in warned)


def test_a_life_is_read_in_its_zone() -> None:
    event = {"event": "A", "type": "track", "time": JULY, "properties": {"x": "2026-06-30T22:00:00Z"}}
    condition = Condition.parse({"did": {"event": "A", "where": {"x": {"after": "2026-07-01"}}}})
    assert condition.holds(Life([event], JULY, zone=ATHENS))
    assert not condition.holds(Life([event], JULY))
