"""Patterns against Python's own regular expressions over the journeys of the oracle, one letter for each step."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus import clock
from periplus.errors import QuestionError
from periplus.journeys.pattern_match import matches
from periplus.journeys.pattern_text import program
from periplus.question import ask
from tests.journeys import oracle
from tests.journeys.logs import (
    answer,
    check_people,
    context,
    examples,
    logs,
    maps,
    moment,
    nows,
    periods,
    written,
)
from tests.journeys.test_store import DAY, DOCUMENT, NOW, PERIODS, _file, log, moments

IDS = ["one", "two", "three", "four", "five"]
LETTERS = dict(zip(IDS, "abcde", strict=True))


@st.composite
def patterns(draw: st.DrawFn, ids: list[str], depth: int = 3) -> tuple[str, str, bool]:
    """A pattern as we write it and as Python does, and whether it may match nothing."""
    kind = draw(st.sampled_from("wwww.[^" + ("srrglLA" if depth else "")))
    if kind == "w":
        word = draw(st.sampled_from(ids))
        return word, LETTERS[word], False
    if kind == ".":
        return ".", ".", False
    if kind in "[^":
        words = draw(st.lists(st.sampled_from(ids), min_size=1, max_size=3))
        sign = "" if kind == "[" else "^"
        return f"[{sign}{' '.join(words)}]", f"[{sign}{''.join(LETTERS[word] for word in words)}]", False
    if kind == "A":
        sign = draw(st.sampled_from("^$"))
        return sign, sign, True
    if kind in "sg":
        parts = draw(st.lists(patterns(ids, depth - 1), min_size=1, max_size=3))
        ours, theirs = [part for part, _, _ in parts], [part for _, part, _ in parts]
        if kind == "s":
            return f"({' '.join(ours)})", f"(?:{''.join(theirs)})", all(nothing for _, _, nothing in parts)
        return f"(?:{'|'.join(ours)})", f"(?:{'|'.join(theirs)})", any(nothing for _, _, nothing in parts)
    ours, theirs, nothing = draw(patterns(ids, depth - 1))
    if kind in "lL":
        sign = "!" if kind == "l" else "="
        return f"(?{sign}{ours})", f"(?{sign}{theirs})", True
    if nothing:
        return ours, theirs, nothing
    count = draw(st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}"])) + draw(
        st.sampled_from(["", "?"])
    )
    return f"({ours}){count}", f"(?:{theirs}){count}", count[0] in "*?" or count.startswith("{0")


@st.composite
def asked(draw: st.DrawFn) -> tuple[dict[str, Any], str, str]:
    document = draw(maps())
    ids = [step["id"] for step in oracle.step_list(document)]
    parts = draw(st.lists(patterns(ids), min_size=1, max_size=4))
    return document, " ".join(part for part, _, _ in parts), "".join(part for _, part, _ in parts)


def expected(
    events: list[dict[str, Any]], document: dict[str, Any], wanted: str, now: int, period: dict[str, Any]
) -> tuple[int, list[tuple[str, int, set[int]]]]:
    """The journeys of the period; each way with its journeys and customers, as the rows stand."""
    whole, counts, customers = 0, Counter[str](), defaultdict[str, set[int]](set)
    lapse = clock.duration(document["lapse"])
    ids = [step["id"] for step in oracle.step_list(document)]
    letters = {id: chr(97 + place) for place, id in enumerate(ids)}
    for customer, mine in oracle.by_customer(events, now).items():
        for journey in oracle.select(oracle.play(mine, document, lapse, now)[0], period):
            whole += 1
            found = re.search(wanted, "".join(letters[visit["step"]] for visit in journey["visits"]))
            if found:
                counts[found[0]] += 1
                customers[found[0]].add(customer)
    ranked = sorted(counts, key=lambda way: (-counts[way], len(way), way))
    return whole, [
        (" ".join(ids[ord(sign) - 97] for sign in way) or "(nothing)", counts[way], customers[way])
        for way in ranked
    ]


def check(found: Any, whole: int, ways: list[tuple[str, int, set[int]]], top: int) -> None:
    want = [{"match": way, "journeys": count, "customers": len(who)} for way, count, who in ways[:top]]
    if len(ways) > top:
        rest = set().union(*(who for _, _, who in ways[top:]))
        number = sum(count for _, count, _ in ways[top:])
        want.append({"match": "(other)", "journeys": number, "customers": len(rest)})
    assert found.rows == want
    assert found.totals == {
        "journeys": whole,
        "matched": sum(count for _, count, _ in ways),
        "customers": len(set().union(*(who for _, _, who in ways))),
        "different": len(ways),
    }
    for row in found.rows:
        check_people(found, row, ("journeys", "customers"))
    check_people(
        found,
        {key: value for key, value in found.totals.items() if key != "different"},
        tuple(found.totals)[:3],
    )


@examples(2)
@given(asked(), logs(names=("A", "B", "C", "D"), most=14), nows, periods(), st.integers(1, 4))
def test_as_python_finds_them(said, events, now, period, top):
    document, ours, theirs = said
    question = {"kind": "pattern", "map": document, "pattern": ours, "top": top}
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    check(found, *expected(events, document, theirs, now, period), top)
    assert ask(found.question, context(events)).rows == found.rows


@examples(5)
@given(patterns(IDS), st.lists(st.lists(st.sampled_from(IDS), max_size=12), min_size=1, max_size=3))
def test_any_sequence_as_python_finds_it(said, journeys):
    ours, theirs, _ = said
    walked = Sequences(journeys)
    found = matches(walked, np.ones(len(journeys), np.bool_), program(ours, IDS))  # type: ignore[arg-type]
    for place, journey in enumerate(journeys):
        want = re.search(theirs, "".join(LETTERS[id] for id in journey))
        base = walked.visits[place]
        got = (found.begin[place] - base, found.end[place] - base) if found.begin[place] >= 0 else None
        assert got == (want and want.span())
        if want:
            steps = found.ways[found.way[place]]
            assert "".join("abcde"[step] for step in steps) == want[0]


class Sequences:
    """As much of a walk as matching looks at: visits one after the other, here also ones on the same step."""

    def __init__(self, journeys: list[list[str]]) -> None:
        self.begin = np.zeros(len(journeys), np.int32)
        self.step = np.array([IDS.index(id) for journey in journeys for id in journey], np.uint8)
        self.visits = np.cumsum([0, *(len(journey) for journey in journeys)]).astype(np.int32)


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("a .* order", "a.*d"),
        ("^[a b] (?!b1).{0,3}$", "^[ac](?!b).{0,3}$"),
        ("(a|b1)+? (b|order)", "(a|b)+?(c|d)"),
    ],
)
def test_from_files(shop: Any, period: dict[str, Any], ours: str, theirs: str) -> None:
    ws, events = shop
    found = ws.ask({"kind": "pattern", "map": DOCUMENT, "pattern": ours, **moments(period)})
    whole, ways = expected(events, DOCUMENT, theirs, NOW, period)
    assert ways
    check(found, whole, ways, 20)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("pattern")
    events = log(7)
    with periplus.init(folder / "shop") as ws:
        for part in (0, 1):
            days = [event for event in events if event["time"] // DAY % 2 == part]
            ws.import_file(_file(folder / f"{part}.jsonl", days))
        yield ws, events


def test_the_time_is_linear_whatever_the_pattern():
    """What takes a backtracking search longer than the world is old."""
    walked = Sequences([["one"] * 20_000])
    hostile = program("(one | one){0,20} ((one* one)+ one* (?!.* two .*) )+ one* two", IDS)
    matches(walked, np.ones(1, np.bool_), hostile)  # type: ignore[arg-type]  # compiled before time is taken
    began = time.thread_time()
    found = matches(walked, np.ones(1, np.bool_), hostile)  # type: ignore[arg-type]
    assert found.begin[0] == -1
    assert time.thread_time() - began < 30


def test_what_makes_no_sense_is_said():
    for text, said in (
        (" ", "is empty"),
        ("one (two", "not closed"),
        ("one) two", "closes no group"),
        ("onee two", "Did you mean 'one'"),
        ("one.two", "spaces around the point"),
        ("one**", "repeats a repetition"),
        ("one{2}{3}", "repeats a repetition"),
        ("* one", "repeats nothing"),
        ("(one*)*", "may be nothing"),
        ("(?!one)+", "may be nothing"),
        ("(?<one)", "not spoken here"),
        ("(?P<a>one)", "not spoken here"),
        ("one{3,2}", "is no count"),
        ("[one", "ends early"),
        ("[]", "empty brackets"),
        ("[one | two]", "stands in brackets"),
        ("one \\1", "not spoken here"),
        ("one{", "not spoken here"),
        ("((one{99}){99}){99}", "repeats too much"),
        ("(" * 40 + "one" + ")" * 40, "too deep"),
        ("one " * 600, "longer than"),
    ):
        with pytest.raises(QuestionError, match=said) as raised:
            program(text, IDS)
        assert raised.value.hint
    with pytest.raises(QuestionError, match="character 5: 'tow' is no step"):
        program("one tow", IDS)


def test_what_a_row_is_opened_by():
    events = [
        {"customer": 1 << 60, "time": second * 1_000_000, "event": name, "properties": {}}
        for second, name in enumerate(("A", "B", "A"))
    ]
    step = [
        {"id": id, "name": id, "rule": {"event": event}} for id, event in (("view", "A"), ("cart.full", "B"))
    ]
    document = {"name": "m", "goal": "cart.full", "end": "lapse", "stages": [{"name": "S", "steps": step}]}
    base = {"kind": "pattern", "map": document}
    found = answer(base | {"pattern": 'view "cart.full" .'}, events)
    assert [row["match"] for row in found.rows] == ["view cart.full view"]
    assert answer(base | {"pattern": "^ (?= .* cart.full)"}, events).rows == [
        {"match": "(nothing)", "journeys": 1, "customers": 1}
    ]
    for row, field, said in (
        ({"match": "view"}, "journeys", "Unknown match"),
        ({"math": "view"}, "journeys", "match"),
        ({"match": "view cart.full view"}, "matched", "journeys"),
        ({}, "different", "no count"),
    ):
        with pytest.raises(QuestionError, match=said):
            found.people(row, field)
