"""A map and its answers, joined by step; and the files a map can become."""

from __future__ import annotations

import doctest
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.errors import QuestionError
from periplus.maps import export, geometry, measure, model, render, words
from periplus.maps.draw import draw
from periplus.maps.fill import OUTCOMES, PALETTE, FilledCard, FilledLane, Outcomes, colors, fill
from periplus.maps.layout import lay_out
from periplus.maps.model import MapDocument
from periplus.maps.sentences import ENOUGH, loss, rate, said_step, sentence, stage_line
from periplus.maps.template import SHOP
from periplus.maps.words import NARROW, Words
from periplus.question import Answer

if TYPE_CHECKING:
    from tests.maps.conftest import Walk

EXAMPLES = Path(__file__).parents[2] / "examples" / "maps"


def small() -> MapDocument:
    return MapDocument.parse(
        {
            "name": "Small",
            "goal": "order",
            "currency": "CHF",
            "stages": [
                {"name": "Intent", "steps": [{"name": "Cart", "rule": {"event": "A"}}, {"name": "Talk"}]},
                {"name": "Purchase", "steps": [{"name": "Order", "rule": {"event": "B"}}]},
            ],
        }
    )


def answer(kind: str, rows: list[dict[str, Any]], **more: Any) -> Answer:
    frame: dict[str, Any] = {
        "question": {"kind": kind}, "totals": {}, "stages": [], "now": "2026-07-01T00:00:00Z",
        "now_from": "question", "currency": "EUR", "version": "7", "seconds": 0.1, "warnings": [],
    }  # fmt: skip
    return Answer(kind=kind, rows=rows, **{**frame, **more})


def outcomes(**counts: int) -> dict[str, int]:
    return {**dict.fromkeys(OUTCOMES, 0), **counts}


def two_answers() -> tuple[Answer, Answer]:
    fate = outcomes(onward=4, stopped=5, running=1)
    names = ("visits", "journeys", "customers", "reached", "median_seconds", "value")
    cart = {"stage": "Intent", "step": "cart", **dict(zip(names, (10, 9, 8, 3, 5, 700), strict=True)), **fate}
    order = {"stage": "Purchase", "step": "order", **dict.fromkeys(names, 4), **outcomes(goal=4)}
    gone = {**cart, "step": "an-older-step"}
    stages = [{"stage": "Intent", "visits": 10, **outcomes(onward=4, stopped=5, running=1)}]
    totals = {"journeys": 10, "reached": 4, "stopped": 5, "open": 1, "value": 900}
    flows = [
        {"source": "(start)", "target": "cart", "visits": 10, "journeys": 10, "median_seconds": None},
        {"source": "cart", "target": "order", "visits": 4, "journeys": 4, "median_seconds": 60},
        {"source": "cart", "target": "(stopped)", "visits": 5, "journeys": 5, "median_seconds": None},
        {"source": "cart", "target": "an-older-step", "visits": 5, "journeys": 5, "median_seconds": 1},
        {"source": "(off map)", "target": "cart", "visits": 5, "journeys": 5, "median_seconds": 1},
    ]
    return answer("map", [cart, order, gone], stages=stages, totals=totals), answer("flow", flows)


def test_numbers_join_by_step_and_unmeasured_steps_have_none() -> None:
    filled = fill(small(), *two_answers())
    cart, talk, order = filled.steps
    assert (cart.visits, cart.journeys, cart.customers, cart.reached) == (10, 9, 8, 3)
    assert (cart.outcomes.onward, cart.outcomes.stopped, cart.outcomes.running) == (4, 5, 1)
    assert cart.outcomes.visits == cart.visits
    assert (cart.median_seconds, cart.value, order.goal) == (5, 700, True)
    assert (talk.measured, talk.visits, talk.stage) == (False, 0, 0)
    assert (filled.journeys, filled.reached, filled.stopped, filled.open) == (10, 4, 5, 1)
    assert (filled.currency, filled.now, filled.version) == ("EUR", "2026-07-01T00:00:00Z", "7")
    assert [stage.visits for stage in filled.stages] == [10, 0]
    assert filled.stages[0].outcomes.stopped == 5


def test_flows_of_steps_the_map_does_not_have_are_left_out() -> None:
    flows = fill(small(), *two_answers()).flows
    assert [(flow.source, flow.target) for flow in flows] == [
        ("(start)", "cart"),
        ("cart", "order"),
        ("cart", "(stopped)"),
    ]


def test_unfilled_and_with_lanes_of_others() -> None:
    lane = FilledLane("Plays", "what we do", (FilledCard(1, "Ask", kind="fact", tone="good"),))
    filled = fill(small(), lanes=[lane])
    assert (filled.journeys, filled.currency, filled.lanes) == (0, "CHF", (lane,))


def test_colours_are_the_usual_ones_the_own_ones_or_the_next() -> None:
    def map(*stages: dict[str, Any]) -> MapDocument:
        full = [
            {"steps": [{"name": f"s{i}", "rule": {"event": "E"}}], **stage} for i, stage in enumerate(stages)
        ]
        return MapDocument.parse({"name": "M", "goal": "s0", "stages": full})

    named = map({"name": "Purchase"}, {"name": "Before"}, {"name": "Post-purchase", "color": "#123456"})
    assert colors(named) == [PALETTE[3], PALETTE[0], "#123456"]
    many = colors(map(*({"name": f"n{i}"} for i in range(9))))
    assert many == [*PALETTE, *PALETTE[:3]]
    assert colors(SHOP) == list(PALETTE)


def test_the_sentence_answers() -> None:
    filled = replace(fill(small(), *two_answers()), median_seconds=194_400)
    said = sentence(filled, Words()).replace(NARROW, " ").replace("\u00a0", " ")
    assert said == "Goal: Order. 10 journeys · 40 % reached it · median 2 d 6 h · 1 still open"
    assert loss(filled, Words()) == ("5 journeys stop before the goal", f"100{NARROW}% of them at “Cart”")
    assert loss(fill(small()), Words()) == ("", "")


@pytest.mark.parametrize(
    ("counts", "goal", "expected"),
    [
        ({}, False, ("no visits", "muted")),
        ({"onward": 100}, False, ("all go on", "muted")),
        ({"onward": 80, "back": 20}, False, ("none stop", "muted")),
        ({"onward": 66, "stopped": 34}, False, ("34 % stop", "stop")),
        ({"onward": 91, "stopped": 9}, False, ("9 % stop", "muted")),
        ({"onward": 1, "stopped": 9}, False, ("90 % stop", "muted")),  # of too few to say
        ({"onward": 54, "ended": 46}, False, ("46 % end", "muted")),
        ({"goal": 40}, True, ("all reach it", "muted")),
        ({"goal": 60, "onward": 40}, True, ("60 % reach it", "muted")),
        ({"again": 30, "ended": 20, "running": 50}, True, ("30 % again", "muted")),
        ({"onward": 60, "running": 40}, False, ("40 % open", "muted")),
        ({"onward": 99_999, "stopped": 1}, False, ("<0.1 % stop", "muted")),
    ],
)
def test_the_one_share_a_card_shows(counts: dict[str, int], goal: bool, expected: tuple[str, str]) -> None:
    fate = Outcomes(**counts)
    step = replace(fill(small()).steps[0], outcomes=fate, visits=fate.visits, goal=goal)
    text, tone = rate(step, 0.2, Words())
    assert (text.replace(NARROW, " "), tone) == expected
    assert ENOUGH > 10


def test_a_stage_in_short_and_a_step_aloud() -> None:
    filled = fill(small(), *two_answers())
    assert stage_line(filled.stages[0], False, Words()) == ("10 entries", "10 entries", f"40{NARROW}% on →")
    assert stage_line(filled.stages[0], False, Words(rtl=True))[2].endswith("←")
    assert said_step(filled.steps[0], filled.stages[0], Words()) == (
        "Intent, Cart: 10 visits, 4 onward, 5 stopped, 1 running"
    )
    assert said_step(filled.steps[1], filled.stages[0], Words()) == "Intent, Talk: not measured yet"


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_share_never_feigns_all_or_nothing(part: int, more: int) -> None:
    text = Words().percent(part, part + more)
    assert (text == f"0{NARROW}%") == (part == 0)
    assert (text == f"100{NARROW}%") == (part > 0 and more == 0)


@given(st.text(max_size=80), st.floats(10, 400), st.booleans())
def test_cut_and_wrapped_text_fits(text: str, room: float, bold: bool) -> None:
    for line in (measure.cut(text, room, 13, bold), *measure.wrap(text, room, 13, bold, lines=3)):
        assert measure.width(line, 13, bold) <= max(room, measure.width("…", 13, bold)) + 1e-6
    assert len(measure.wrap(text, room, 13, bold, lines=3)) <= 3


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_are_maps_that_can_be_drawn(walk: Walk, path: Path) -> None:
    document = MapDocument.parse(path.read_text(encoding="utf-8"))
    assert document.id == path.stem
    assert len(lay_out(walk(document, 100)).cards) == len(document.steps)


def test_there_are_examples_for_the_real_data_sets() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} >= {
        "diginetica",
        "olist",
        "app_onboarding",
        "cdnow",
    }


def test_the_template_has_the_steps_that_others_name() -> None:
    ids = [step.id for step in SHOP.steps]
    assert {"product", "cart", "checkout", "payment", "order", "delivered"} <= set(ids)
    assert (SHOP.id, SHOP.end, SHOP.goal) == ("shop", "restart", ("order",))
    assert len(SHOP.stages) == 6
    assert all(step.channel and step.department for step in SHOP.steps)
    prolonging = {step.id for step in SHOP.steps if step.initiator == "shop" and step.keeps_open}
    assert prolonging == {"shipped", "delivered"}
    assert {step.id for step in SHOP.steps if step.rule is None} == {"word-of-mouth", "unboxing"}


def page(medium: str | None = None, referrer: str | None = None) -> dict[str, Any]:
    context: dict[str, Any] = {"campaign": {"medium": medium}} if medium else {}
    if referrer:
        context["page"] = {"referrer": referrer}
    return {"event": "Page Viewed", "type": "page", "properties": {}, "context": context}


@pytest.mark.parametrize(
    ("event", "step"),
    [
        (page("cpc", "https://www.google.com/"), "ad"),
        (page("organic"), "search"),
        (page(None, "https://www.google.co.uk/search?q=boots"), "search"),
        (page(None, "https://duckduckgo.com"), "search"),
        (page(None, "https://notgoogle.com/"), None),
        (page(None, "https://shop.example/google.com/"), None),
        (page("social"), "social"),
        (page(None, "https://l.facebook.com/l.php"), "social"),
        (page(None, "https://t.co/abc"), "social"),
        (page("email"), "newsletter-click"),
        (page("referral", "https://www.google.com/"), None),
        (page(), None),
        ({"event": "Email Opened"}, "newsletter"),
        ({"event": "Email Delivered"}, None),
        ({"event": "Product Removed"}, "cart-view"),
        ({"event": "Order Refunded"}, "return"),
    ],
)
def test_an_event_goes_to_its_step(event: dict[str, Any], step: str | None) -> None:
    found = [rule.id for rule in SHOP.rules().steps if rule.rule is not None and rule.rule.matches(event)]
    assert next(iter(found), None) == step


class Workspace:
    """A workspace of one map, that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def map(self, name: str) -> MapDocument:
        assert name == "small"
        return small()

    def ask(self, question: Mapping[str, Any]) -> Answer:
        self.asked.append(question)
        return two_answers()[question["kind"] == "flow"]


def test_a_drawing_asks_two_questions_of_the_very_same_map_and_moment() -> None:
    ws = Workspace()
    period = {"from": "2026-01-01", "to": "2026-07-01"}
    drawing = draw(small(), ws.ask, period=period, theme="dark", width=328, selected="cart")
    shared = {"map": small().document(), "period": period}
    assert ws.asked == [{"kind": "map", **shared}, {"kind": "flow", **shared, "now": "2026-07-01T00:00:00Z"}]
    assert "pm-narrow" in drawing
    ws.asked.clear()
    draw(small(), ws.ask, now="2026-05-01")
    assert ws.asked[0] == {"kind": "map", "map": small().document(), "now": "2026-05-01"}


@pytest.mark.parametrize("name", ["map.svg", "map.html", "map.png", "map.yaml", "map.yml", "MAP.SVG"])
def test_files(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ws = Workspace()
    export.write(ws, "small", path)
    data = path.read_bytes()
    match path.suffix.lower():
        case ".svg":
            assert ElementTree.fromstring(data.decode()).get("viewBox", "").startswith("-24 -24 1440 ")
            assert b"var(" not in data
        case ".html":
            assert data.startswith(b"<!doctype html>")
            assert data.count(b"<svg ") == 2
            assert b"prefers-color-scheme" in data
        case ".png":
            assert data.startswith(b"\x89PNG")
        case _:
            assert MapDocument.parse(data.decode()) == small()
            assert not ws.asked


def test_a_format_nobody_knows(tmp_path: Path) -> None:
    ws = Workspace()
    with pytest.raises(QuestionError) as caught:
        export.write(ws, "small", tmp_path / "map.svgz")
    assert ".svg" in caught.value.allowed
    assert not ws.asked
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("module", [geometry, measure, model, render, words], ids=lambda m: m.__name__)
def test_the_examples_in_the_docstrings_run(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
