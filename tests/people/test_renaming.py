"""The vocabulary applied again to the past gives what would have been, had it been so from the start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.clock import instant, zone
from periplus.collect.vocabulary import Vocabularies
from periplus.collect.vocabulary_document import VocabularyDocument
from periplus.people import export, renaming
from periplus.store import manifest
from periplus.workspace import Workspace


def quiet(done: int, total: int, what: str) -> None:
    del done, total, what


MINE = VocabularyDocument.parse(
    {
        "name": "mine",
        "events": {
            "bought": {"to": "Order Completed", "properties": {"sum": "total"}},
            "seen": "Product Viewed",
        },
        "properties": {
            "nr": "order_id",
            "lines": {"to": "products", "each": {"art": "product_id", "n": "quantity"}},
            "who.city": "city",
        },
    }
)
NONE = VocabularyDocument.parse({"name": "mine"})


def log() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for person in range(12):
        for visit in range(5):
            at = f"2026-01-{1 + visit:02d}T{person:02d}:00:00Z"
            rows.append(
                {
                    "type": "track",
                    "event": "seen",
                    "userId": f"u{person}",
                    "timestamp": at,
                    "messageId": f"s{person}-{visit}",
                    "properties": {
                        "art": visit,
                        "price": 1.5 * visit,
                        "odd": {"a": [1, {"b": None}]},
                    },
                }
            )
        rows.append(
            {
                "type": "track",
                "event": "bought",
                "userId": f"u{person}",
                "timestamp": f"2026-01-06T{person:02d}:30:00Z",
                "messageId": f"b{person}",
                "properties": {
                    "nr": f"N{person}",
                    "sum": 10 + person if person % 2 else 10.5 + person,
                    "lines": [{"art": "x", "n": 2}],
                    "who": {"city": "Αθήνα"} if person % 3 else {"city": 7},
                },
            }
        )
        # a carrier knows the order's number only
        rows.append(
            {
                "type": "track",
                "event": "Delivered",
                "timestamp": f"2026-01-09T{person:02d}:00:00Z",
                "messageId": f"d{person}",
                "properties": {"order_id": f"N{person}"},
            }
        )
    rows.append(
        {
            "type": "track",
            "event": "Named by its mapping",
            "original": "raw",
            "userId": "u1",
            "timestamp": "2026-01-01T00:00:00Z",
            "messageId": "m",
        }
    )
    rows.append(
        {
            "type": "page",
            "userId": "u1",
            "name": "Home",
            "timestamp": "2026-01-01T00:00:00Z",
            "messageId": "p",
        }
    )
    rows.append(
        {
            "type": "identify",
            "userId": "u1",
            "traits": {"nr": "x"},
            "timestamp": "2026-01-01T00:00:01Z",
            "messageId": "i",
        }
    )
    return rows


def shop(folder: Path, rows: list[dict[str, Any]], *, parts: int = 2) -> Workspace:
    folder.parent.mkdir(parents=True, exist_ok=True)
    ws = periplus.init(folder, shards=2, threads=1, memory="500MB")
    for part in range(parts):
        path = folder.parent / f"{folder.name}-{part}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows[part::parts]))
        ws.import_file(path, source="web")
    return ws


def told(ws: Workspace) -> dict[str, dict[str, Any]]:
    """Every event by its message id, as exported."""
    path = ws.path / "out.jsonl"
    export.export(ws.snapshot(), path, quiet)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    return {row["messageId"]: row for row in rows}


def owners(ws: Workspace) -> dict[str, int]:
    from periplus.store import standing

    snapshot = ws.snapshot()
    rows = standing.narrow(snapshot.manifest, snapshot.files, ("message_id", "customer"))
    return dict(snapshot.cursor().execute(rows).fetchall())


def apply(ws: Workspace, *documents: VocabularyDocument, since: int | None = None) -> dict[str, Any]:
    return renaming.apply(ws.home, Vocabularies(documents), since=since, progress=quiet).to_dict()


FUNNEL = {
    "kind": "funnel",
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed", "where": {"total": {"gte": 20}}}],
    "now": "2026-02-01",
}
OLD = {
    "kind": "funnel",
    "steps": [{"event": "seen"}, {"event": "bought"}, {"event": "Delivered"}],
    "now": "2026-02-01",
}
FLOW = {
    "kind": "flow",
    "steps": [{"event": "seen"}, {"event": "bought"}, {"event": "Delivered"}],
    "now": "2026-02-01",
}


def answer(ws: Workspace, question: dict[str, Any]) -> dict[str, Any]:
    found = ws.ask(question).to_dict()
    return {name: found[name] for name in ("rows", "totals", "warnings")}


def test_the_past_is_as_if_it_had_been_told_so_from_the_start(tmp_path: Path) -> None:
    rows = log()
    vocabulary = Vocabularies([MINE]).of("web")
    with (
        shop(tmp_path / "a", rows) as ws,
        shop(tmp_path / "b", [vocabulary.tell(row) for row in rows]) as fresh,
    ):
        changed = apply(ws, MINE)
        assert changed["changed"] == 72
        assert {(row["from"], row["to"]): row["events"] for row in changed["names"]} == {
            ("seen", "Product Viewed"): 60,
            ("bought", "Order Completed"): 12,
        }
        assert told(ws) == told(fresh)
        assert owners(ws) == owners(fresh)
        for question in (FUNNEL, OLD, FLOW):
            assert answer(ws, question) == answer(fresh, question)
        assert answer(ws, FUNNEL)["rows"][0]["reached"] == 12


def test_applying_twice_changes_nothing(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        apply(ws, MINE)
        number, before = ws.snapshot().manifest.number, told(ws)
        assert apply(ws, MINE)["changed"] == 0
        assert ws.snapshot().manifest.number == number
        assert told(ws) == before


def test_going_back_gives_the_earlier_answers_bit_for_bit(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        events, who, answers = (
            told(ws),
            owners(ws),
            [answer(ws, question) for question in (FUNNEL, OLD, FLOW)],
        )
        apply(ws, MINE)
        assert told(ws) != events
        apply(ws, NONE)
        assert told(ws) == events
        assert owners(ws) == who
        assert [answer(ws, question) for question in (FUNNEL, OLD, FLOW)] == answers
        assert answers[0]["warnings"]


def test_an_order_number_that_comes_brings_its_parcel_home(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        before = owners(ws)
        assert before["d3"] != before["b3"]
        apply(ws, MINE)
        after = owners(ws)
        assert after["d3"] == after["b3"] == before["b3"]


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        files = sorted(
            str(path) for path in ws.path.rglob("*") if path.is_file() and "spill" not in path.parts
        )
        plan = renaming.preview(ws.home, Vocabularies([MINE]), since=None, progress=quiet).to_dict()
        assert (
            sorted(str(path) for path in ws.path.rglob("*") if path.is_file() and "spill" not in path.parts)
            == files
        )
        assert apply(ws, MINE) == plan


def test_only_what_is_recent_where_a_time_is_given(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        changed = apply(ws, MINE, since=instant("2026-01-05", zone("UTC")))
        assert changed["changed"] == 12 + 12
        events = told(ws)
        assert events["s1-0"]["event"] == "seen"
        assert events["s1-4"]["event"] == "Product Viewed"


def test_undoing_a_batch_afterwards_leaves_the_others(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        apply(ws, MINE)
        before = told(ws)
        ws.undo(2)
        left = {name: row for name, row in before.items() if name in told(ws)}
        assert told(ws) == left
        assert len(left) == len(before) - ws.snapshot().manifest.batch(2).events


def test_compacted_files_are_told_anew_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from periplus.store import compact

    rows = log()
    monkeypatch.setattr(compact, "WORTH", 0)
    with (
        shop(tmp_path / "a", rows) as ws,
        shop(tmp_path / "b", [Vocabularies([MINE]).of("web").tell(row) for row in rows]) as fresh,
    ):
        assert any(name.startswith("shards/") for name in ws.snapshot().manifest.files)
        apply(ws, MINE)
        assert told(ws) == told(fresh)
        assert owners(ws) == owners(fresh)
        ws.import_file(tmp_path / "a-0.jsonl", source="again")
        assert len(told(ws)) >= len(told(fresh))


def test_killed_half_way_the_version_before_stands(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "import periplus\n"
        "from periplus.store import manifest\n"
        "manifest.publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "periplus.open(sys.argv[1]).vocabulary.apply()\n"
    )
    with shop(tmp_path / "a", log()) as ws:
        before, number = told(ws), ws.snapshot().manifest.number
        ws.vocabulary.adopt(MINE)
        done = subprocess.run([sys.executable, "-c", script, str(ws.path)], timeout=120, check=False)
        assert done.returncode == -signal.SIGKILL
        assert (told(ws), ws.snapshot().manifest.number) == (before, number)
        assert ws.vocabulary.apply().changed == 72
        assert ws.vocabulary.apply().changed == 0
        ws.vocabulary.adopt(NONE)
        ws.vocabulary.apply()
        assert told(ws) == before
        assert ws.vocabulary.show("mine", 1) == MINE


def test_stopped_half_way_the_version_before_stands(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        before = told(ws)
        calls = 0

        def stop(done: int, total: int, what: str) -> None:
            nonlocal calls
            calls += 1
            if calls == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            renaming.apply(ws.home, Vocabularies([MINE]), since=None, progress=stop)
        assert told(ws) == before
        apply(ws, MINE)
        assert manifest.read(ws.path).number > 3
        assert apply(ws, NONE)["changed"] == 72
        assert told(ws) == before


def test_an_export_comes_in_again_as_it_was(tmp_path: Path) -> None:
    with shop(tmp_path / "a", log()) as ws:
        apply(ws, MINE)
        ws.export(tmp_path / "all.jsonl")
        ws.export(tmp_path / "all.parquet")
        events = told(ws)
        assert events["b3"]["original"] == "bought"
        for name in ("all.jsonl", "all.parquet"):
            with periplus.init(
                tmp_path / name.replace(".", "-"), shards=2, threads=1, memory="500MB"
            ) as other:
                other.import_file(tmp_path / name)
                assert told(other) == events
                apply(other, NONE)
                assert told(other)["b3"]["event"] == "bought"
