"""Nothing said is lost and nothing is counted twice: tabs that close, servers that are busy, connections that break."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pytest

from tests.tracker.conftest import Put
from tests.tracker.loopback import LOST, Answer, Recorder, until

pytestmark = pytest.mark.browser

QUEUE = "Object.keys(localStorage).filter(key => key.startsWith('periplus:')).length"
FORGETFUL = "if (location.protocol == 'http:') localStorage.clear()"
"""What a page keeps and does not send is sent by no later one."""


def test_the_queue_survives_closing_the_tab(put: Put, collector: Recorder, visitor: Any) -> None:
    address = put("/")
    tab = visitor.new_page()
    tab.goto(address)
    collector.wait("page")
    visitor.set_offline(True)
    tab.evaluate('periplus("add", {product_id: "p-1"}); periplus("checkout", {value: 39})')
    tab.wait_for_timeout(300)
    assert "Product Added" not in collector.names()
    tab.close()
    visitor.set_offline(False)
    later = visitor.new_page()
    later.goto(address)
    later.wait_for_timeout(2500)  # the pause that being offline had asked for
    # Chromium's being offline ends with the tab: what it sends as it closes may get through, and comes again.
    added, *again = collector.wait("Product Added")
    checkout, *more = collector.wait("Checkout Started")
    assert {each["messageId"] for each in again} <= {added["messageId"]}
    assert {each["messageId"] for each in more} <= {checkout["messageId"]}
    assert added["timestamp"] <= checkout["timestamp"] < collector.wait("page", 2)[1]["timestamp"]
    until(lambda: later.evaluate(QUEUE) == 0)


def test_coming_back_online_sends_at_once(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/"))
    collector.wait("page")
    visitor.set_offline(True)
    tab.evaluate('periplus("add", {})')
    tab.wait_for_timeout(200)
    tab.evaluate("document.cookie = 'periplus_pause=' + (Date.now() + 60000) + '; path=/; max-age=60'")
    visitor.set_offline(False)
    collector.wait("Product Added", seconds=30)  # not after the pause of a minute


@pytest.mark.parametrize("keepalive", [True, False])
def test_what_is_said_as_the_page_closes_arrives(
    keepalive: bool, put: Put, collector: Recorder, visitor: Any
) -> None:
    if not keepalive:  # as in browsers whose fetch cannot outlive its page
        visitor.add_init_script("""
            delete Request.prototype.keepalive;
            const beacon = navigator.sendBeacon.bind(navigator);
            navigator.sendBeacon = (...given) => { document.cookie = "beacons=1; path=/"; return beacon(...given); };
        """)
    visitor.add_init_script(FORGETFUL)
    tab = visitor.new_page()
    address = put(
        "/", extra="<script>addEventListener('pagehide', () => periplus('track', 'Last Words'))</script>"
    )
    # What the page says after the tracker has said its own is a second request, and browsers lose one now and then.
    for count in range(1, 6):
        tab.goto(address)
        collector.wait("page", count)
        tab.wait_for_timeout(300)
        tab.goto("about:blank")
        collector.wait("Page Left", count)
        with suppress(AssertionError):
            collector.wait("Last Words", seconds=5)
            break
    assert collector.named("Last Words")
    assert collector.asked_permission == 0
    assert ("beacons" in {cookie["name"] for cookie in visitor.cookies()}) is not keepalive
    assert {one.headers["content-type"].partition(";")[0] for one in collector.received} == {"text/plain"}


def test_a_closed_tab_sends_its_last_words(put: Put, collector: Recorder, visitor: Any) -> None:
    visitor.add_init_script(FORGETFUL)
    # A browser that closes a tab gives its page half a second for the last words; a busy machine may take longer.
    for count in range(1, 6):
        tab = visitor.new_page()
        tab.goto(put("/"))
        collector.wait("page", count)
        tab.wait_for_timeout(300)
        tab.close()
        with suppress(AssertionError):
            collector.wait("Page Left", seconds=5)
            return
    raise AssertionError(collector.names())


def test_a_busy_server_is_given_the_time_it_asks_for(put: Put, collector: Recorder, tab: Any) -> None:
    collector.answers = [Answer(503, {"Retry-After": "2"}), Answer(429, {"Retry-After": "1"})]
    # The page itself says it, in the pause: what is said before the answer is there may be sent at once.
    meanwhile = """<script>
        const look = setInterval(() => {
            if (!document.cookie.includes("periplus_pause=")) return;
            clearInterval(look);
            periplus("track", "Meanwhile");
        }, 10);
    </script>"""
    tab.goto(put("/", extra=meanwhile))
    collector.wait("Meanwhile")
    first, second, third = (one.at for one in collector.received[:3])
    assert second - first >= 1.9
    assert third - second >= 0.9
    assert collector.names() == ["page", "Meanwhile"]
    assert len(collector.messages) == 2


def test_the_next_page_keeps_the_pause(put: Put, collector: Recorder, tab: Any) -> None:
    collector.answers = [Answer(503, {"Retry-After": "3"})]
    tab.goto(put("/1"))
    # Until the browser knows of the pause, or has kept it on the first page.
    until(lambda: "periplus_pause=" in tab.evaluate("document.cookie") or len(collector.received) > 1)
    tab.goto(put("/2"))
    collector.wait("page", 2)
    assert collector.received[1].at - collector.received[0].at >= 2.7
    assert [m["context"]["page"]["path"] for m in collector.named("page")] == ["/1", "/2"]


@pytest.mark.parametrize("kind", ["seconds", "date", "none", "nonsense", "past"])
def test_forms_of_retry_after(kind: str, put: Put, collector: Recorder, tab: Any) -> None:
    from datetime import UTC, datetime, timedelta
    from email.utils import format_datetime

    now = datetime.now(UTC).replace(microsecond=0)
    moments = {"date": now + timedelta(seconds=5), "past": now - timedelta(hours=1)}
    value = format_datetime(moments[kind], usegmt=True) if kind in moments else None
    value = value or {"seconds": "2", "nonsense": "soon"}.get(kind)
    collector.answers = [Answer(500, {"Retry-After": value} if value else {})]
    tab.goto(put("/"))
    collector.wait("page")
    first, second = (one.at for one in collector.received[:2])
    assert second - first > (1.9 if kind == "seconds" else 0.4)
    if kind == "date":  # a moment, however long the page took to open
        came = time.time() - (time.monotonic() - second)
        assert came > moments[kind].timestamp() - 0.1


def test_a_lost_answer_is_no_second_event(put: Put, collector: Recorder, tab: Any) -> None:
    collector.answers = [LOST, Answer(503, {"Retry-After": "0"}), LOST]
    tab.goto(put("/"))
    tab.evaluate('periplus("order", {order_id: "o-1", total: 39})')
    until(lambda: tab.evaluate(QUEUE) == 0, 90)
    sent = [m["messageId"] for one in collector.received for m in one.batch]
    assert len(sent) > len(set(sent)), "it was sent more than once"
    assert sorted(collector.names()) == ["Order Completed", "page"]


def test_closed_in_the_middle_of_everything_counts_once(put: Put, collector: Recorder, visitor: Any) -> None:
    """Ten pages, each left at once; connections are lost at random: every event arrives, none twice."""
    collector.answers = [LOST, Answer(), Answer(500), LOST, Answer(), LOST, Answer(502), Answer()]
    addresses = [
        put(f"/p/{n}", extra=f"<script>periplus('product', {{product_id: '{n}'}})</script>")
        for n in range(10)
    ]
    tab = visitor.new_page()
    for address in addresses:
        tab.goto(address)
    tab.goto(put("/end"))
    until(lambda: tab.evaluate(QUEUE) == 0, 90)
    assert sorted(m["properties"]["product_id"] for m in collector.named("Product Viewed")) == [
        str(n) for n in range(10)
    ]
    assert len(collector.named("page")) == 11
    contents = {}
    for message in collector.messages:
        contents.setdefault(message["messageId"], message)
        assert contents[message["messageId"]] == message, "an id stands for one content, always"


@pytest.mark.parametrize("status", [400, 401, 413])
def test_what_can_never_be_taken_is_dropped(status: int, put: Put, collector: Recorder, tab: Any) -> None:
    collector.always = Answer(status)
    tab.goto(put("/"))
    until(lambda: len(collector.received) == 1 and tab.evaluate(QUEUE) == 0)
    collector.always = None
    tab.evaluate('periplus("track", "After")')
    collector.wait("After")
    assert collector.names() == ["After"]


@pytest.mark.parametrize("status", [403, 404, 408, 500, 502, 503])
def test_what_may_pass_is_kept(status: int, put: Put, collector: Recorder, tab: Any) -> None:
    collector.answers = [Answer(status)]
    tab.goto(put("/"))
    collector.wait("page")


def test_a_long_queue_goes_in_pieces_and_has_an_end(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", page="off"))
    visitor.set_offline(True)
    tab.evaluate("for (let n = 0; n < 620; n++) periplus('track', 'Tick', {n})")
    assert tab.evaluate(QUEUE) == 500
    tab.wait_for_timeout(300)
    visitor.set_offline(False)
    collector.wait("Tick", 500)
    assert [m["properties"]["n"] for m in collector.told()] == list(range(120, 620))
    assert all(len(one.body.encode()) < 64 * 1024 for one in collector.received)
    assert len(collector.received) > 5


def test_a_message_of_its_own_size(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/", page="off"))
    tab.evaluate(
        "periplus('track', 'Small'); periplus('track', 'Large', {text: 'Ω'.repeat(60000)}); periplus('track', 'Small Too')"
    )
    assert len(collector.wait("Large")[0]["properties"]["text"]) == 60000
    collector.wait("Small Too")


def test_rubbish_in_the_storage_spoils_nothing(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", page="off"))
    tab.evaluate("""() => {
        localStorage["periplus:1"] = '{"type":"track","eve';
        localStorage["periplus:2"] = "null";
        localStorage["other"] = "kept";
        for (const name of ["arrival", "consent"]) document.cookie = `periplus_${name}=%7Bnot json; path=/`;
    }""")
    tab.goto(put("/2"))
    collector.wait("page")
    assert tab.evaluate("localStorage.other") == "kept"


def test_without_storage_it_lives_as_long_as_the_page(put: Put, collector: Recorder, visitor: Any) -> None:
    visitor.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('denied', 'SecurityError') }})"
    )
    collector.answers = [Answer(503, {"Retry-After": "1"})]
    tab = visitor.new_page()
    tab.goto(put("/"))
    collector.wait("page")


def test_two_tabs_share_a_queue_without_losing_of_it(put: Put, collector: Recorder, visitor: Any) -> None:
    address = put("/", page="off")
    one, two = visitor.new_page(), visitor.new_page()
    one.goto(address)
    two.goto(address)
    visitor.set_offline(True)
    for n in range(5):
        one.evaluate("n => periplus('track', 'One', {n})", n)
        two.evaluate("n => periplus('track', 'Two', {n})", n)
    one.wait_for_timeout(200)
    one.close()
    two.close()
    visitor.set_offline(False)
    later = visitor.new_page()
    later.goto(address)
    later.wait_for_timeout(1500)
    collector.wait("One", 5)
    collector.wait("Two", 5)
