"""Quantiles as people say them."""

from __future__ import annotations

from periplus.web.words import _


def quantile_names() -> dict[str, str]:
    """Quantiles as people say them."""
    return {
        "0.1": _("the fastest tenth"),
        "0.25": _("the fastest quarter"),
        "0.5": _("half"),
        "0.75": _("three in four"),
        "0.9": _("nine in ten"),
        "0.95": _("19 in 20"),
        "0.99": _("99 in 100"),
    }
