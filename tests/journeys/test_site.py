"""The site's reports against an oracle that walks every session event by event, and the people behind every count."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus.errors import QuestionError
from periplus.journeys import by_value, coded_values, site_values
from periplus.journeys.site import AUTOMATIC
from periplus.journeys.site_reports import COUNTS, NAMES
from periplus.question import ask
from periplus.store import coded
from tests.journeys import oracle
from tests.journeys.calendar import spread
from tests.journeys.logs import (
    Picker,
    answer,
    check_people,
    context,
    examples,
    moment,
    nows,
    periods,
    written,
)
from tests.journeys.test_store import DAY, NOW

SECOND = 1_000_000
HALF_HOUR = 1800 * SECOND
PLACES: list[dict[str, Any]] = [
    {},
    {"properties": {"path": "/a"}},
    {"properties": {"path": "/a?x=1#y"}, "context": {"page": {"path": "/never"}}},
    {"context": {"page": {"path": "/b", "url": "https://shop.example/never"}}},
    {"properties": {"url": "https://www.shop.example/c/d?x=/e"}},
    {"context": {"page": {"url": "https://shop.example?x=1"}}},
    {"properties": {"name": "Home"}},
    {"properties": {"path": "(other)"}},
]
CAME: list[dict[str, Any]] = [
    {},
    {"channel": "direct"},
    {"channel": "email", "context": {"campaign": {"source": "news", "name": "May"}}},
    {"context": {"page": {"referrer": "https://www.Google.com/search?q=1", "url": "https://shop.example/b"}}},
    {"channel": "direct", "context": {"page": {"referrer": "https://shop.example/b", "url": "https://www.shop.example/b"}}},
    {"context": {"arrival": {"campaign": {"source": "ads"}}, "device": {"type": "mobile"}}},
    {"context": {"arrival": {"referrer": "http://other.example"}, "location": {"country": "GR"}}},
]  # fmt: skip


def merged(*parts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


@st.composite
def site_logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    events, pick = [], Picker(draw)
    for owner, count in pick.owners(8):
        for _ in range(count):
            name = pick.one(["Page Viewed"] * 4 + ["Products Searched", "Page Left", "Product Added"])
            more: dict[str, Any] = {"properties": {}}
            if name == "Page Viewed":
                more = merged(more, pick.one(PLACES), pick.one(CAME))
            elif name == "Products Searched":
                query = pick.one([None, "Mug", " mug ", "cup", ""])
                results = pick.one([None, 0, 3, "0", "many"])
                more["properties"] |= {} if query is None else {"query": query}
                more["properties"] |= (
                    {} if results is None else {pick.one(["results", "result_count"]): results}
                )
            elif name == "Page Left":
                more["properties"] = {"visible_seconds": pick.one([0, 1.5, 20, "3", -1, 1e9])}
            events.append(
                {"customer": owner if pick.number(0, 19) else 0, "time": pick.time(), "event": name, **more}
            )
    return events


# -- the oracle ---------------------------------------------------------------------------------


def get(event: dict[str, Any], path: str) -> Any:
    found: Any = event
    for key in path.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def page(event: dict[str, Any]) -> str | None:
    for path in ("properties.path", "context.page.path", "properties.url", "context.page.url"):
        if (text := get(event, path)) is not None:
            return urlsplit(text).path or "/"
    return get(event, "properties.name")


def host(url: str | None) -> str | None:
    found = urlsplit(url or "").hostname
    return found.removeprefix("www.") if found else None


def source(event: dict[str, Any]) -> str | None:
    said = get(event, "context.campaign.source") or get(event, "context.arrival.campaign.source")
    said = said or host(get(event, "context.arrival.referrer"))
    came = host(get(event, "context.page.referrer"))
    here = host(get(event, "properties.url") or get(event, "context.page.url"))
    return said or (came if came != here else None) or event.get("channel")


VALUES: dict[str, Any] = {
    "channels": lambda event: event.get("channel"),
    "sources": source,
    "campaigns": lambda event: get(event, "context.campaign.name"),
    "devices": lambda event: get(event, "context.device.type"),
    "countries": lambda event: get(event, "context.location.country"),
}


def sessions(events: list[dict[str, Any]], now: int) -> list[tuple[int, list[dict[str, Any]]]]:
    found: list[tuple[int, list[dict[str, Any]]]] = []
    for owner, mine in oracle.by_customer(events, now).items():
        for place, event in enumerate(mine):
            if not place or event["time"] - mine[place - 1]["time"] > HALF_HOUR:
                found.append((owner, []))
            found[-1][1].append(event)
    return found


def on_page(session: list[dict[str, Any]], place: int) -> int | None:
    """Microseconds that a view lasted."""
    after = session[place + 1 :]
    until = next((k for k, event in enumerate(after) if event["event"] == "Page Viewed"), len(after))
    said = [float(e["properties"]["visible_seconds"]) for e in after[:until] if e["event"] == "Page Left"]
    said = [number for number in said if 0 <= number <= 86_400]
    if said:
        return round(sum(said) * SECOND)
    last = after[min(until, len(after) - 1)] if after else None
    return None if last is None else last["time"] - session[place]["time"]


def expected(
    events: list[dict[str, Any]], now: int, period: dict[str, Any]
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """By (report, key) the counts, and the lengths; and the totals."""
    cells: dict[Any, Any] = defaultdict(lambda: {name: [] for name in (*COUNTS, "micros")})
    totals: dict[str, Any] = defaultdict(list)

    def own(key: Any) -> Any:
        return '"(other)"' if key == "(other)" else key

    for number, (owner, session) in enumerate(sessions(events, now)):
        found = [place for place, event in enumerate(session) if event["event"] == "Page Viewed"]
        searches = [place for place, event in enumerate(session) if event["event"] == "Products Searched"]
        done = [place for place, event in enumerate(session) if event["event"] not in AUTOMATIC]
        for place in searches:
            if not oracle.inside(session[place]["time"], period):
                continue
            said = session[place]["properties"]
            key = (said.get("query") or "").strip().lower() or None
            numbers = [
                said[name] for name in ("results", "result_count") if said.get(name) not in (None, "many")
            ]
            for report in ["searches"] + ["no_results"] * (numbers != [] and float(numbers[0]) == 0):
                cell = cells[report, own(key)]
                cell["views"].append(1)
                cell["visits"].append(number)
                cell["customers"].append(owner)
                cell["exits"] += [1] * (place == done[-1])
            totals["searches"].append(1)
        if not found or not oracle.inside(session[found[0]]["time"], period):
            continue
        bounced = len(found) == len(done) == 1
        length = session[-1]["time"] - session[found[0]]["time"]
        totals["views"] += found
        totals["visits"].append(length)
        totals["customers"].append(owner)
        totals["bounces"] += [1] * bounced
        totals["searched"] += [1] * any(oracle.inside(session[place]["time"], period) for place in searches)
        keys = {"landing": page(session[found[0]]), "exits": page(session[found[-1]])}
        for report, value in VALUES.items():
            known = [value(session[place]) for place in found if value(session[place]) is not None]
            keys[report] = known[0] if known else None
        for place in found:
            for report, key in {**keys, "pages": page(session[place])}.items():
                cell = cells[report, own(key)]
                cell["views"].append(1)
                cell["visits"].append(number)
                cell["customers"].append(owner)
                cell["entries"] += [1] * (place == found[0])
                cell["bounces"] += [1] * bounced
                cell["exits"] += [1] * (place == found[-1])
                lasted = (
                    on_page(session, place) if report == "pages" else length if place == found[0] else None
                )
                cell["micros"] += [] if lasted is None else [lasted]
    return dict(cells), totals


def check(found: Any, want: tuple[dict[Any, Any], dict[str, Any]]) -> None:
    cells, totals = want
    got = {(row["report"], row["key"]): row for row in found.rows}
    assert len(got) == len(found.rows)
    assert set(got) == set(cells)
    for key, cell in cells.items():
        row, micros = got[key], cell["micros"]
        for name in COUNTS:
            number = len(set(cell[name])) if name in ("visits", "customers") else len(cell[name])
            assert row[name] == number, (key, name)
        assert row["seconds"] == (pytest.approx(sum(micros) / len(micros) / SECOND) if micros else None), key
        assert row["bounce"] == (row["bounces"] / row["entries"] if row["entries"] else None)
        assert row["exit"] == row["exits"] / row["views"]
    for name in ("views", "visits", "bounces", "searches", "searched"):
        assert found.totals[name] == len(totals[name]), name
        assert len(found.people({}, name)) == found.totals[name]
    assert found.totals["customers"] == len(set(totals["customers"])) == len(found.people({}, "customers"))
    lengths = totals["visits"]
    assert found.totals["seconds"] == (
        pytest.approx(sum(lengths) / len(lengths) / SECOND) if lengths else None
    )


def conserve(found: Any) -> None:
    """Every report of visits has all of them, once; pages and searches have every view."""
    for report in NAMES:
        rows = [row for row in found.rows if row["report"] == report]
        total = {name: sum(row[name] for row in rows) for name in COUNTS}
        if report in ("searches", "no_results"):
            assert report != "searches" or total["views"] == found.totals["searches"]
            continue
        assert total["views"] == found.totals["views"]
        assert total["entries"] == total["exits"] == found.totals["visits"]
        assert total["bounces"] == found.totals["bounces"]
        assert report == "pages" or total["visits"] == found.totals["visits"]


@examples(0.3)
@given(site_logs(), nows, periods(("start",)), st.sampled_from([300, 900, 2000]))
def test_as_the_oracle_counts(events, now, period, step):
    events, now = spread(events, step), now * step
    period = {key: value if key == "by" else value * step for key, value in period.items()}
    question = {"kind": "site", "now": moment(now), "period": written(period)}
    found = answer(question, events)
    check(found, expected(events, now, period))
    conserve(found)
    few = answer({**question, "top": 1}, events)
    conserve(few)
    for row in few.rows[-1:]:
        check_people(few, row, COUNTS)
    nobody = [e for e in events if not e["customer"] and e["event"] == "Page Viewed" and e["time"] <= now]
    assert found.totals["unidentified"] == sum(oracle.inside(event["time"], period) for event in nobody)
    assert ask(found.question, context(events)).rows == found.rows


@pytest.mark.parametrize("codes", [False, True], ids=["from rows", "from codes"])
def test_from_the_store(tmp_path, monkeypatch, codes):
    if codes:
        for module in (coded, coded_values, by_value):
            monkeypatch.setattr(module, "LEAST_ROWS", 0)
    dice = random.Random(4)
    events = []
    for _ in range(1500):
        name = dice.choice(["Page Viewed"] * 3 + ["Products Searched", "Page Left", "Product Added"])
        event: dict[str, Any] = {"properties": {}}
        if name == "Page Viewed":
            event = merged(event, dice.choice(PLACES), dice.choice(CAME))
        if name == "Products Searched":
            event["properties"] = {"query": dice.choice(["mug", "cup"]), "results": dice.choice([0, 4])}
        if name == "Page Left":
            event["properties"] = {"visible_seconds": dice.choice([2, 7.5])}
        time = dice.randrange(20) * DAY + dice.randrange(0, 86_400, 300) * SECOND
        events.append({"customer": dice.randrange(30), "time": time, "event": name, **event})
    events.sort(key=lambda event: event["time"])
    for number, event in enumerate(events):
        event |= {"type": "track", "messageId": f"m{number}", "timestamp": moment(event["time"])}
        event |= {"userId": f"user {event['customer']}"} if event["customer"] else {}
    with periplus.init(tmp_path / "shop") as ws:
        for part in (0, 1):
            file = tmp_path / f"{part}.jsonl"
            file.write_text("\n".join(json.dumps(e) for e in events if e["time"] // DAY % 2 == part))
            ws.import_file(file)
        period = {"from": 3 * DAY, "to": 15 * DAY, "by": "start"}
        found = ws.ask({"kind": "site", "now": moment(NOW), "period": written(period)})
        check(found, expected(events, NOW, period))
        conserve(found)
        for row in (found.rows[0], found.rows[-1]):
            check_people(found, row, COUNTS)
        assert found.chart().to_dict()
        monkeypatch.setattr(site_values, "_fetched", None)  # what reads rows
        asked = {"kind": "site", "reports": ["pages", "channels", "devices"], "now": moment(NOW)}
        if codes:
            assert {row["report"] for row in ws.ask(asked).rows} == {"pages", "channels", "devices"}
        else:
            with pytest.raises(TypeError):
                ws.ask(asked)


def test_what_is_missing_is_said():
    base = {"kind": "site"}
    for question, said in (
        ({**base, "reports": ["page"]}, "page"),
        ({**base, "top": 0}, "op"),
        ({**base, "period": {"from": "2026-01-01", "by": "goal"}}, "began"),
        ({**base, "views": {"evnt": "A"}}, "evnt"),
    ):
        with pytest.raises(QuestionError, match=said):
            answer(question, [])
    searched = {"customer": 1 << 61, "time": 0, "event": "Products Searched", "properties": {"query": "mug"}}
    found = answer(base, [searched])
    assert [(row["report"], row["key"], row["views"]) for row in found.rows] == [("searches", "mug", 1)]
    assert any("results it had" in warning for warning in found.warnings)
    assert any("Page Viewed" in warning for warning in found.warnings)
    for row, field, said in (
        ({"report": "searches"}, "views", "key"),
        ({"report": "searches", "key": "mugs"}, "views", "mug"),
        ({"report": "searches", "key": "mug"}, "seconds", "no count"),
        ({"report": "serches", "key": "mug"}, "views", "searches"),
    ):
        with pytest.raises(QuestionError, match=said):
            found.people(row, field)
