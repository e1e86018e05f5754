"""The same answers from the real store, over several files, as the oracle gives from the list of events."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus import clock
from periplus.clock import iso
from periplus.journeys.funnel import COUNTS
from periplus.journeys.map import STEP_COUNTS
from tests.journeys import attempts_oracle, map_oracle
from tests.journeys.logs import check_people
from tests.journeys.test_flow import goalless
from tests.journeys.test_flow import same as same_flow
from tests.journeys.test_funnel import agree, windows
from tests.journeys.test_map import same as same_map

NAMES = ("A", "B", "C", "X", "Z", "Order Completed", "Order Refunded")
DAY = 86_400_000_000
NOW = 60 * DAY
DOCUMENT = {
    "id": "m",
    "name": "m",
    "goal": ["order"],
    "start": ["a", "b", "order"],
    "restart": ["a"],
    "lapse": "3d",
    "end": "restart",
    "stages": [
        {
            "name": "Intent",
            "steps": [
                {"id": "a", "name": "a", "rule": {"event": "A"}},
                {"id": "b1", "name": "b1", "rule": {"event": "B", "where": {"v": "1"}}},
                {"id": "b", "name": "b", "rule": {"event": "B"}},
            ],
        },
        {
            "name": "Purchase",
            "steps": [{"id": "order", "name": "order", "rule": {"event": "Order Completed"}}],
        },
        {"name": "After", "steps": [{"id": "x", "name": "x", "rule": {"event": "X"}, "prolongs": False}]},
    ],
}


def log(seed: int) -> list[dict[str, Any]]:
    """Events of 40 customers over 50 days; those of even days come in one file, of odd days in another."""
    dice = random.Random(seed)
    events = []
    for _ in range(2500):
        customer, event = dice.randrange(40), dice.choice(NAMES)
        properties: dict[str, Any] = {}
        if dice.random() < 0.7:
            properties["v"] = dice.choice(["1", "2", "three"])
        if event.startswith("Order") and customer:  # an order id alone would say whose event it is
            properties["order_id"] = f"o{dice.randrange(300)}"
            if dice.random() < 0.8:
                properties[dice.choice(["total", "revenue"])] = dice.choice([10, 9.995, 12.5, "2.675", "n/a"])
        time = dice.randrange(50) * DAY + dice.randrange(0, 24 * 3600, 900) * 1_000_000
        events.append({"customer": customer, "time": time, "event": event, "properties": properties})
    return events


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("engine")
    events = log(7)
    with periplus.init(folder / "shop") as ws:
        for part in (0, 1):
            ws.import_file(
                _file(folder / f"{part}.jsonl", [e for e in events if e["time"] // DAY % 2 == part])
            )
        yield ws, events


def _file(path: Path, events: list[dict[str, Any]]) -> Path:
    lines = [
        {
            "type": "track",
            "messageId": f"{path.stem}-{place}",
            **({"userId": f"user {event['customer']}"} if event["customer"] else {}),
            "event": event["event"],
            "timestamp": iso(event["time"]),
            "properties": event["properties"],
        }
        for place, event in enumerate(events)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


PERIODS: list[dict[str, Any]] = [
    {"by": "start"},
    {"by": "start", "from": 10 * DAY, "to": 30 * DAY},
    {"by": "goal", "from": 10 * DAY, "to": 30 * DAY},
    {"by": "activity", "from": 10 * DAY, "to": 30 * DAY},
]


def moments(period: dict[str, Any], now: int = NOW) -> dict[str, Any]:
    written = {key: value if key == "by" else iso(value) for key, value in period.items()}
    return {"period": written, "now": iso(now)}


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("now", [20 * DAY, NOW])
def test_map(shop: Any, period: dict[str, Any], now: int) -> None:
    ws, events = shop
    found = ws.ask({"kind": "map", "map": DOCUMENT, **moments(period, now)})
    same_map(found, map_oracle.map_answer(events, DOCUMENT, clock.duration("3d"), now, period))
    assert found.totals["journeys"] > 20
    if now == NOW:
        for row in found.rows:
            check_people(found, row, STEP_COUNTS)


@pytest.mark.parametrize("period", PERIODS)
def test_flow(shop: Any, period: dict[str, Any]) -> None:
    ws, events = shop
    found = ws.ask({"kind": "flow", "map": DOCUMENT, **moments(period)})
    same_flow(found, map_oracle.flow_answer(events, DOCUMENT, clock.duration("3d"), NOW, period))
    if period["by"] == "goal":
        return
    found = ws.ask({"kind": "flow", "by": "v", "lapse": "2d", **moments(period)})
    steps = [{"id": value, "rule": {"where": {"v": value}}} for value in ("1", "2", "three")]
    same_flow(found, map_oracle.flow_answer(events, goalless(steps), clock.duration("2d"), NOW, period))


SINGLE = [{"event": "A"}, {"event": "B"}, {"event": "Order Completed"}]
FUNNELS: list[dict[str, Any]] = [
    {"steps": SINGLE, "within": "5d"},
    {"steps": [{"event": "A", "where": {"v": "1"}}, {"event": "B"}], "within": "5d", "breakdown": "v"},
    {"steps": SINGLE, "within": "9d", "hold": ["v"], "breakdown": "v", "breakdown_step": 2},
    {
        "steps": [SINGLE[0], {**SINGLE[1], "optional": True}, SINGLE[2]],
        "within": "4d",
        "exclude": [{"event": "X"}],
    },
    {"steps": SINGLE, "order": "any", "within": "2d"},
    {"steps": SINGLE[:2], "order": "strict", "within": "2d"},
    {"steps": [SINGLE[0], {**SINGLE[1], "within": "1d"}], "attempts": "every", "within": "2d"},
]


@pytest.mark.parametrize("question", FUNNELS)
def test_funnel(shop: Any, question: dict[str, Any]) -> None:
    ws, events = shop
    # The oracle tries every attempt, so customers are kept short: one fifth of the days.
    period = {"by": "start", "from": 12 * DAY, "to": 16 * DAY}
    now = 20 * DAY
    found = ws.ask({"kind": "funnel", **question, **moments(period, now)})
    recent = [event for event in events if event["time"] >= 12 * DAY]
    within = clock.duration(question["within"])
    if question.get("attempts") == "every":
        # Attempts follow one another through all history; here it begins with the period.
        found = ws.ask({"kind": "funnel", **question, **moments({"by": "start"}, now)})
        recent, period = list(events), {"by": "start"}
    attempts = attempts_oracle.funnel_attempts(
        recent, question, within=within, windows=windows(question), now=now, period=period
    )
    agree(found, question, attempts)
    assert found.rows[0]["reached"]
    for row in found.rows:
        check_people(found, row, COUNTS)


def test_a_name_the_data_has_never_seen_is_a_warning(shop: Any) -> None:
    ws, _ = shop
    found = ws.ask(
        {"kind": "funnel", "steps": [{"event": "Order Complete"}, {"event": "A", "where": {"v": "thre"}}]}
    )
    assert found.warnings == [
        "No event is called 'Order Complete'. Did you mean 'Order Completed'?",
        "v is never 'thre'. Did you mean 'three'?",
    ]
