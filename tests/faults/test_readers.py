"""Whoever asks while others write sees one whole version or the next, never something between."""

from __future__ import annotations

import json
import time
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from periplus.workspace import Workspace, init, open_workspace
from tests.faults import shops
from tests.faults.processes import Process

COMPACTING = {"periplus.store.compact:WORTH": 3, "periplus.store.compact:MOST_RUNS": 1}
PARTS = (slice(0, 60), slice(40, 100), slice(80, 140))
DEEDS = (
    ("import", "0.jsonl"),
    ("import", "1.jsonl"),
    ("batch", "undo", 1),
    ("import", "2.jsonl", "--replace", 2),
    ("import", "0.jsonl"),
)


def test_readers_see_whole_versions_while_others_import_undo_and_compact(tmp_path: Path) -> None:
    log = shops.log(140)
    for number, part in enumerate(PARTS):
        shops.write(tmp_path / f"{number}.jsonl", log[part])
    published = _one_after_another(tmp_path)
    assert all(one != other for one, other in pairwise(published))
    root = tmp_path / "shop"
    init(root, shards=2, threads=1, memory="500MB").close()
    question = tmp_path / "question.json"
    question.write_text(json.dumps(shops.QUESTIONS[0]))
    words = [
        (*(tmp_path / word if str(word).endswith(".jsonl") else word for word in deed), "-w", root)
        for deed in DEEDS
    ]
    looks = tmp_path / "looks"
    looks.touch()
    seen: list[Any] = []
    with (
        Process(*words, set=COMPACTING, looks=str(looks)) as writer,
        Process(*[("ask", question, "-w", root)] * 8) as asker,
        open_workspace(root) as reader,
    ):
        while writer.runs:  # as a server does: one workspace, held open
            seen.append(_read(reader))
            with looks.open("ab") as told:
                told.write(b".")
            time.sleep(0.05)  # the writer wants the processor too
        assert [said.code for said in writer.end().said] == [0] * len(DEEDS)
        seen.append(_read(reader))
        asked = [said.json for said in asker.end().said]
    _in_order(seen, published)
    _in_order([[each["rows"], each["totals"]] for each in asked], [state[:2] for state in published])
    assert [state for state, _ in groupby(seen)] == published


def _read(shop: Workspace) -> list[Any]:
    """Of one version: a map's rows and totals, and its other questions."""
    context = shop.context()
    from periplus import question

    first, *others = (question.ask(each, context) for each in shops.QUESTIONS)
    return [first.rows, first.totals, [[other.rows, other.stages, other.totals] for other in others]]


def _one_after_another(folder: Path) -> list[Any]:
    """What may be seen: the answers before and after each deed, where nobody else is about and nothing is compacted."""
    with init(folder / "quiet", shards=2, threads=1, memory="500MB") as shop:
        found = [_read(shop)]
        for verb, *words in DEEDS:
            if verb == "batch":
                shop.undo(words[1])
            else:
                shop.import_file(folder / words[0], replace=words[2] if len(words) > 1 else None)
            found.append(_read(shop))
    return found


def _in_order(seen: list[Any], published: list[Any]) -> None:
    """Each is one of those that were published, and nobody goes back to an older one."""
    at = 0
    for state in seen:
        later = [place for place in range(at, len(published)) if published[place] == state]
        assert later, "neither this version nor a later one was ever published"
        at = later[0]
