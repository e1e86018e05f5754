"""Loops are compiled once: who asks after that that all are there loads none."""

from __future__ import annotations

from pathlib import Path

import pytest

from periplus.store import compiled


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
