"""The painted drawing: well-formed, safe, the same to the byte, and reachable without a mouse."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.errors import QuestionError
from periplus.maps.fill import fill
from periplus.maps.geometry import OTHERS
from periplus.maps.layout import lay_out
from periplus.maps.model import MapDocument
from periplus.maps.render import render
from periplus.maps.template import SHOP
from periplus.maps.theme import DARK, LIGHT
from periplus.maps.words import Words

if TYPE_CHECKING:
    from tests.maps.conftest import Walk

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert(1)</script> & \"x\" 'y' <!-- ]]> \x00\x1b\ufffe"


def named(name: str) -> MapDocument:
    steps = [
        {"id": "a", "name": name, "rule": {"event": "A"}, "channel": name, "department": name},
        {"id": "b", "name": f"2 {name}", "rule": {"event": "B"}},
    ]
    lanes = [{"name": name, "note": name, "cards": [{"stage": "1", "text": name, "note": name}]}]
    stages = [{"name": "1", "steps": steps[:1]}, {"name": f"2 {name}", "steps": steps[1:]}]
    return MapDocument.parse({"name": name, "id": "m", "goal": "b", "stages": stages, "lanes": lanes})


@pytest.mark.parametrize("form", ["wide", "narrow"])
def test_golden(walk: Walk, form: str) -> None:
    """Look at the new drawing before you keep it: PERIPLUS_UPDATE_GOLDEN=1 writes it."""
    path = GOLDEN / f"shop-{form}.svg"
    drawing = render(lay_out(walk(SHOP, 1500, 7), {"wide": 1392, "narrow": 328}[form]))
    if os.environ.get("PERIPLUS_UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(drawing, encoding="utf-8")
    assert drawing == path.read_text(encoding="utf-8"), "run with PERIPLUS_UPDATE_GOLDEN=1 and look at it"


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.just(HOSTILE), st.text(min_size=1, max_size=60).filter(str.strip)), st.booleans())
def test_any_name_is_escaped(walk: Walk, name: str, live: bool) -> None:
    filled = walk(named(name), 60)
    for width in (1392, 328):
        drawing = render(lay_out(filled, width), live=live, selected="a")
        root = ElementTree.fromstring(drawing)
        tags = {element.tag.removeprefix(SVG) for element in root.iter()}
        assert tags <= {
            "svg", "style", "defs", "linearGradient", "stop", "g", "rect", "path", "text", "title", "circle",
        }  # fmt: skip


def test_hostile_names_arrive_as_text(walk: Walk) -> None:
    drawing = render(lay_out(walk(named("<b>&amp;</b>"), 60)))
    root = ElementTree.fromstring(drawing)
    assert "<b>&amp;</b>" in [text.text for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [1392, 328])
def test_everything_that_opens_can_be_reached_and_says_what_it_is(walk: Walk, width: int) -> None:
    filled = walk(SHOP, 500)
    layout = lay_out(filled, width)
    root = ElementTree.fromstring(render(layout))
    things = [element for element in root.iter(f"{SVG}g") if element.get("role") == "button"]
    assert all(element.get("tabindex") == "0" and element.get("aria-label") for element in things)
    assert {e.get("data-step") for e in things if e.get("data-step")} == {step.id for step in SHOP.steps}
    flows = {(e.get("data-source"), e.get("data-target")) for e in things if e.get("data-source")}
    drawn = {(r.source, r.target) for r in (*layout.ribbons, *layout.rows) if r.target != OTHERS}
    assert drawn
    assert drawn <= flows
    assert ("product", "(stopped)") in flows
    product = next(step for step in filled.steps if step.id == "product")
    card = next(e for e in things if (e.get("class"), e.get("data-step")) == ("card", "product"))
    label = card.get("aria-label") or ""
    assert label.startswith("Consideration, Product page: ")
    for count in product.outcomes.items().values():
        assert not count or Words().number(count) in label


def test_links_where_there_is_an_address(walk: Walk) -> None:
    layout = lay_out(walk(SHOP, 500))
    root = ElementTree.fromstring(render(layout, link=lambda step, target: f"?step={step}&to={target}"))
    hrefs = {element.get("href") for element in root.iter(f"{SVG}a")}
    assert "?step=product&to=" in hrefs
    assert "?step=product&to=cart" in hrefs
    assert not [e for e in root.iter(f"{SVG}g") if e.get("tabindex")]


def test_a_file_has_nothing_to_click(walk: Walk) -> None:
    drawing = render(lay_out(walk(SHOP, 500)), live=False)
    assert "tabindex" not in drawing
    assert "cursor" not in drawing


def test_a_selected_step_stands_out_with_what_is_its_own(walk: Walk) -> None:
    layout = lay_out(walk(SHOP, 2000))
    root = ElementTree.fromstring(render(layout, selected="product"))
    by_class = [(e.get("class") or "").split() for e in root.iter(f"{SVG}g")]
    assert sum("chosen" in names for names in by_class) == 1
    assert sum("faint" in names for names in by_class) == 1
    own = [e for e in root.iter(f"{SVG}g") if "own" in (e.get("class") or "").split()]
    touching = [r for r in layout.ribbons if "product" in (r.source, r.target)]
    touching_stubs = [s for s in layout.stubs if s.step == "product"]
    assert len(own) == len(touching) + len(touching_stubs)
    assert all("product" in (e.get("data-source"), e.get("data-target"), e.get("data-step")) for e in own)
    assert "faint" not in re.sub("<style>.*?</style>", "", render(layout))


@pytest.mark.parametrize(("theme", "values", "other"), [("light", LIGHT, DARK), ("dark", DARK, LIGHT)])
def test_a_fixed_theme_needs_no_variables(
    walk: Walk, theme: str, values: dict[str, str], other: dict[str, str]
) -> None:
    drawing = render(lay_out(walk(SHOP, 300)), theme)  # type: ignore[arg-type]
    assert "var(" not in drawing
    assert values["ink"] in drawing
    assert other["ink"] not in drawing


def test_auto_follows_the_page_and_the_system(walk: Walk) -> None:
    drawing = render(lay_out(walk(SHOP, 300)), "auto")
    scope = re.search(r'class="pm (\w+) ', drawing)
    assert scope
    assert f"[data-theme=dark] .{scope[1]}{{--background:{DARK['background']}" in drawing
    assert f"[data-theme=light] .{scope[1]}{{--background:{LIGHT['background']}" in drawing
    assert "@media (prefers-color-scheme:dark)" in drawing
    used = set(re.findall(r"var\(--(\w+)\)", drawing))
    assert used <= set(LIGHT)
    assert set(LIGHT) == set(DARK)


def test_an_unknown_theme_is_refused(walk: Walk) -> None:
    with pytest.raises(QuestionError) as caught:
        render(lay_out(fill(SHOP)), "drak")  # type: ignore[arg-type]
    assert "dark" in caught.value.hint


def test_two_maps_in_one_page_do_not_share_names(walk: Walk) -> None:
    one, two = (render(lay_out(walk(SHOP, 300), width)) for width in (1392, 1000))
    ids = [set(re.findall(r' id="([^"]+)"', drawing)) for drawing in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", one)) <= ids[0]


def test_right_to_left_is_the_mirror_image(walk: Walk) -> None:
    filled = walk(SHOP, 300)
    left = ElementTree.fromstring(render(lay_out(filled)))
    right = ElementTree.fromstring(render(lay_out(filled, words=Words(rtl=True, language="fa"))))
    assert (right.get("direction"), right.get("lang")) == ("rtl", "fa")

    def frames(root: ElementTree.Element) -> list[tuple[float, float]]:
        found = [e for e in root.iter(f"{SVG}rect") if "frame" in (e.get("class") or "").split()]
        return [(float(e.get("x", 0)), float(e.get("width", 0))) for e in found]

    assert [(1392 - x - wide) for x, wide in frames(left)] == pytest.approx(
        [x for x, _ in frames(right)], abs=0.02
    )


@pytest.mark.parametrize("width", [1392, 328])
def test_every_word_goes_through_the_words_passed_in(walk: Walk, width: int) -> None:
    """What is not between the marks of the translation is a name from the document, a number or a sign."""
    marked = Words(
        gettext=lambda text: f"«{text}»",
        ngettext=lambda one, many, n: f"«{many}»",
        decimal=lambda value, digits: f"{value:.{digits}f}".replace(".", ","),
        moment=lambda iso: "1,1,26",
    )
    document = named("Δ")
    for filled in (walk(document, 3000), fill(document)):
        layout = lay_out(filled, width, words=marked)
        root = ElementTree.fromstring(render(layout))
        said = [element.text or "" for element in root.iter() if element.tag in (f"{SVG}text", f"{SVG}title")]
        said += [element.get("aria-label", "") for element in root.iter()]
        for text in said:
            if text.count("«") == text.count("»"):  # else a line of a wrapped sentence
                while "«" in text:
                    text = re.sub("«[^«»]*»", "", text)
                assert not re.search("[a-zA-Z]", text), text


def test_no_inline_styles_that_a_strict_page_would_block(walk: Walk) -> None:
    assert " style=" not in render(lay_out(walk(SHOP, 300)), selected="product")
