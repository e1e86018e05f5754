"""The kinds Explore has a sentence for, in the order of their tabs; each is one file of this package."""

from __future__ import annotations

from periplus import question
from periplus.web.explore.attribution import ATTRIBUTION
from periplus.web.explore.drivers import DRIVERS
from periplus.web.explore.explorer import Explorer
from periplus.web.explore.flow import FLOW
from periplus.web.explore.funnel import FUNNEL
from periplus.web.explore.lifecycle import LIFECYCLE
from periplus.web.explore.pattern import PATTERN
from periplus.web.explore.retention import RETENTION
from periplus.web.explore.site import SITE
from periplus.web.explore.timing import TIMING
from periplus.web.explore.trend import TREND

EXPLORERS: dict[str, Explorer] = {
    "funnel": FUNNEL,
    "flow": FLOW,
    "retention": RETENTION,
    "trend": TREND,
    "timing": TIMING,
    "attribution": ATTRIBUTION,
    "lifecycle": LIFECYCLE,
    "pattern": PATTERN,
    "drivers": DRIVERS,
    "site": SITE,
}


def built() -> dict[str, Explorer]:
    """Those that can be answered, by the word of their kind."""
    return {kind: explorer for kind, explorer in EXPLORERS.items() if kind in question.kinds}


def path_of(kind: object) -> str:
    """The address of a kind's page; kinds that nobody wrote a sentence for share the one for JSON."""
    if kind == "funnel":
        return "/explore"
    return f"/explore/{kind}" if kind in EXPLORERS else "/explore/json"
