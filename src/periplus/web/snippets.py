"""What a developer copies into their own code to send events here: one row per client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from periplus.web.words import _

KEY, HERE, NAME = "WRITE_KEY", "https://events.shop.example", "SOURCE"
"""Stand in the texts below for the key, this server's address and the source's name."""


@dataclass(frozen=True)
class Snippet:
    """One client: who uses it, the text to copy, and the page of the documentation that says more."""

    name: str
    group: Callable[[], str]
    text: str
    page: str

    def filled(self, key: str | None, here: str, source: str) -> str:
        """The text with what it needs; without a key the place for it stays."""
        return self.text.replace(HERE, here).replace(KEY, key or KEY).replace(NAME, source)


def _pages() -> str:
    return _("In the pages of the shop")


def _servers() -> str:
    return _("From a server or an app")


def _shops() -> str:
    return _("From the shop's own software")


SNIPPETS = (
    Snippet(
        "Periplus", _pages, f'<script async src="{HERE}/periplus.js" data-key="{KEY}"></script>', "tracker.md"
    ),
    Snippet(
        "Segment analytics.js",
        _pages,
        'import { AnalyticsBrowser } from "@segment/analytics-next";\n\n'
        f'const analytics = AnalyticsBrowser.load({{ writeKey: "{KEY}", cdnURL: "{HERE}" }});\nanalytics.page();',
        "send/segment.md",
    ),
    Snippet(
        "RudderStack JavaScript",
        _pages,
        'import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";\n\nconst rudder = new RudderAnalytics();\n'
        f'rudder.load("{KEY}", "{HERE}", {{ configUrl: "{HERE}" }});\nrudder.page();',
        "send/rudderstack.md",
    ),
    Snippet(
        "HTTP",
        _servers,
        f"curl -u {KEY}: -H 'Content-Type: application/json' {HERE}/v1/track \\\n"
        '  -d \'{"userId": "user-7", "event": "Product Added", "properties": {"price": 59.5}}\'',
        "send/segment.md",
    ),
    Snippet(
        "Segment Python",
        _servers,
        f'import segment.analytics as analytics\n\nanalytics.write_key = "{KEY}"\nanalytics.host = "{HERE}"\n'
        'analytics.track("user-7", "Product Added", {"product_id": "lamp", "price": 59.5})',
        "send/segment.md",
    ),
    Snippet(
        "Segment Node",
        _servers,
        'import { Analytics } from "@segment/analytics-node";\n\n'
        f'const analytics = new Analytics({{ writeKey: "{KEY}", host: "{HERE}" }});\n'
        'analytics.track({ userId: "user-7", event: "Product Added", properties: { price: 59.5 } });',
        "send/segment.md",
    ),
    Snippet(
        "RudderStack Python",
        _servers,
        f'import rudderstack.analytics as rudder\n\nrudder.write_key = "{KEY}"\nrudder.dataPlaneUrl = "{HERE}"\n'
        'rudder.track("user-7", "Product Added", {"price": 59.5})',
        "send/rudderstack.md",
    ),
    Snippet(
        "Google Analytics 4",
        _servers,
        f"curl '{HERE}/mp/collect?measurement_id=G-XXXX&api_secret={KEY}' \\\n"
        '  -d \'{"client_id": "123.456", "events": [{"name": "add_to_cart", "params": {"value": 59.5, "currency": "EUR"}}]}\'',
        "send/ga4.md",
    ),
    Snippet(
        "Mixpanel Python",
        _servers,
        f'from mixpanel import BufferedConsumer, Mixpanel\n\nhere = "{HERE}"\n'
        'consumer = BufferedConsumer(events_url=f"{here}/track", people_url=f"{here}/engage")\n'
        f'mixpanel = Mixpanel("{KEY}", consumer=consumer)\nmixpanel.track("user-7", "Product Added", {{"price": 59.5}})',
        "send/mixpanel.md",
    ),
    Snippet(
        "PostHog Python",
        _servers,
        f'from posthog import Posthog\n\nposthog = Posthog("{KEY}", host="{HERE}")\n'
        'posthog.capture("Product Added", distinct_id="user-7", properties={"price": 59.5})',
        "send/posthog.md",
    ),
    Snippet(
        "Kissmetrics",
        _servers,
        f"curl '{HERE}/e?_k={KEY}&_p=user-7&_n=Added+to+Cart&Price=59.5'",
        "send/kissmetrics.md",
    ),
    Snippet("Shopify", _shops, f"{HERE}/hooks/shopify/{NAME}", "shops/shopify.md"),
    Snippet("WooCommerce", _shops, f"{HERE}/hooks/woocommerce/{NAME}", "shops/woocommerce.md"),
    Snippet("Ecwid", _shops, f"{HERE}/hooks/ecwid/{NAME}", "shops/ecwid.md"),
)
