"""The browser libraries of others, in Chromium on a page of another origin: what they track arrives once, through bad weather."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from periplus.clock import SECOND
from tests.clients import installed
from tests.clients.weather import FINE, LOST, UNANSWERED, UNAVAILABLE, weather

pytestmark = pytest.mark.browser
PAGE = b"<!doctype html><html lang=en><title>Lamps</title><link rel=icon href=data:,><h1>Lamps</h1>"
AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
EVENTS = 6
PATIENCE = 120
"""Seconds until all has arrived, retries included."""


@dataclass(frozen=True)
class Library:
    """A file of a package, and what a page does with it: `load(base, key)`, then `walk(n)`."""

    file: str
    code: str


WALK = """
  for (let n = 0; n < events; n++) track('Product Added', { n, price: n + 0.5, note: 'Καλημέρα 🛒' });
"""
SEGMENT = """async ([base, key, events]) => {
  const [analytics] = await AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: base }, OPTIONS);
  const track = (name, properties) => analytics.track(name, properties);
  analytics.page('Home');
  await track('Visited before', {});
  await delivered('Visited before');  // what is sent again after identify gets the user id that is known by then
  await analytics.identify('user-0', { email: 'user-0@shop.example' });
  WALK
  return analytics.user().anonymousId();
}"""
BATCHES = (
    "{ integrations: { 'Segment.io': { deliveryStrategy: "
    "{ strategy: 'batching', config: { size: 4, timeout: 200 } } } } }"
)
LIBRARIES = {
    "@segment/analytics-next": Library(
        "@segment/analytics-next/dist/umd/index.js", SEGMENT.replace("OPTIONS", "{}")
    ),
    "@segment/analytics-next, in batches": Library(
        "@segment/analytics-next/dist/umd/index.js", SEGMENT.replace("OPTIONS", BATCHES)
    ),
    "@rudderstack/analytics-js": Library(
        "@rudderstack/analytics-js/dist/npm/modern/bundled/umd/index.js",
        """async ([base, key, events]) => {
          const analytics = new rudderanalytics.RudderAnalytics();
          analytics.load(key, base, { configUrl: base });
          const track = (name, properties) => analytics.track(name, properties);
          analytics.page('Home');
          track('Visited before', {});
          analytics.identify('user-0', { email: 'user-0@shop.example' });
          WALK
          await new Promise((resolve) => analytics.ready(resolve));
          return analytics.getAnonymousId();
        }""",
    ),
    "posthog-js": Library(
        "posthog-js/dist/array.full.js",
        """async ([base, key, events]) => {
          posthog.init(key, {
            api_host: base, advanced_disable_flags: true, disable_session_recording: true, disable_surveys: true,
            disable_external_dependency_loading: true, autocapture: false, person_profiles: 'identified_only',
            opt_out_useragent_filter: true, request_queue_config: { flush_interval_ms: 250 },
          });
          const track = (name, properties) => posthog.capture(name, properties);
          const visitor = posthog.get_distinct_id();
          track('Visited before', {});
          posthog.identify('user-0', { email: 'user-0@shop.example' });
          WALK
          return visitor;
        }""",
    ),
    "mixpanel-browser": Library(
        "mixpanel-browser/dist/mixpanel.umd.js",
        """async ([base, key, events]) => {
          mixpanel.init(key, {
            api_host: base, batch_flush_interval_ms: 250, track_pageview: true, record_sessions_percent: 0, autocapture: false,
          });
          const track = (name, properties) => mixpanel.track(name, properties);
          track('Visited before', {});
          mixpanel.identify('user-0');
          mixpanel.people.set({ $email: 'user-0@shop.example' });
          WALK
          return mixpanel.get_property('$device_id');
        }""",
    ),
}


class Shop(SimpleHTTPRequestHandler):
    """One page, and the libraries."""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if not self.path.startswith("/lamps"):
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)
        return None


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The address of a shop whose pages load the libraries from itself."""
    try:
        modules = installed.node() / "node_modules"
    except installed.NotInstalled as problem:
        pytest.skip(str(problem))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Shop, directory=str(Path(modules)))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_a_page_tracks_arrives_once(name: str, shop: str, chromium: Any, collector: Any) -> None:
    library = LIBRARIES[name]
    context = chromium.new_context(user_agent=AGENT)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda problem: problems.append(str(problem)))
    page.on("console", lambda m: problems.append(m.text) if "CORS" in m.text else None)
    page.expose_function("delivered", lambda event: _delivered(collector, event))
    with weather(collector.base, (UNAVAILABLE, FINE, LOST, UNANSWERED)) as proxy:
        page.goto(f"{shop}/lamps?utm_source=news&utm_medium=email")
        page.add_script_tag(url=f"{shop}/{library.file}")
        visitor = page.evaluate(library.code.replace("WALK", WALK), [proxy.base, collector.key, EVENTS])
        limit = time.monotonic() + PATIENCE
        while collector.fates()["accepted"] < EVENTS + 3 and time.monotonic() < limit:
            page.wait_for_timeout(300)  # lets the page go on
        while not _complete(collector.events()) and time.monotonic() < limit:
            page.wait_for_timeout(250)
        context.close()  # some libraries say good-bye
    events = collector.events()
    assert _complete(events), (Counter(event.event for event in events), proxy.happened, problems)
    added = [event for event in events if event.event == "Product Added"]
    assert Counter(event.properties["n"] for event in added) == Counter(range(EVENTS))
    for event in added:
        assert (event.user_id, event.anonymous_id) == ("user-0", visitor)
        assert event.properties["note"] == "Καλημέρα 🛒"
        assert abs(event.time - event.received_at) < 3 * PATIENCE * SECOND
    before = [event for event in events if event.event == "Visited before"]
    assert [(event.user_id, event.anonymous_id) for event in before] == [(None, visitor)]
    assert {event.email for event in events if event.type == "identify" and event.email} == {
        "user-0@shop.example"
    }
    (viewed,) = [event for event in events if event.event == "Page Viewed"]
    assert viewed.context["page"]["url"].startswith(f"{shop}/lamps")
    assert viewed.context["campaign"]["source"] == "news"
    assert proxy.happened[UNAVAILABLE] == 1
    assert set(proxy.statuses) == {200}
    assert problems == []
    life = [one["event"] for one in collector.ws.timeline("user-0") if one["source"] == collector.source]
    assert life.count("Visited before") == 1, (
        "what the visitor did is the customer's, now that we know who it was"
    )
    fates = collector.fates()
    assert fates["received"] == fates["accepted"] + fates["duplicate"]


def _delivered(collector: Any, name: str) -> None:
    """Wait until an event is in the store."""
    limit = time.monotonic() + PATIENCE
    while all(event.event != name for event in collector.events()) and time.monotonic() < limit:
        time.sleep(0.1)


def _complete(events: list[Any]) -> bool:
    """Whether all that the page tracked is there, with its view and what was said of the person."""
    names = Counter(event.event for event in events)
    stated = any(event.type == "identify" and event.email for event in events)
    return (
        names["Product Added"] >= EVENTS
        and names["Visited before"] > 0
        and names["Page Viewed"] > 0
        and stated
    )
