"""Loops are compiled once: who asks after that that all are there loads none."""

from __future__ import annotations

from pathlib import Path

import pytest

from periplus.doctor import examine
from periplus.store import compiled
from tests.faults.victim import load_everything


def thrice(x: int) -> int:
    return 3 * x


def test_what_is_kept_is_not_loaded_to_see_that_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "_folder", tmp_path)
    monkeypatch.setattr(compiled, "_problem", None)
    made = []
    for _ in range(3):  # as three processes would
        loop = compiled.Loop(thrice, "i8(i8)")
        monkeypatch.setattr(compiled, "_loops", [loop])
        compiled.keep_ready()
        made.append(loop._ready is not None)
        assert loop(14) == 42
    assert made == [True, False, False]
    monkeypatch.setattr(compiled, "_edition", lambda: "another")  # its text has changed: it is made for that
    loop = compiled.Loop(thrice, "i8(i8)")
    monkeypatch.setattr(compiled, "_loops", [loop])
    compiled.keep_ready()
    assert loop._ready is not None
    assert compiled.cache_problem() is None


def test_where_nothing_can_be_kept_they_are_made_anew_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_folder", Path("/proc/nowhere"))
    monkeypatch.setattr(compiled, "_problem", None)
    for _ in range(2):
        loop = compiled.Loop(thrice, "i8(i8)")
        monkeypatch.setattr(compiled, "_loops", [loop])
        compiled.keep_ready()
        assert loop._ready is not None
        assert "/proc/nowhere" in (compiled.cache_problem() or "")


def twice(n):  # type: ignore[no-untyped-def]
    return 2 * n


def test_a_loop_without_a_place_to_keep_it_runs_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    load_everything()  # or `examine` would compile all of ours, and keep none
    monkeypatch.setattr(compiled, "_folder", Path("/proc/nowhere"))
    monkeypatch.setattr(compiled, "_problem", None)
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert "/proc/nowhere" in (compiled.cache_problem() or "")
    assert any(check["state"] == "note" and "/proc/nowhere" in check["detail"] for check in examine(None))


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_kept_loop_that_is_damaged_is_compiled_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: str
) -> None:
    monkeypatch.setattr(compiled, "_folder", tmp_path)
    monkeypatch.setattr(compiled, "_problem", None)
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert compiled.cache_problem() is None
    for kept in tmp_path.rglob(f"*.{ending}"):  # as a power cut leaves what was just written
        kept.write_bytes(kept.read_bytes()[:50])
    assert compiled.Loop(twice, "i8(i8)")(21) == 42
    assert str(tmp_path) in (compiled.cache_problem() or "")
