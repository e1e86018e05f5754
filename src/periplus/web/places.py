"""What the steps of a map, the ends of a flow and the outcomes of a visit are called on every page."""

from __future__ import annotations

from typing import Any

from periplus.maps.fill import colors
from periplus.maps.model import MapDocument
from periplus.web.words import _

OUTCOMES = ("onward", "back", "goal", "again", "stopped", "ended", "running")


def outcome_names() -> dict[str, str]:
    """The seven outcomes as people read them."""
    return {
        "onward": _("onward"),
        "back": _("back"),
        "goal": _("goal, closed here"),
        "again": _("again, begun anew"),
        "stopped": _("stopped"),
        "ended": _("ended after the goal"),
        "running": _("running"),
    }


def outcome_heads() -> dict[str, str]:
    """The same in one word, for the head of a table."""
    return {
        "onward": _("onward"),
        "back": _("back"),
        "goal": _("goal"),
        "again": _("again"),
        "stopped": _("stopped"),
        "ended": _("ended"),
        "running": _("running"),
    }


def ends() -> dict[str, str]:
    """The ends of a flow as people read them."""
    return {
        "(start)": _("begins here"),
        "(goal)": _("goal, closed here"),
        "(again)": _("begins again"),
        "(stopped)": _("stops here"),
        "(ended)": _("ends after the goal"),
        "(running)": _("still running"),
        "(other)": _("other steps"),
    }


def steps_of(document: MapDocument) -> dict[str, dict[str, Any]]:
    """Step id → its name, channel, department, stage and the stage's place and colour."""
    return {
        step.id: {
            "id": step.id,
            "name": step.name,
            "channel": step.channel,
            "department": step.department,
            "stage": stage.name,
            "measured": step.rule is not None,
            "place": place,
            "color": color,
        }
        for place, (stage, color) in enumerate(zip(document.stages, colors(document), strict=True), 1)
        for step in stage.steps
    }
