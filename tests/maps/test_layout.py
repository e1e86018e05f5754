"""The geometry of the drawing: nothing overlaps, nothing is outside, every end is as thick as its share."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from periplus.maps.fill import FilledMap, Flow, fill
from periplus.maps.geometry import SIZES, Box, Card, Layout, Ribbon, Text
from periplus.maps.layout import lay_out
from periplus.maps.measure import width as text_width
from periplus.maps.model import MapDocument
from periplus.maps.template import SHOP

if TYPE_CHECKING:
    from tests.maps.conftest import Walk

SLACK = 0.3  # hundredths, rounded, add up
NAMES = [
    "Order completed",
    "加入購物車並且前往結帳頁面確認訂單",
    "افزودن به سبد خرید",
    "Donaudampfschifffahrtsgesellschaftskapitänsmütze",
    "a <b> & 'c' \"d\"",
    "👩‍👩‍👧 family",
    "W" * 120,
]


@st.composite
def documents(draw: st.DrawFn) -> MapDocument:
    """Maps of one to eight stages and one to forty steps, with names from everywhere."""
    name = st.one_of(st.sampled_from(NAMES), st.text(min_size=1, max_size=60).filter(str.strip))
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) <= 40))
    stages: list[dict[str, Any]] = []
    number = 0
    for index, size in enumerate(sizes):
        steps = []
        for _ in range(size):
            step: dict[str, Any] = {"id": f"s{number}", "name": draw(name)}
            if number == 0 or draw(st.integers(0, 5)):
                step["rule"] = {"event": f"E{number}"}
            steps.append(step | {"channel": draw(st.sampled_from(NAMES)), "department": draw(name)})
            number += 1
        stages.append({"name": f"{index} {draw(name)}"[:200], "steps": steps})
    card = {"stage": stages[0]["name"].strip(), "text": draw(name), "note": draw(name), "kind": "voice"}
    return MapDocument.parse(
        {
            "name": draw(name),
            "id": "m",
            "goal": [f"s{draw(st.integers(0, number - 1))}"],
            "end": draw(st.sampled_from(["goal", "restart", "lapse"])),
            "stages": stages,
            "lanes": [{"name": draw(name), "cards": [card]}] if draw(st.booleans()) else [],
        }
    )


filled_maps = st.tuples(
    documents(), st.integers(0, 80), st.integers(0, 1000), st.sampled_from([1, 1, 997, 25_000_000])
)
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def overlap(a: Box, b: Box) -> bool:
    return (
        a.x < b.right - SLACK and b.x < a.right - SLACK and a.y < b.bottom - SLACK and b.y < a.bottom - SLACK
    )


def extent(text: Text) -> tuple[float, float]:
    """From where to where a line of text goes."""
    size, bold = SIZES[text.style]
    long = text_width(text.text, size, bold)
    left = {"start": text.x, "end": text.x - long, "middle": text.x - long / 2}[text.anchor]
    return left, left + long


def texts(layout: Layout) -> list[Text]:
    groups = [
        layout.texts,
        *(part.texts for part in (*layout.columns, *layout.cards, *layout.rows, *layout.notes)),
    ]
    return [text for group in groups for text in group]


def curve(ribbon: Ribbon) -> list[tuple[float, float]]:
    """Points along a line that goes back."""
    assert ribbon.bend is not None
    (x0, y0), (x3, y3) = (ribbon.a.x, ribbon.a.middle), (ribbon.b.x, ribbon.b.middle)
    (x1, y1), (x2, y2) = ribbon.bend
    points = []
    for k in range(21):
        t, u = k / 20, 1 - k / 20
        a, b, c, d = u**3, 3 * u * u * t, 3 * u * t * t, t**3
        points.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    return points


def check(layout: Layout, filled: FilledMap) -> None:
    """Everything that holds of any drawing."""
    cards = {card.step: card for card in layout.cards}
    assert list(cards) == [step.id for step in filled.steps]
    boxes = [card.box for card in layout.cards] + [note.box for note in layout.notes]
    boxes += [row.box for row in layout.rows]
    for index, box in enumerate(boxes):
        assert box.width > 0
        assert box.height > 0
        for other in boxes[index + 1 :]:
            assert not overlap(box, other)
    for box in [
        *boxes,
        *(stub.box for stub in layout.stubs),
        *layout.rules,
        *(c.edge for c in layout.columns),
    ]:
        assert box.x >= -SLACK
        assert box.right <= layout.width + SLACK
        assert box.y >= -SLACK
        assert box.bottom <= layout.height + SLACK
    for text in texts(layout):
        left, right = extent(text)
        assert left >= -SLACK, text
        assert right <= layout.width + SLACK, text
        assert 0 < text.y < layout.height
    check_words(layout)
    for ribbon in layout.ribbons:
        if ribbon.kind == "back":
            assert all(0 <= x <= layout.width and 0 <= y <= layout.height for x, y in curve(ribbon))
    for card in layout.cards:
        check_bar(card, filled)


def check_words(layout: Layout) -> None:
    """Words stay on their card, and no two lines of a card run into each other."""
    for part in (*layout.cards, *layout.notes, *layout.rows):
        for index, text in enumerate(part.texts):
            left, right = extent(text)
            assert part.box.x <= left + SLACK
            assert right <= part.box.right + SLACK
            assert part.box.y < text.y <= part.box.bottom + SLACK
            for other in part.texts[index + 1 :]:
                if abs(text.y - other.y) < 10:
                    lo, hi = extent(other)
                    assert right <= lo + SLACK or hi <= left + SLACK, (text, other)


def check_bar(card: Card, filled: FilledMap) -> None:
    step = next(step for step in filled.steps if step.id == card.step)
    assert card.measured == step.measured
    if not step.measured:
        assert card.bar is None
        return
    assert card.bar is not None
    assert card.box.y < card.bar.box.y
    assert card.bar.box.bottom < card.box.bottom
    segments = card.bar.segments
    assert [s.outcome for s in segments] == [name for name, n in step.outcomes.items().items() if n]
    if step.visits:
        assert sum(s.width for s in segments) == pytest.approx(card.bar.box.width, abs=0.1)
        for segment in segments:
            share = getattr(step.outcomes, segment.outcome) / step.visits
            assert segment.width == pytest.approx(card.bar.box.width * share, abs=0.02)


def check_slots(layout: Layout, filled: FilledMap) -> None:
    """At each edge a ribbon is as thick as its share, and all of them are no thicker than the edge."""
    cards = {card.step: card.box for card in layout.cards}
    visits = {step.id: step.visits for step in filled.steps}
    right: dict[str, list[Box]] = defaultdict(list)
    left: dict[str, list[Box]] = defaultdict(list)
    foot: dict[str, float] = defaultdict(float)
    head: dict[str, float] = defaultdict(float)
    for ribbon in layout.ribbons:
        here, there = cards[ribbon.source], cards[ribbon.target]
        out, into = ribbon.visits / visits[ribbon.source], ribbon.visits / visits[ribbon.target]
        if ribbon.kind == "forward":
            assert ribbon.a.height == pytest.approx(out * here.height, abs=0.02)
            assert ribbon.b.height == pytest.approx(into * there.height, abs=0.02)
            assert (ribbon.a.x, ribbon.b.x) == pytest.approx((here.right, there.x), abs=0.02)
            right[ribbon.source].append(ribbon.a)
            left[ribbon.target].append(ribbon.b)
        elif ribbon.kind == "within":
            assert ribbon.a.width == pytest.approx(out * here.width, abs=0.02)
            assert ribbon.b.width == pytest.approx(into * there.width, abs=0.02)
            foot[ribbon.source] += ribbon.a.width
            head[ribbon.target] += ribbon.b.width
    for stub in layout.stubs:
        box = cards[stub.step]
        if stub.end == "back":  # a line like the lines back, of no measure
            assert 0.6 <= stub.box.height <= 3
            continue
        assert stub.box.height == pytest.approx(box.height * stub.visits / visits[stub.step], abs=0.02)
        (left if stub.end in ("start", "before") else right)[stub.step].append(stub.box)
    for edges in (right, left):
        for step, slots in edges.items():
            assert sum(slot.height for slot in slots) <= cards[step].height + SLACK
            ordered = sorted(slots, key=lambda slot: (slot.y, slot.bottom))
            assert ordered[0].y >= cards[step].y - SLACK
            assert ordered[-1].bottom <= cards[step].bottom + SLACK
            for one, following in pairwise(ordered):
                assert one.bottom <= following.y + SLACK
    for edges_flat in (foot, head):
        for step, total in edges_flat.items():
            assert total <= cards[step].width + SLACK


@few
@given(filled_maps, st.sampled_from([720, 1000, 1392]), st.booleans())
@example((SHOP, 80, 1, 1), 1392, True)
def test_any_wide_map_is_in_order(
    walk: Walk, given_map: tuple[MapDocument, int, int, int], width: int, detail: bool
) -> None:
    document, journeys, seed, scale = given_map
    filled = walk(document, journeys, seed, scale)
    layout = lay_out(filled, width, detail=detail)
    assert layout.form == "wide"
    assert layout.width >= width
    check(layout, filled)
    check_slots(layout, filled)
    assert lay_out(filled, width, detail=detail) == layout


@few
@given(filled_maps, st.sampled_from([280, 328, 719]), st.booleans())
@example((SHOP, 80, 1, 25_000_000), 280, False)
def test_any_narrow_map_is_in_order(
    walk: Walk, given_map: tuple[MapDocument, int, int, int], width: int, detail: bool
) -> None:
    document, journeys, seed, scale = given_map
    filled = walk(document, journeys, seed, scale)
    layout = lay_out(filled, width, detail=detail)
    assert layout.form == "narrow"
    assert layout.width == width
    check(layout, filled)
    assert lay_out(filled, width, detail=detail) == layout
    rows: dict[str, float] = defaultdict(float)
    for row in layout.rows:
        rows[row.source] += row.share
    assert set(rows) == {step.id for step in filled.steps if step.visits}
    assert all(share == pytest.approx(1, abs=0.1) for share in rows.values())


def test_cards_grow_with_the_root_of_their_volume(walk: Walk) -> None:
    filled = walk(SHOP, 3000)
    layout = lay_out(filled)
    visits = {step.id: step.visits for step in filled.steps}
    tall = sorted((card.box.height, visits[card.step]) for card in layout.cards if card.measured)[-3:]
    assert tall[-1][1] == max(visits.values())
    scales = [height / count**0.5 for height, count in tall]
    assert max(scales) == pytest.approx(min(scales), rel=0.001)


@pytest.mark.parametrize("detail", [True, False])
def test_every_visit_comes_from_somewhere_and_goes_somewhere(walk: Walk, detail: bool) -> None:
    """Ribbons, lines and stubs of a step are exactly its visits, out and in, folded or not."""
    filled = walk(SHOP, 2000)
    layout = lay_out(filled, detail=detail)
    out: dict[str, int] = defaultdict(int)
    into: dict[str, int] = defaultdict(int)
    for ribbon in layout.ribbons:
        out[ribbon.source] += ribbon.visits
        into[ribbon.target] += ribbon.visits
    for stub in layout.stubs:
        (into if stub.end in ("start", "before") else out)[stub.step] += stub.visits
    visits = {step.id: step.visits for step in filled.steps if step.visits}
    assert dict(out) == visits
    assert dict(into) == visits


def test_flows_under_one_percent_fold_until_asked_for() -> None:
    """Into one stub per card; but what is much to its target is drawn, however little to its source."""
    steps = [{"id": id, "name": id, "rule": {"event": id}} for id in "abcd"]
    document = MapDocument.parse(
        {"name": "M", "goal": "d", "stages": [{"name": step["id"], "steps": [step]} for step in steps]}
    )
    bare = fill(document)
    visits = {"a": 10_000, "b": 9_950, "c": 10_000, "d": 50}
    stages = tuple(
        replace(stage, steps=tuple(replace(step, visits=visits[step.id]) for step in stage.steps))
        for stage in bare.stages
    )
    pairs = {("a", "b"): 9_900, ("a", "c"): 50, ("a", "d"): 50, ("b", "c"): 9_950, ("c", "a"): 40}
    flows = tuple(Flow(source, target, n) for (source, target), n in pairs.items())
    filled = replace(bare, stages=stages, flows=flows)
    few = lay_out(filled)
    assert {(r.source, r.target) for r in few.ribbons} == {("a", "b"), ("a", "d"), ("b", "c")}
    assert [(stub.step, stub.end, stub.visits) for stub in few.stubs] == [
        ("a", "other", 50),
        ("a", "before", 40),
        ("c", "before", 50),
        ("c", "back", 40),
    ]
    assert {(r.source, r.target) for r in lay_out(filled, detail=True).ribbons} == set(pairs)


def test_a_map_without_journeys_teaches() -> None:
    layout = lay_out(fill(SHOP))
    said = " ".join(text.text for text in layout.texts)
    assert "No journeys yet. Import events" in said
    assert not layout.ribbons
    assert not layout.stubs
    assert len(layout.cards) == len(SHOP.steps)


def test_without_header_the_title_is_left_to_the_page(walk: Walk) -> None:
    filled = walk(SHOP, 100)
    for width in (1392, 328):
        bare = lay_out(filled, width, header=False)
        assert bare.height < lay_out(filled, width).height
        assert "Shop" not in [text.text for text in bare.texts]


def test_empty_lanes_share_one_quiet_line_and_filled_ones_leave_it(walk: Walk) -> None:
    lane = {"name": "Pain points", "cards": [{"stage": "Intent", "text": "Cost shown late", "kind": "fact"}]}
    document = MapDocument.parse({**SHOP.document(), "lanes": [lane]})
    before, after = lay_out(walk(SHOP, 50)), lay_out(walk(document, 50))
    quiet = [text.text for text in before.texts if "Emotion" in text.text]
    assert len(quiet) == 1
    assert "Pain points" in quiet[0]
    assert "Pain points" not in next(text.text for text in after.texts if "Emotion" in text.text)
    assert [note.texts[0].text for note in after.notes] == ["Cost shown late"]
