"""Staged events that stay in memory beside those that are written first: the same workspace, whatever comes after what."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import periplus
from periplus.collect import origin
from periplus.errors import PeriplusError
from periplus.people import settlement
from periplus.store import files, held
from periplus.workspace import Workspace
from tests.collect.test_by_value import rows, written

RULES: dict[str, Any] = {
    "none": lambda ws: None,
    "a number of a person": lambda ws: ws.identity.set_rules({"external": ["properties.colour"]}),
    "staff": lambda ws: ws.adopt_traffic({"staff": ["a"]}),
    "what is old goes": lambda ws: ws.retention.adopt({"sources": {"*": "1d"}}),
    "an account by hand": lambda ws: ws.identity.join("device:Ä", "user:c d"),
}


def brought(folder: Path, form: str, parts: list[list[dict[str, Any]]], rule: str) -> list[Any]:
    """What a workspace has, and says, after each of some files and at last without the first."""
    with periplus.init(folder / "shop", zone="Europe/Athens") as ws:
        found = []
        for number, part in enumerate(parts):
            with suppress(PeriplusError):  # whom it names must have come; it is in force but once
                RULES[rule](ws)
            (folder / str(number)).mkdir()
            path, mapping = written(folder / str(number), form, part)
            try:
                told = ws.import_file(path, mapping=mapping).to_dict()
            except PeriplusError as problem:
                told = {"problem": str(problem)}
            found.append((told, _all(ws)))
        if ws.batches():
            ws.undo(ws.batches()[0]["id"])
            found.append(_all(ws))
        return found


def _all(ws: Workspace) -> list[Any]:
    out = ws.path.parent / "out.jsonl"
    ws.export(out)
    listed = [files.load(ws.path, name) for name in ws.snapshot().manifest.files]
    with ws.home.connect() as connection:
        people = [
            sorted(map(repr, connection.execute(f"FROM '{path}'").fetchall()))
            for file in listed
            for path in (file.people, *([file.marked_people] if file.marked else []))
        ]
    for known in (known for file in listed for known in file.properties.values()):
        known["values"].sort()  # of equally frequent ones either may come first
    return [
        sorted(out.read_text(encoding="utf-8").splitlines()),
        people,
        repr(listed).replace(str(ws.path), ""),
    ]


@pytest.mark.parametrize("apart", [True, False], ids=["each with a device", "devices of several"])
@pytest.mark.parametrize("form", ["mapped csv", "mapped parquet", "flat parquet", "jsonl"])
def test_what_stays_in_memory_comes_in_as_what_is_written_first(form: str, apart: bool) -> None:
    ways = {"in memory": 0, "by combinations": 0, "at the moment": 0}

    def counted(way: str, made: Any) -> Any:
        def run(*given: Any) -> Any:
            ways[way] += 1
            return made(*given)

        return run

    def said(parts: list[list[dict[str, Any]]], rule: str, least: int) -> list[Any]:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(origin, "LEAST", least)
            if not least:
                patch.setattr(held.Held, "lent_to", counted("in memory", held.Held.lent_to))
                patch.setattr(settlement, "_owned", counted("by combinations", settlement._owned))
                patch.setattr(
                    settlement, "_at_the_moment", counted("at the moment", settlement._at_the_moment)
                )
            return brought(Path(folder), form, parts, rule)

    @settings(max_examples=5, phases=[p for p in Phase if p is not Phase.shrink])
    @given(rows(again=False), rows(), st.sampled_from(list(RULES)))
    def asked(first: list[dict[str, Any]], second: list[dict[str, Any]], rule: str) -> None:
        parts = [first, second, first[:1] + second]
        for row in first + second if apart else ():  # nobody's device is seen with anybody else
            row |= {"device": f"of {row['user']}", "previous": None, "email": None, "order": None}
        assert said(parts, rule, 0) == said(parts, rule, 1_000)

    asked()
    assert ways["in memory"] > 0
    assert ways["by combinations"] > 0
    assert not (apart and ways["at the moment"])


def test_whose_an_event_of_a_shared_device_is_hangs_on_its_time(tmp_path: Path) -> None:
    """Two people with one tablet, before, between and after they signed in; orders nobody signed for; and others."""
    who = [None, "ann", None, "bob", None, "ann", None, None]
    listed = [
        {
            "type": "track", "event": "Viewed", "id": f"m{place}-{tablet}", "time": f"2026-03-28T10:{place:02}:00.000Z",
            "user": None if user is None else f"{user}{tablet}", "device": f"tablet {tablet}" if place < 7 else None,
            "previous": None, "price": "1", "colour": "a", "order": f"o{tablet}" if place > 4 else None, "email": None,
            "received": None, "list": None, "count": 1, "flag": True, "score": 0.5,
        }
        for tablet in range(3)
        for place, user in enumerate(who)
    ]  # fmt: skip
    listed += [
        listed[0] | {"id": f"n{place}", "user": f"u{place}", "device": f"d{place}"} for place in range(9)
    ]
    seen = []
    real = settlement._at_the_moment
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settlement, "_at_the_moment", lambda *given: seen.append(len(given[1])) or real(*given))
        found = []
        for least in (0, 1_000):
            patch.setattr(origin, "LEAST", least)
            (tmp_path / str(least)).mkdir()
            found.append(brought(tmp_path / str(least), "mapped parquet", [listed], "none"))
    assert found[0] == found[1]
    assert seen == [15], seen
