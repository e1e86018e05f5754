"""However events came in, the answers are those of a fresh import of what stands: bit for bit."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.journeys.funnel import COUNTS
from periplus.journeys.map import STEP_COUNTS
from periplus.store import compact
from periplus.workspace import Workspace, init
from tests.faults import shops

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "6"))
DAYS = [
    f"2026-{day}T{hour:02d}:00:00Z"
    for day in ("03-01", "03-02", "03-09", "04-20", "06-15")
    for hour in (0, 12)
]
"""Few enough that times collide, far enough apart that journeys lapse."""
PERIOD = {"from": "2026-03-02", "to": "2026-04-21"}
QUESTIONS: tuple[Mapping[str, Any], ...] = (
    *shops.QUESTIONS,
    *({"kind": "map", "map": "shop", "period": {**PERIOD, "by": by}} for by in ("start", "goal", "activity")),
    {"kind": "flow", "map": "shop", "period": {**PERIOD, "by": "activity"}, "off_map": True},
    {"kind": "flow", "by": "price", "lapse": "3d"},
    {**shops.QUESTIONS[2], "order": "any", "breakdown": "total", "now": "2026-03-10"},
    {**shops.QUESTIONS[2], "order": "strict", "hold": ["order_id"], "within": "60d"},
)


def maybe(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events that share times and identifiers, sign in late, are backfilled, or have no message id, so that some are equal."""
    log: list[dict[str, Any]] = []
    for number in range(draw(st.integers(3, 24))):
        kind = draw(st.sampled_from(["track"] * 6 + ["page", "identify", "alias"]))
        event: dict[str, Any] = {"type": kind, "timestamp": draw(st.sampled_from(DAYS))}
        if draw(st.integers(0, 4)):
            event["messageId"] = f"m{number}"
        user, device = draw(maybe(["u1", "u2", "u3"])), draw(maybe(["d1", "d2"]))
        event |= {key: value for key, value in (("userId", user), ("anonymousId", device)) if value}
        if kind == "alias":
            event |= {"previousId": draw(st.sampled_from(["d1", "d2", "u2", "u9"])), "userId": user or "u1"}
        elif kind == "identify":
            event["traits"] = {"email": draw(st.sampled_from(["a@x.org", "b@x.org"]))}
        else:
            price = draw(st.sampled_from([1, 2.5, "3", 3, None, [1], {"a": 1}]))
            event["properties"] = {"price": price, "order_id": draw(maybe(["o1", "o2"]))}
            if kind == "track":
                event["event"] = draw(st.sampled_from(shops.STEPS))
            if event.get("event") == "Order Completed":
                event["properties"]["total"] = draw(st.sampled_from([10, 12.5]))
        log.append(event)
    return log


@dataclass(frozen=True)
class Story:
    """What happens to a shop: files of events, and what is done one after another: (verb, number of a file, of a batch)."""

    files: list[list[dict[str, Any]]]
    deeds: list[tuple[str, int, int]]


@st.composite
def stories(draw: st.DrawFn, *, mended: bool) -> Story:
    """Overlapping files that come, come again, are undone, replaced and compacted; each comes once at least.

    With `mended` an event may say something else in another file.
    """
    log = draw(logs())
    files = []
    for _ in range(draw(st.integers(2, 4))):
        some = draw(st.lists(st.sampled_from(log), min_size=1, max_size=len(log)))
        order = draw(st.sampled_from(["as it comes", "oldest first", "newest first"]))
        if order != "as it comes":
            some.sort(key=lambda event: event["timestamp"], reverse=order == "newest first")
        if mended and draw(st.booleans()):
            some = [{**event, "properties": {"price": 7, "order_id": "o3"}, "userId": "u1"} for event in some]
        files.append(some)
    deeds = [("import", number, 0) for number in draw(st.permutations(range(len(files))))]
    for _ in range(draw(st.integers(0, 3))):
        verb = draw(st.sampled_from(["import", "undo", "undo", "replace", "compact"]))
        deed = (verb, draw(st.integers(0, len(files) - 1)), draw(st.integers(0, 9)))
        deeds.insert(draw(st.integers(1, len(deeds))), deed)
    return Story(files, deeds)


def fresh(folder: Path) -> Workspace:
    return init(folder, shards=3, threads=1, memory="500MB")


def told(shop: Workspace, paths: list[Path], deeds: list[tuple[str, int, int]]) -> list[int]:
    """Do the deeds; the numbers of the files that are left, in the order of their batches."""
    left: dict[int, int] = {}
    for verb, number, place in deeds:
        batch = sorted(left)[place % len(left)] if left else None
        if verb == "compact":
            with mock.patch.multiple(compact, WORTH=0, FRESH_SHARE=0.0, MOST_RUNS=1 + place % 3):
                compact.tidy(shop.home, lambda *_: None)
        elif verb == "import":
            left[shop.import_file(paths[number]).batch] = number
        elif batch is not None:
            del left[batch]
            if verb == "undo":
                shop.undo(batch)
            else:
                left[shop.import_file(paths[number], replace=batch).batch] = number
    return [left[batch] for batch in sorted(left)]


def everything(shop: Workspace) -> tuple[list[Any], list[Any]]:
    """Answers to all questions, and every event as it would be exported."""
    out = shop.path.parent / f"{shop.path.name}.jsonl"
    shop.export(out)
    return shops.answers(shop, QUESTIONS), [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.parametrize("mended", [False, True], ids=["any order", "mended events"])
def test_whatever_came_the_answers_are_those_of_a_fresh_import_of_what_is_left(mended: bool) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(stories(mended=mended), st.data())
    def check(story: Story, data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            paths = [shops.write(folder / f"{number}.jsonl", file) for number, file in enumerate(story.files)]
            with fresh(folder / "shop") as shop:
                left = told(shop, paths, story.deeds)
                found = everything(shop)
                shops.counts_add_up(shop.path)
                _people_are_as_many_as_the_number_says(shop, data)
            # Of events that files tell differently the first told stays: then the order of the batches counts.
            order = left if mended else data.draw(st.permutations(left))
            with fresh(folder / "fresh") as shop:
                for number in order:
                    shop.import_file(paths[number])
                assert everything(shop) == found
            if left and not mended:
                with fresh(folder / "once") as shop:
                    shop.import_file([paths[number] for number in dict.fromkeys(order)])
                    assert everything(shop) == found

    check()


def _people_are_as_many_as_the_number_says(shop: Workspace, data: st.DataObject) -> None:
    question = data.draw(st.sampled_from([each for each in QUESTIONS if each["kind"] != "flow"]))
    answer = shop.ask(question)
    fields = COUNTS if question["kind"] == "funnel" else STEP_COUNTS
    rows = [row for row in answer.rows if any(row[field] for field in fields)]
    for row in rows[:3]:
        for field in data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3, unique=True)):
            assert len(answer.people(row, field)) == row[field], (question, row, field)


# -- what was undone leaves no trace ------------------------------------------------------------


def view(number: int, time: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": f"v{number}",
        "userId": f"u{number}",
        "timestamp": time,
        "properties": properties,
    }


def test_what_was_undone_does_not_set_the_present(shop: Workspace) -> None:
    folder = shop.path.parent
    shop.import_file(shops.write(folder / "1.jsonl", [view(1, DAYS[0])]))
    later = shop.import_file(shops.write(folder / "2.jsonl", [view(2, DAYS[-1])]))
    question = {"kind": "map", "map": "shop"}
    assert (shop.ask(question).now, shop.ask(question).totals["stopped"]) == (DAYS[-1], 1)
    shop.undo(later.batch)
    assert (shop.ask(question).now, shop.ask(question).totals["stopped"]) == (DAYS[0], 0)


def test_what_was_undone_does_not_say_how_values_are_shown(shop: Workspace) -> None:
    folder = shop.path.parent
    texts = shop.import_file(shops.write(folder / "1.jsonl", [view(1, DAYS[0], price="3")]))
    shop.import_file(shops.write(folder / "2.jsonl", [view(2, DAYS[0], price=3), view(3, DAYS[0], price=3)]))
    question = {**shops.QUESTIONS[2], "steps": [{"event": "Product Viewed"}, {"event": "Product Added"}]}
    assert shop.ask(question).rows[0]["breakdown"] == "3"
    shop.undo(texts.batch)
    assert shop.ask(question).rows[0]["breakdown"] == 3


# -- the same again -----------------------------------------------------------------------------

PURCHASES = """customer,date,cds,dollars
c1,1997-01-01,1,11.77
c1,1997-01-01,1,11.77
c2,1997-01-12,1,12.00
c2,1997-01-12,5,77.00
c3,1997-01-02,2,20.76
c3,1997-01-02,2,20.76
c3,1997-01-02,2,20.76
"""
MAPPING: dict[str, Any] = {
    "source": "cdnow",
    "tables": [
        {
            "files": "*",
            "events": [
                {
                    "event": "Order Completed",
                    "userId": "customer",
                    "time": "date",
                    "properties": {"total": "dollars", "cds": "cds"},
                }
            ],
        }
    ],
}


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return fresh(tmp_path / "shop")


def purchases(shop: Workspace) -> Path:
    path = shop.path.parent / "purchases.csv"
    path.write_text(PURCHASES)
    return path


def test_equal_rows_of_a_file_are_kept_and_the_same_file_adds_nothing(shop: Workspace) -> None:
    path = purchases(shop)
    first = shop.import_file(path, mapping=MAPPING)
    assert (first.rows, first.accepted, first.events) == (7, 7, 7)
    before = shops.answers(shop)
    again = shop.import_file(path, mapping=MAPPING)
    assert (again.rows, again.accepted, again.duplicate, again.events) == (7, 0, 7, 0)
    path.write_text(PURCHASES + "c3,1997-01-02,2,20.76\n")  # a fourth of the same
    more = shop.import_file(path, mapping=MAPPING)
    assert (more.accepted, more.duplicate, more.events) == (1, 7, 1)
    shop.undo(more.batch)
    assert shops.answers(shop) == before
    shops.counts_add_up(shop.path)


def test_a_mended_mapping_needs_replace(shop: Workspace) -> None:
    path = purchases(shop)
    first = shop.import_file(path, mapping=MAPPING)
    mended = {
        **MAPPING,
        "tables": [
            {"files": "*", "events": [{**MAPPING["tables"][0]["events"][0], "channel": {"value": "post"}}]}
        ],
    }
    same = shop.import_file(path, mapping=mended)
    assert (same.accepted, same.duplicate) == (0, 7)
    assert any("--replace" in row["reason"] for row in shop.ledger(batch=same.batch))
    shop.undo(same.batch)
    anew = shop.import_file(path, mapping=mended, replace=first.batch)
    assert (anew.accepted, anew.duplicate, anew.events) == (7, 0, 7)
    question = {
        **shops.QUESTIONS[2],
        "steps": [{"event": "Order Completed", "where": {"channel": "post"}}, {"event": "x"}],
    }
    assert shop.ask(question).totals["entered"] == 3
    listed = {row["id"]: row["undone"] is not None for row in shop.batches()}
    assert listed == {first.batch: True, same.batch: True, anew.batch: False}
    with fresh(shop.path.parent / "fresh") as other:
        other.import_file(path, mapping=mended)
        assert shops.answers(other) == shops.answers(shop)


@pytest.mark.parametrize("name", ["all.jsonl", "all.parquet"])
def test_what_was_exported_imports_as_the_same(shop: Workspace, name: str) -> None:
    """From several sources, with message ids of their own and without, in every direction."""
    folder = shop.path.parent
    log = shops.log(60)
    shop.import_file(shops.write(folder / "web.jsonl", log[:40]), source="web")
    shop.import_file(
        shops.write(folder / "app.jsonl", log[20:]), source="app"
    )  # the same ids, another source
    nameless = [
        {key: value for key, value in event.items() if key != "messageId"} for event in shops.log(20, seed=3)
    ]
    shop.import_file(shops.write(folder / "plain.jsonl", [*nameless, *nameless[:5]]), source="plain")
    shop.import_file(purchases(shop), mapping=MAPPING)
    statements = [
        {
            "type": "identify",
            "messageId": "i1",
            "timestamp": DAYS[0],
            "userId": "u1",
            "traits": {"email": "a@x.org"},
        },
        {"type": "alias", "messageId": "a1", "timestamp": DAYS[1], "userId": "u2", "previousId": "d3"},
        {"type": "page", "messageId": "p1", "timestamp": DAYS[2], "anonymousId": "d3", "name": "Home"},
    ]
    shop.import_file(shops.write(folder / "statements.jsonl", statements), source="web")
    gone = shop.import_file(shops.write(folder / "gone.jsonl", shops.log(9, prefix="gone")))
    shop.undo(gone.batch)
    out = folder / name
    count = shop.export(out)
    assert count == 40 + 40 + 25 + 7 + 3
    before = shops.answers(shop)
    with fresh(folder / "copy") as copy:
        result = copy.import_file(out)
        assert (result.events, result.duplicate, result.rejected) == (count, 0, 0)
        assert shops.answers(copy) == before
        assert copy.export(folder / f"again-{name}") == count
        third = copy.import_file(folder / f"again-{name}")
        assert (third.accepted, third.duplicate) == (0, count)
    home = shop.import_file(out)
    assert (home.accepted, home.duplicate, home.events) == (0, count, 0)
    assert shops.answers(shop) == before


def test_overlapping_files_in_one_import_are_as_one_after_another(shop: Workspace) -> None:
    """Of several claims on an event the least sequence counts, also within one import."""
    folder = shop.path.parent
    same = {"type": "track", "userId": "u", "timestamp": DAYS[0]}
    first, second, third = ({**same, "event": name, "messageId": name} for name in ("x", *shops.STEPS[:2]))
    paths = [
        shops.write(folder / "1.jsonl", [first, second, third]),
        shops.write(folder / "2.jsonl", [third, second]),
    ]
    shop.import_file(paths)
    with fresh(folder / "apart") as apart:
        for path in reversed(paths):
            apart.import_file(path)
        assert shops.answers(shop) == shops.answers(apart)
    order = [row["event"] for row in shop.timeline(shop.search("u")["rows"][0]["customer"])]
    assert order[-1] == shops.STEPS[0]  # second in both files; the other two were first in one of them


def test_values_of_mixed_kinds_outlive_being_moved(shop: Workspace) -> None:
    """A history that moves to another customer is written anew, in columns of other kinds, and loses nothing."""
    prices: list[Any] = [[1], [2], 1, "3", True, {"a": 1}, 2.5, 12345678901234567]
    log = [
        {"type": "track", "event": "E", "messageId": f"p{number}", "timestamp": DAYS[0], "anonymousId": "d"}
        | {"properties": {"price": price, "number": number}}
        for number, price in enumerate(prices)
    ]
    sign_in = {"type": "track", "event": "E", "timestamp": DAYS[1], "anonymousId": "d", "userId": "u"}
    folder = shop.path.parent
    for number, some in enumerate((log[:4], log[4:6], log[6:], [{**sign_in, "properties": {"price": 0.5}}])):
        shop.import_file(shops.write(folder / f"{number}.jsonl", some))
    told = shop.timeline(shop.search("u")["rows"][0]["customer"])
    found = {
        row["properties"]["number"]: row["properties"]["price"]
        for row in told
        if "number" in row["properties"]
    }
    assert found == dict(enumerate(prices))
    assert isinstance(found[4], bool)
