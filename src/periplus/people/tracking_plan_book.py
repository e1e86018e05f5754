"""The tracking plan of a workspace as people work with it: suggest one, adopt it, check what arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.collect import plan_report
from periplus.collect.plan_report import Found
from periplus.collect.tracking_plan import KIND, Deviation, TrackingPlan
from periplus.errors import NotFoundError
from periplus.settings import Settings
from periplus.store import deviations
from periplus.store.snapshot import Snapshot
from periplus.store.state import State

Written = TrackingPlan | Mapping[str, Any] | str | Path


@dataclass(frozen=True)
class TrackingPlanBook:
    """What `ws.tracking_plan` is. `stored` gives the state if there is any yet, `state` makes it if there is none."""

    settings: Settings
    snapshot: Callable[[], Snapshot]
    stored: Callable[[], State | None]
    state: Callable[[], State]

    def show(self) -> TrackingPlan:
        """The plan in force; raises NotFoundError where none was adopted."""
        plan = TrackingPlan.stored(self.stored())
        if plan is None:
            raise NotFoundError(
                "There is no tracking plan yet.",
                code="no_plan",
                hint="`periplus plan suggest > plan.yaml`, look at it, then `periplus plan adopt plan.yaml`.",
            )
        return plan

    def suggest(self, since: str | None = None) -> TrackingPlan:
        """A plan that the events there are fulfil, to begin with."""
        return plan_report.suggested(self.snapshot(), self._moment(since))

    def adopt(self, plan: Written) -> dict[str, Any]:
        """Put a plan in force; what the collector counted by another one is forgotten."""
        parsed = TrackingPlan.parse(plan)
        state = self.state()
        known = state.document(KIND, KIND)
        version = state.save(KIND, KIND, parsed.document())
        if known != parsed.document():
            deviations.clear(state)
        return {"name": parsed.name, "version": version, "events": len(parsed.events)}

    def check(
        self, plan: Written | None = None, since: str | None = None, until: str | None = None
    ) -> list[Found]:
        """What arrived otherwise than a plan says (by default the one in force), counted over the store."""
        judged = self.show() if plan is None else TrackingPlan.parse(plan)
        return plan_report.report(self.snapshot(), judged, self._moment(since), self._moment(until))

    def noticed(self) -> list[dict[str, Any]]:
        """What the collector noticed as messages passed, since the plan was adopted; cheap, and approximate."""
        state = self.stored()
        plan = TrackingPlan.stored(state)
        if state is None or plan is None:
            return []
        return [
            {
                **{name: row[name] for name in ("wrong", "event", "property")},
                "events": row["count"],
                "first": clock.iso(row["first"]),
                "last": clock.iso(row["last"]),
                "example": row["value"],
                "message_id": row["message_id"] or None,
                "hint": plan.hint(Deviation(row["wrong"], row["event"], row["property"], row["value"])),
            }
            for row in deviations.listed(state)
        ]

    def _moment(self, text: str | None) -> int | None:
        return None if text is None else clock.instant(text, clock.zone(self.settings.zone))
