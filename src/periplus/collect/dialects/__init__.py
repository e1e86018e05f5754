"""The wire forms of other tools' clients, one file each, which registers itself in `wire.DIALECTS`."""

from periplus.collect.dialects import (
    ecwid,
    ga4,
    kissmetrics,
    mixpanel,
    posthog,
    segment,
    shopify,
    woocommerce,
)

__all__ = ["ecwid", "ga4", "kissmetrics", "mixpanel", "posthog", "segment", "shopify", "woocommerce"]
