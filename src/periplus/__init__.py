"""Periplus: the living, executable journey map of an online shop.

import periplus

ws = periplus.open("shop")
ws.import_file("events.jsonl")
ws.ask({"kind": "map", "map": "shop"}).rows
ws.ask(periplus.Funnel(steps=[{"event": "Product Viewed"}, {"event": "Order Completed"}]))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from periplus.errors import PeriplusError

if TYPE_CHECKING:
    from periplus.journeys.attribution import AttributionQuestion as Attribution
    from periplus.journeys.drivers import DriversQuestion as Drivers
    from periplus.journeys.flow import FlowQuestion as Flow
    from periplus.journeys.funnel import FunnelQuestion as Funnel
    from periplus.journeys.lifecycle import LifecycleQuestion as Lifecycle
    from periplus.journeys.map import MapQuestion as Map
    from periplus.journeys.pattern import PatternQuestion as Pattern
    from periplus.journeys.retention import RetentionQuestion as Retention
    from periplus.journeys.site import SiteQuestion as Site
    from periplus.journeys.timing import TimingQuestion as Timing
    from periplus.journeys.trend import TrendQuestion as Trend
    from periplus.workspace import Workspace, init
    from periplus.workspace import open_workspace as open

__version__ = "0.1.0"
__all__ = [
    "Attribution",
    "Drivers",
    "Flow",
    "Funnel",
    "Lifecycle",
    "Map",
    "Pattern",
    "PeriplusError",
    "Retention",
    "Site",
    "Timing",
    "Trend",
    "Workspace",
    "init",
    "open",
]

_LOADED = {
    "Attribution": ("periplus.journeys.attribution", "AttributionQuestion"),
    "Drivers": ("periplus.journeys.drivers", "DriversQuestion"),
    "Flow": ("periplus.journeys.flow", "FlowQuestion"),
    "Funnel": ("periplus.journeys.funnel", "FunnelQuestion"),
    "Lifecycle": ("periplus.journeys.lifecycle", "LifecycleQuestion"),
    "Map": ("periplus.journeys.map", "MapQuestion"),
    "Pattern": ("periplus.journeys.pattern", "PatternQuestion"),
    "Retention": ("periplus.journeys.retention", "RetentionQuestion"),
    "Site": ("periplus.journeys.site", "SiteQuestion"),
    "Timing": ("periplus.journeys.timing", "TimingQuestion"),
    "Trend": ("periplus.journeys.trend", "TrendQuestion"),
    "Workspace": ("periplus.workspace", "Workspace"),
    "init": ("periplus.workspace", "init"),
    "open": ("periplus.workspace", "open_workspace"),
}


def __getattr__(name: str) -> Any:
    """What needs the engine is loaded when it is first named, so that `periplus --help` answers at once."""
    if name not in _LOADED:
        raise AttributeError(f"module 'periplus' has no attribute {name!r}")
    module, attribute = _LOADED[name]
    return getattr(import_module(module), attribute)
