"""An erasure that is killed (kill -9), or stopped between any two of its steps, is gone on with and ends as it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from periplus.people import erasure, erasure_journal
from periplus.workspace import Workspace, init, open_workspace
from tests import terminal
from tests.faults import processes, shops
from tests.people import decoded

GONE = ["u-gone", "gone@shop.example", "Gone Person"]
LOG = shops.log(60)
THEIRS = [
    {**event, "messageId": f"gone{number}", "userId": "u-gone", "anonymousId": None, "email": "gone@shop.example",
     "traits": {"name": "Gone Person"}, "properties": {"price": 1, "order_id": f"gone-{number}", "total": 5}}
    for number, event in enumerate(LOG[:12])
]  # fmt: skip
STEPS = (
    "erasure.manifest.publish", "erasure.drain", "erasure.removal.removed", "erasure.manifest.publish", "erasure.manifest.sweep",
    "erasure._cleared", "erasure.scrub.compact", "erasure._recount", "erasure._proven", "erasure_journal.wipe",
)  # fmt: skip
"""Before each of these it is stopped, once, and goes on the next time."""


class KilledError(BaseException):
    """What no code of ours catches."""


def made(folder: Path) -> tuple[Workspace, list[Any]]:
    """A workspace with a person in two files, claims and a note, and the answers without them."""
    with init(folder / "without", shards=2, threads=1, memory="500MB") as without:
        without.import_file(shops.write(folder / "others.jsonl", LOG))
        expected = shops.answers(without)
    ws = init(folder / "shop", shards=2, threads=1, memory="500MB")
    ws.import_file(shops.write(folder / "1.jsonl", LOG[:40] + THEIRS))
    ws.import_file(shops.write(folder / "2.jsonl", LOG[30:] + THEIRS[6:]))
    ws.add_note("u-gone", "Gone Person calls back")
    return ws, expected


def test_stopped_before_every_step_it_is_finished_by_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "READERS", 0.0)
    ws, expected = made(tmp_path)
    with ws:
        act: Callable[[], Any] = ws.subject("u-gone").erase
        for number, step in enumerate(STEPS):
            with monkeypatch.context() as patch:
                patch.setattr(f"periplus.people.{step}", _killed)
                with pytest.raises(KilledError):
                    act()
            assert len(erasure_journal.unfinished(ws.path)) == 1, step
            if number == 0:  # nothing but the journal: whoever comes next begins with the tombstones
                assert ws.snapshot().manifest.tombstones is None
            act = ws.erasures.finish
        checks = {row["check"]: row for row in _doctor(ws)}
        assert checks["Erasures"]["detail"] == "1 that had been stopped were finished"
        assert ws.erasures.unfinished() == []
        assert [proof["number"] for proof in ws.erasures.listed()] == [1]
        assert shops.answers(ws) == expected
    assert decoded.places(tmp_path / "shop", GONE) == []


def _killed(*_: Any, **__: Any) -> Any:
    raise KilledError


def _doctor(ws: Workspace) -> list[dict[str, str]]:
    from periplus.doctor import examine

    return examine(ws)


def test_killed_while_the_old_files_go_it_is_finished_by_the_next_start(tmp_path: Path) -> None:
    ws, expected = made(tmp_path)
    ws.close()
    killed = processes.run(
        "erase", "u-gone", "--yes", "-w", ws.path, under=str(ws.path), die_at="os.remove runs/"
    )
    assert killed.killed
    assert decoded.places(ws.path, GONE)
    said = terminal.run("erasure", "finish", "-w", ws.path)
    assert (said.code, said.out) == (0, "1 finished.\n")
    assert decoded.places(ws.path, GONE) == []
    assert shops.answers(ws.path) == expected
    with open_workspace(ws.path) as again:
        assert again.import_file(tmp_path / "1.jsonl").withheld == 12
