"""The application in a real browser: what one sees is what the workspace says, by pointer and by keyboard."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import Served, events, expect, watched, write_jsonl
from tests.web.test_import_pages import MAPPING, SALES

pytestmark = pytest.mark.browser

MAP = {"kind": "map", "map": "shop"}
KINDS = ("retention", "trend", "timing", "attribution", "lifecycle", "pattern", "drivers", "site", "json")
PAGES = (
    "/map/shop",
    "/map/shop/step/product",
    "/explore",
    "/explore/flow",
    *(f"/explore/{kind}" for kind in KINDS),
    "/people",
    "/import",
    "/sources",
    "/sources/vocabulary",
    "/sources/plan",
    "/sources/traffic",
    "/nowhere",
)


def shown(page: Any, selector: str) -> int:
    return int(re.sub(r"\D", "", page.inner_text(selector)))


def row(site: Served, step: str) -> dict[str, Any]:
    return next(row for row in site.ws.ask(MAP).rows if row["step"] == step)


def test_a_click_on_a_step_tells_its_fate(site: Served, tab: Any) -> None:
    tab.goto("/")
    tab.click('.form-wide [data-step="product"]', position={"x": 40, "y": 20})
    tab.wait_for_selector("#panel [data-outcome]")
    wanted = row(site, "product")
    for outcome in ("onward", "back", "goal", "again", "stopped", "ended", "running", "visits"):
        assert shown(tab, f'#panel [data-outcome="{outcome}"]') == wanted[outcome]
    tab.wait_for_url("**/map/shop/step/product")
    tab.click("#panel [data-outcome=stopped] a")
    tab.wait_for_url("**/people?**")
    assert shown(tab, "h1").__str__().startswith(str(wanted["stopped"]))


def test_the_panel_closes_and_gives_the_map_back(tab: Any) -> None:
    tab.goto("/map/shop")
    tab.click('.form-wide [data-step="cart"]', position={"x": 40, "y": 20})
    tab.wait_for_selector("#panel [data-shows]")
    assert tab.evaluate("document.querySelectorAll('.form-wide .chosen-card').length") == 1
    tab.keyboard.press("Escape")
    tab.wait_for_selector("#panel [data-shows]", state="detached")
    tab.wait_for_url("**/map/shop")
    assert tab.evaluate("document.activeElement.dataset.step") == "cart"
    tab.go_back()
    tab.wait_for_selector("#panel [data-shows=cart]")


def test_a_ribbon_opens_its_flow(site: Served, tab: Any) -> None:
    rows = site.ws.ask({"kind": "flow", "map": "shop"}).rows
    wanted = next(r for r in rows if (r["source"], r["target"]) == ("product", "cart"))
    tab.goto("/map/shop")
    tab.focus('.form-wide [data-source="product"][data-target="cart"]')
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#panel [data-to=cart]")
    assert f"{wanted['visits']}" in tab.inner_text("#panel")


def test_the_map_by_keyboard_alone(site: Served, tab: Any) -> None:
    tab.goto("/map/shop")
    for _ in range(60):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.dataset.step") == "product":
            break
    assert tab.evaluate("document.activeElement.dataset.step") == "product"
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#panel [data-shows=product]")
    assert tab.evaluate("document.activeElement.closest('#panel') !== null")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('#panel') !== null")
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.dataset.step") == "product"


def test_a_funnel_is_built_in_its_sentence(site: Served, tab: Any) -> None:
    tab.goto("/explore?unit=journeys:shop&step=step:product&step=step:cart&step=step:order")
    tab.select_option("#step-1", "step:checkout")
    tab.wait_for_url("**/explore?*checkout*")
    tab.wait_for_selector('[data-reached="2"]')
    tab.select_option("#breakdown", "context.device.type")
    tab.wait_for_url("**breakdown=context.device.type**")
    tab.wait_for_selector("text=Mobile")
    steps = [{"step": "product"}, {"step": "checkout"}, {"step": "order"}]
    whole = site.ws.ask({"kind": "funnel", "map": "shop", "unit": "journeys", "steps": steps})
    for number, wanted in enumerate(whole.rows):
        assert shown(tab, f'[data-reached="{number}"]') == wanted["reached"]
    tab.click("text=+ step")
    tab.wait_for_selector('[data-reached="3"]')
    tab.click('[name=drop][value="3"]')
    tab.wait_for_selector('[data-reached="3"]', state="detached")
    tab.reload()
    assert tab.locator("#breakdown").input_value() == "context.device.type"
    assert tab.locator("#step-1").input_value() == "step:checkout"


def test_a_filter_is_added_in_the_sentence(site: Served, tab: Any) -> None:
    tab.goto("/explore/lifecycle?of=event:Product Viewed&bucket=month")
    tab.click("summary:has-text('+ filter')")
    tab.fill("[name='of.p']", "context.device.type")
    tab.press("[name='of.p']", "Tab")
    tab.wait_for_selector("#v-of-0 option[value=mobile]", state="attached")
    tab.fill("[name='of.v']", "mobile")
    tab.click(".filter .button.dark")
    tab.wait_for_url("**of.v=mobile**")
    tab.wait_for_selector("summary:has-text('where')")
    asked = {
        "kind": "lifecycle",
        "bucket": "month",
        "of": {"event": "Product Viewed", "where": {"context.device.type": "mobile"}},
    }
    rows = [row for row in site.ws.ask(asked).rows if row["customers"]]
    assert tab.locator("table a").count() == len(rows)
    tab.click("table a >> nth=0")
    tab.wait_for_url("**/people?**")
    last = next(row for row in rows if row["bucket"] == rows[-1]["bucket"])
    assert shown(tab, "h1").__str__().startswith(str(last["customers"]))
    tab.click("text=Back to the number")
    tab.wait_for_selector("summary:has-text('where')")


def test_rare_options_are_folded_and_reached_by_clicking(site: Served, tab: Any) -> None:
    tab.goto(
        "/explore?unit=customers&step=event:Product Viewed&step=event:Order Completed&breakdown=context.device.type"
    )
    tab.select_option("#against", "values")
    tab.wait_for_url("**against=values**")
    tab.click("summary:has-text('which')")
    tab.fill("[name='against.one']", "mobile")
    tab.fill("[name='against.other']", "desktop")
    tab.press("[name='against.other']", "Enter")
    tab.wait_for_selector("text=What is between them")
    tab.click("#more-options > summary")
    tab.select_option("#histogram", "true")
    tab.wait_for_selector("text=Half get to Order Completed")
    assert tab.locator("#against").input_value() == "values"
    assert "Draw how long it takes" in tab.inner_text("#more-options > summary")
    asked = {
        "kind": "funnel", "unit": "customers", "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
        "breakdown": "context.device.type", "compare": {"values": ["mobile", "desktop"]},
    }  # fmt: skip
    row = site.ws.ask(asked).rows[1]
    assert str(row["reached"]) in tab.inner_text("table.differences")


def test_a_question_as_json_goes_to_its_page(tab: Any) -> None:
    tab.goto("/explore/json")
    tab.fill("textarea[name=question]", '{"kind": "pattern", "map": "shop", "pattern": "cart"}')
    tab.click("text=Ask this")
    tab.wait_for_selector("table.ways")
    assert tab.locator("#pattern").input_value() == "cart"
    tab.click("summary:has-text('what can be written')")
    tab.click("[data-word=order]")
    assert tab.locator("#pattern").input_value() == "cart order"


SHEETS = """() => [...document.querySelectorAll('details.pop')].filter(e => e.offsetParent).flatMap(pop => {
  pop.open = true;
  const at = pop.querySelector('.sheet').getBoundingClientRect();
  pop.open = false;
  return at.left < 0 || at.right > innerWidth ? [pop.textContent.trim().slice(0, 40)] : [];
})"""


@pytest.mark.parametrize("width", [360, 768])
def test_what_opens_stays_in_sight(chromium: Any, site: Served, width: int) -> None:
    for page in watched(chromium, site):
        page.set_viewport_size({"width": width, "height": 800})
        for path in ("/map/shop", "/explore", "/explore/attribution", "/explore/pattern", "/sources"):
            page.goto(path)
            assert page.evaluate(SHEETS) == [], path


def test_a_step_leads_to_its_funnel(site: Served, tab: Any) -> None:
    tab.goto("/map/shop/step/product")
    tab.click("text=Open as funnel")
    tab.wait_for_url("**/explore?**")
    assert shown(tab, '[data-reached="0"]') == row(site, "product")["journeys"]
    assert shown(tab, '[data-reached="1"]') == row(site, "product")["reached"]


def test_a_file_comes_in_through_the_browser(fresh: Served, fresh_tab: Any, tmp_path: Path) -> None:
    tab = fresh_tab
    (tmp_path / "sales.csv").write_text(SALES, encoding="utf-8")
    tab.goto("/import")
    tab.set_input_files("input[name=files]", tmp_path / "sales.csv")
    tab.click("text=Look at it")
    tab.wait_for_selector("textarea[name=mapping]", state="attached")
    if tab.locator("textarea[name=mapping]").is_hidden():
        tab.click("text=The mapping as a document")
    tab.fill("textarea[name=mapping]", MAPPING)
    tab.click("button[value=look]")
    tab.wait_for_selector("text=Import 3 rows")
    assert "3 of 4 rows would come in; 1 cannot be read" in tab.inner_text("h1").replace("\u202f", " ")
    assert fresh.ws.batches() == []
    tab.click("text=Import 3 rows")
    tab.wait_for_selector("text=See the map")
    assert fresh.ws.batches()[0]["accepted"] == 3
    tab.click("text=See the map")
    tab.wait_for_url("**/map/*")
    assert "100" in tab.inner_text("h1")
    tab.goto(f"/import/batches/{fresh.ws.batches()[0]['id']}")
    assert "31/02/2026" in tab.inner_text("table")
    tab.click("text=Take it back")
    tab.click("details.pop[open] button")
    tab.wait_for_selector("text=was taken back")
    assert fresh.ws.batches()[0]["undone"]


def test_a_file_too_large_is_told_before_it_travels(fresh_tab: Any, tmp_path: Path) -> None:
    big = write_jsonl(tmp_path / "big.jsonl", events(500))
    fresh_tab.goto("/import")
    fresh_tab.set_input_files("input[name=files]", big)
    assert "command line" in fresh_tab.evaluate(
        "document.querySelector('input[type=file]').validationMessage"
    )


def test_light_and_dark_are_chosen_by_hand(tab: Any) -> None:
    tab.goto("/people")
    for theme, ground in (("dark", "rgb(20, 22, 26)"), ("light", "rgb(251, 250, 247)")):
        tab.click(f"footer >> text={theme}")
        expect(tab.locator("body")).to_have_css("background-color", ground)
        assert tab.url.endswith("/people")


def test_the_timeline_of_a_customer(site: Served, tab: Any) -> None:
    found = site.ws.search("shopper-", limit=1)["rows"][0]
    tab.goto(f"/people/{found['customer']}")
    assert found["label"] in tab.inner_text("h1")
    tab.click("table.timeline summary >> nth=0")
    expect(tab.locator(".event-card").first).to_be_visible()


CHECKS = """() => {
  const said = [];
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    const named = field.getAttribute('aria-label') || (field.labels && field.labels.length);
    if (!named) said.push('no label: ' + field.outerHTML.slice(0, 90));
  }
  for (const one of document.querySelectorAll('a[href], button, summary')) {
    const name = one.getAttribute('aria-label') || one.textContent.trim();
    if (!name) said.push('no name: ' + one.outerHTML.slice(0, 90));
  }
  for (const svg of document.querySelectorAll('svg'))
    if (!svg.closest('[aria-hidden=true]') && !svg.ariaLabel && !svg.getAttribute('role'))
      said.push('picture without a name: ' + svg.outerHTML.slice(0, 90));
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of new Set(ids))
    if (ids.filter(other => other === id).length > 1) said.push('id twice: ' + id);
  if (document.querySelectorAll('h1').length !== 1) said.push('not one h1');
  if (!document.documentElement.lang) said.push('no language');
  if (!document.title) said.push('no title');
  for (const cell of document.querySelectorAll('table'))
    if (!cell.querySelector('th, tbody td')) said.push('table without cells');
  return said;
}"""


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_used_by_everybody(chromium: Any, site: Served, path: str) -> None:
    for page in watched(chromium, site):
        if path == "/nowhere":
            # The browser itself reports the 404 of the address one typed.
            page.goto(f"{path}")
            assert page.evaluate(CHECKS) == []
            page.context.close()
            return
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate(CHECKS) == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_no_page_scrolls_sideways(chromium: Any, site: Served, width: int) -> None:
    customer = site.ws.search("shopper-", limit=1)["rows"][0]["customer"]
    for page in watched(chromium, site):
        page.set_viewport_size({"width": width, "height": 800})
        for path in (*PAGES[:-1], f"/people/{customer}"):
            page.goto(path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_touch_targets_are_large_on_a_telephone(chromium: Any, site: Served) -> None:
    for page in watched(chromium, site):
        page.set_viewport_size({"width": 360, "height": 800})
        for path in ("/map/shop", "/explore", "/explore/json", "/people", "/import"):
            page.goto(path)
            assert small_targets(page) == [], path


def small_targets(page: Any) -> list[str]:
    """What is lower than a finger, of what one presses; words in a sentence are not counted."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('.button, .menu a, input:not([type=hidden])')]"
        ".filter(e => e.offsetParent && !e.closest('.sentence') && e.getBoundingClientRect().height < 44)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    return found


def test_nothing_breaks_from_right_to_left(chromium: Any, site: Served) -> None:
    for page in watched(chromium, site):
        for width in (360, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            for path in (
                "/map/shop",
                "/explore",
                "/explore/retention",
                "/explore/trend",
                "/people",
                "/import",
            ):
                page.goto(path)
                page.evaluate("document.documentElement.dir = 'rtl'")
                page.wait_for_load_state("networkidle")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_without_scripts_the_same_can_be_done(chromium: Any, site: Served) -> None:
    for page in watched(chromium, site, java_script_enabled=False):
        page.goto("/map/shop")
        page.click('.form-wide a[data-step="product"]', position={"x": 40, "y": 20})
        page.wait_for_url("**/map/shop/step/product")
        assert shown(page, '#panel [data-outcome="visits"]') == row(site, "product")["visits"]
        page.click("#panel .close")
        page.wait_for_url("**/map/shop")
        steps = [{"step": "product"}, {"step": "order"}]
        funnel = {"kind": "funnel", "map": "shop", "unit": "journeys", "steps": steps}
        page.goto(f"/explore?question={json.dumps(funnel)}")
        page.select_option("#step-0", "step:cart")
        page.click("noscript button, #ask button.button >> visible=true")
        page.wait_for_url(re.compile("step=step(:|%3A)cart"))
        assert shown(page, '[data-reached="0"]') == row(site, "cart")["journeys"]
