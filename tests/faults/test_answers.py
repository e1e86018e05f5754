"""However events came in, the answers are those of a fresh import of what stands: bit for bit."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.store import compact
from periplus.workspace import Workspace, init
from tests.faults import shops

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "3"))
DAYS = [f"2026-03-{day:02d}T{hour:02d}:00:00Z" for day in (1, 2, 9) for hour in (0, 12)]


def maybe(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events that share times and identifiers, sign in late, are backfilled, or have no message id."""
    log: list[dict[str, Any]] = []
    for number in range(draw(st.integers(2, 24))):
        kind = draw(st.sampled_from(["track"] * 5 + ["page", "identify", "alias"]))
        event: dict[str, Any] = {
            "type": kind,
            "messageId": f"m{number}",
            "timestamp": draw(st.sampled_from(DAYS)),
        }
        if draw(st.integers(0, 9)) == 0:
            del event["messageId"]
            event["context"] = {"nr": number}
        user, device = draw(maybe(["u1", "u2", "u3"])), draw(maybe(["d1", "d2"]))
        event |= {key: value for key, value in (("userId", user), ("anonymousId", device)) if value}
        if kind == "alias":
            event |= {"previousId": draw(st.sampled_from(["d1", "d2", "u9"])), "userId": user or "u1"}
        elif kind == "identify":
            event["traits"] = {"email": draw(st.sampled_from(["a@x.org", "b@x.org"]))}
        else:
            price = draw(st.sampled_from([1, 2.5, "3", None, [1], {"a": 1}]))
            event["properties"] = {"price": price, "order_id": draw(maybe(["o1", "o2"])), "total": number}
            if kind == "track":
                event["event"] = draw(st.sampled_from(shops.STEPS))
        log.append(event)
    return log


def fresh(folder: Path) -> Workspace:
    return init(folder, shards=3, threads=1, memory="500MB")


@pytest.mark.parametrize("compacting", [False, True], ids=["as it is", "compacting"])
def test_any_way_in_gives_the_answers_of_a_fresh_import(
    monkeypatch: pytest.MonkeyPatch, compacting: bool
) -> None:
    if compacting:
        monkeypatch.setattr(compact, "WORTH", 2)
        monkeypatch.setattr(compact, "MOST_RUNS", 1)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(logs(), st.data())
    def check(log: list[dict[str, Any]], data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            parts = _parts(log, data)
            paths = [shops.write(folder / f"{number}.jsonl", part) for number, part in enumerate(parts)]
            order = data.draw(st.permutations(range(len(paths))))
            with fresh(folder / "shop") as shop:
                batches = {number: shop.import_file(paths[number]).batch for number in order}
                left = list(order)
                gone = data.draw(st.sampled_from([None, *order]), label="gone")
                if gone is not None:
                    left.remove(gone)
                    if data.draw(st.booleans(), label="replaced"):
                        # In its place comes another file with some of the same and some later events.
                        instead = shops.write(
                            folder / "instead.jsonl", [*parts[gone][::2], *shops.log(3, prefix="late")]
                        )
                        shop.import_file(instead, replace=batches[gone])
                        paths.append(instead)
                        left.append(len(paths) - 1)
                    else:
                        shop.undo(batches[gone])
                found = shops.answers(shop)
                shops.counts_add_up(shop.path)
            with fresh(folder / "fresh") as shop:
                for number in left:
                    shop.import_file(paths[number])
                assert found == shops.answers(shop)
            backwards = data.draw(st.booleans(), label="all at once")
            if backwards and left:
                with fresh(folder / "other") as shop:
                    shop.import_file([paths[number] for number in left])
                    assert found == shops.answers(shop)

    check()


def _parts(log: list[dict[str, Any]], data: st.DataObject) -> list[list[dict[str, Any]]]:
    """The log in two or three files; events with a message id may stand in several of them."""
    count = data.draw(st.integers(2, 3))
    parts: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for event in log:
        some = st.sets(st.integers(0, count - 1), min_size=1, max_size=2 if "messageId" in event else 1)
        for number in data.draw(some):
            parts[number].append(event)
    return [part or [log[0]] for part in parts]


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
