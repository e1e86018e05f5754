"""The add-on: timings, errors, rage and forms, as events; and never a word of what somebody typed."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.tracker.conftest import Put
from tests.tracker.loopback import Pages, Recorder

pytestmark = pytest.mark.browser

FORM = """
<form id=checkout action="/pay?token=x">
  <label>E-mail <input name=email type=email required></label>
  <label>Name <input id=who></label>
  <label>Secret <input name=pin type=password></label>
  <button id=pay>Pay</button>
</form>"""

FELT = """<script>
    // What the browser has told of itself; the add-on, which asked before, has heard it too.
    window.felt = {};
    for (const type of ["largest-contentful-paint", "layout-shift", "event"])
        new PerformanceObserver((list) => {
            for (const one of list.getEntries())
                if (type != "event" || one.interactionId) felt[type] = Math.max(one.duration || 1, felt[type] || 0);
        }).observe({type, buffered: true, ...(type == "event" && {durationThreshold: 40})});
</script>"""


@pytest.fixture
def page(put: Put, collector: Recorder) -> Any:
    """Puts up a page with both scripts; returns its address."""

    def one(body: str, path: str = "/") -> str:
        return put(path, body, extra=f'<script src="{collector.base}/periplus-experience.js"></script>')

    return one


def test_how_the_page_felt(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(page("<h1>Cups</h1><button onclick='const end = performance.now() + 120; while (performance.now() < end);'>Slow</button>"
                  f"<p id=below>below</p>{FELT}"))  # fmt: skip
    collector.wait("page")
    tab.wait_for_function("felt['largest-contentful-paint']")
    tab.evaluate(
        "document.querySelector('h1').insertAdjacentHTML('beforebegin', '<div>' + '<br>'.repeat(10) + '</div>')"
    )
    tab.wait_for_function("felt['layout-shift']")  # half a second after a click a page may move
    tab.click("button")
    tab.wait_for_function("felt.event >= 100")
    slowest = tab.evaluate("felt.event")
    tab.goto("about:blank")
    (told,) = collector.wait("Page Experienced")
    found = told["properties"]
    assert 0 <= found["ttfb_ms"] <= found["fcp_ms"] <= found["lcp_ms"] < 10_000
    assert found["load_ms"] >= found["ttfb_ms"]
    assert 0 < found["cls"] < 1
    assert found["inp_ms"] == round(slowest)
    assert found["navigation"] == "navigate"
    assert told["context"]["page"]["path"] == "/"


def test_a_still_page_has_no_shift_and_no_interaction(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(page("<h1>Cups</h1>"))
    collector.wait("page")
    tab.wait_for_timeout(300)
    tab.goto("about:blank")
    (told,) = collector.wait("Page Experienced")
    assert told["properties"]["cls"] == 0
    assert "inp_ms" not in told["properties"]


def test_script_errors(page: Any, shop: Pages, collector: Recorder, visitor: Any) -> None:
    shop.add("/broken.js", "function pay() {\n  null.total;\n}\n", kind="text/javascript")
    tab = visitor.new_page()
    tab.goto(page("<script src='/broken.js?session=1'></script><script src='/missing.js'></script>"))
    tab.evaluate("for (let n = 0; n < 3; n++) setTimeout(pay)")
    collector.wait(
        "Script Failed", 2
    )  # the third kind must not come before the second: there is room for ten
    tab.evaluate("setTimeout(() => Promise.reject(new Error('no stock')))")
    collector.wait("Script Failed", 3)
    tab.evaluate("for (let n = 0; n < 20; n++) setTimeout(() => { throw new Error('no. ' + n) })")
    found = [m["properties"] for m in collector.wait("Script Failed", 10)]
    limit = time.monotonic() + 60
    while len(visitor.failed) < 24:  # the browser tells each of them, in its own time
        assert time.monotonic() < limit, visitor.failed
        tab.wait_for_timeout(50)
    visitor.failed.clear()
    tab.wait_for_timeout(200)
    assert len(collector.named("Script Failed")) == 10
    assert {"message": "could not be loaded", "source": f"{shop.base}/missing.js"} in found
    (of_pay,) = [row for row in found if "total" in row["message"]]
    assert (of_pay["source"], of_pay["line"]) == (f"{shop.base}/broken.js", 2)
    assert [row for row in found if row["message"] == "no stock"]


def test_rage(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(
        page(
            "<div id=box><button class='buy now'>Buy</button></div><button id=plus data-periplus-repeat>+</button><p>some words</p><i>far</i>"
        )
    )
    collector.wait("page")
    for _ in range(2):
        tab.click(".buy")
    tab.evaluate("new Promise(done => setTimeout(done, 1200))")  # by the clock that ends a series of clicks
    tab.click(".buy", click_count=5)  # at once: on a busy machine clicks of their own come too late
    for _ in range(5):
        tab.click("#plus")
    tab.click("p", click_count=3)
    (raged,) = collector.wait("Rage Clicked")
    assert raged["properties"] == {"element": "#box button.buy", "clicks": 5}
    tab.wait_for_timeout(1300)
    assert len(collector.named("Rage Clicked")) == 1


def test_forms_tell_time_and_trouble_and_nothing_else(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(page(FORM))
    collector.wait("page")
    tab.click("#pay")  # the browser refuses the empty address and goes to it, when it finds the time
    tab.wait_for_function("document.activeElement.name === 'email'")
    tab.keyboard.type("anna@wrong", delay=10)
    for _ in range(5):
        tab.keyboard.press("Backspace")
    tab.keyboard.type("right.example", delay=10)
    tab.wait_for_timeout(600)
    tab.keyboard.press("Tab")
    tab.wait_for_function("document.activeElement.id === 'who'")
    collector.wait("Form Field Left")
    tab.keyboard.type("Anna Secretname", delay=5)
    tab.keyboard.press("Tab")
    tab.wait_for_function("document.activeElement.name === 'pin'")
    tab.keyboard.type("7351-9026")
    collector.wait("Form Field Left", 2)  # the others are on their way by now, however busy the machine is
    tab.goto("about:blank")
    email, who, pin = collector.wait("Form Field Left", 3)
    told = email["properties"]
    assert 0.6 <= told.pop("focus_seconds") < 60
    assert told == {
        "form": "checkout",
        "field": "email",
        "field_type": "email",
        "corrections": 5,
        "errors": 1,
    }
    assert (who["properties"]["field"], who["properties"]["corrections"]) == ("who", 0)
    assert (pin["properties"]["field"], pin["properties"]["field_type"]) == ("pin", "password")
    # Nothing that the letters and figures of an id could spell by chance.
    for text in ("anna@", "Anna ", "right.", "Secretname", "7351-9026", "token"):
        assert not [one for one in collector.received if text in one.body], text


def test_a_page_that_goes_tells_all_in_one_request(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(page(FORM))
    collector.wait("page")
    tab.focus("#who")
    tab.wait_for_timeout(200)
    tab.goto("about:blank")
    collector.wait("Page Left")
    (last,) = [one.batch for one in collector.received if "Page Left" in one.body]
    assert [m["event"] for m in last] == ["Page Experienced", "Form Field Left", "Page Left"]


def test_a_hidden_tab_tells_all_in_one_request(page: Any, collector: Recorder, tab: Any) -> None:
    tab.goto(page(FORM))
    collector.wait("page")
    tab.focus("#who")
    tab.wait_for_timeout(200)
    tab.evaluate("""() => {
        Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true});
        document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
    }""")
    collector.wait("Page Left")
    (last,) = [one.batch for one in collector.received if "Page Left" in one.body]
    assert [m["event"] for m in last] == ["Page Experienced", "Form Field Left", "Page Left"]


def test_it_may_come_before_the_tracker_or_without_it(shop: Pages, collector: Recorder, tab: Any) -> None:
    here = collector.base
    first = f'<!doctype html><script src="{here}/periplus-experience.js"></script>'
    tab.goto(shop.add("/", f'{first}<script src="{here}/periplus.js" data-key="k"></script><h1>Cups</h1>'))
    collector.wait("page")
    tab.wait_for_timeout(300)
    tab.goto(shop.add("/alone", f"{first}<h1>Cups</h1>"))
    collector.wait("Page Experienced")
    tab.goto("about:blank")
    assert len(collector.named("Page Experienced")) == 1
