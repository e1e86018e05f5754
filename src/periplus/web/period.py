"""What a page looks at, as its address says it: `?from=2026-05-01&to=2026-11-01&by=start&now=…&traffic=all`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from periplus.web import words
from periplus.web.page import link
from periplus.web.words import _

KEYS = ("from", "to", "by", "now", "traffic")
LONGEST = 64


@dataclass(frozen=True)
class Period:
    """What the address says, unjudged: the engine says what is wrong with it, in one place for everybody."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, params: Mapping[str, str]) -> Period:
        """Out of the query of an address; empty fields of a form count as not given."""
        found = {key: params.get(key, "").strip()[:LONGEST] for key in KEYS}
        return cls({key: value for key, value in found.items() if value})

    @classmethod
    def of_question(cls, question: Mapping[str, Any]) -> Period:
        """Out of a question, to be shown or carried on."""
        period = question.get("period")
        inner = dict(period) if isinstance(period, Mapping) else {}
        inner["now"] = question.get("now")
        inner["traffic"] = None if question.get("traffic") == "customers" else question.get("traffic")
        return cls({key: str(value) for key in KEYS if (value := inner.get(key)) not in (None, "")})

    def put(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The question with this period, `now` and traffic."""
        asked = {key: value for key, value in question.items() if key not in ("period", "now", "traffic")}
        period = {key: self.values[key] for key in ("from", "to", "by") if key in self.values}
        if period.get("by") == "start":  # as where nothing is said
            del period["by"]
        if period:
            asked["period"] = period
        return asked | {key: self.values[key] for key in ("now", "traffic") if key in self.values}

    def with_traffic(self, traffic: str) -> Period:
        """The same with the customers' traffic alone, which an address need not say, or with all."""
        others = {key: value for key, value in self.values.items() if key != "traffic"}
        return Period(others | ({} if traffic == "customers" else {"traffic": traffic}))

    def kept(self) -> dict[str, str]:
        """What stays when another period is chosen."""
        return {key: self.values[key] for key in ("traffic",) if key in self.values}

    def link(self, path: str, **more: object) -> str:
        return link(path, **{**self.values, **more})

    def said(self) -> str:
        """`1 May – 31 Oct 2026`; the last day is the last one inside."""
        first, last = words.instant(self.values.get("from")), words.instant(self.values.get("to"))
        if last is not None and (last.hour, last.minute) == (0, 0):
            last -= timedelta(days=1)
        if first and last:
            return words.days(first, last)
        if first:
            return _("since {day}").format(day=words.day(first))
        if last:
            return _("until {day}").format(day=words.day(last))
        return _("all time")


def by_names() -> dict[str, str]:
    """What a period may select, by its key."""
    return {"start": _("journeys begun"), "goal": _("goals reached"), "activity": _("visits made")}


def presets(now: str | None) -> list[tuple[str, dict[str, str]]]:
    """Ready periods that end with the last day seen: (name, values)."""
    seen = words.instant(now)
    if seen is None:
        return []
    last = seen.date() + timedelta(days=1)
    month = date(seen.year, seen.month, 1)
    before = (month - timedelta(days=1)).replace(day=1)
    return [
        (_("last 30 days"), {"from": str(last - timedelta(days=30)), "to": str(last)}),
        (_("last 90 days"), {"from": str(last - timedelta(days=90)), "to": str(last)}),
        (_("this month"), {"from": str(month), "to": str(last)}),
        (_("last month"), {"from": str(before), "to": str(month)}),
        (_("this year"), {"from": f"{seen.year}-01-01", "to": str(last)}),
        (_("all time"), {}),
    ]
