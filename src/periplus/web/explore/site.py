"""Site: what people do on the pages of the shop, one table per report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.journeys.site import AUTOMATIC
from periplus.question import Answer
from periplus.web import words
from periplus.web.explore.conditions import Happened
from periplus.web.explore.controls import Number, Several, When
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_figures import value_name
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Groups, SessionOptions, Ticked, among, breakdown, zones
from periplus.web.words import _, ngettext

REPORTS = (
    "pages", "landing", "exits", "channels", "sources", "campaigns", "devices", "countries", "searches", "no_results",
)  # fmt: skip
SEARCHES = ("searches", "no_results")
ROWS = 25
"""Rows of a report on the page; the download has all of them."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    return {"reports": ["pages", "landing", "sources", "searches"], "top": 25} if offered.has_events else None


def report_names() -> dict[str, str]:
    return {
        "pages": _("Pages"),
        "landing": _("Landing pages"),
        "exits": _("Last pages"),
        "channels": _("Channels"),
        "sources": _("Where they came from"),
        "campaigns": _("Campaigns"),
        "devices": _("Devices"),
        "countries": _("Countries"),
        "searches": _("Searches"),
        "no_results": _("Searches without results"),
    }


def key_name(report: str, key: object) -> str:
    """A page, a search or a name as it is, words as values of a breakdown are said."""
    if key is None or key == "(other)":
        return value_name(key)
    return value_name(key) if report in ("channels", "devices", "countries") else str(key)


def title(totals: Mapping[str, Any]) -> str:
    if not totals["visits"]:
        return _("Nobody viewed a page in this period")
    said = ngettext("{n} visit", "{n} visits", totals["visits"]).format(n=words.number(totals["visits"]))
    return _("{visits} of {pages} pages each; {share} leave after one").format(
        visits=said, pages=words.number(totals["pages_per_visit"], 1), share=words.percent(totals["bounce"])
    )


def automatic(offered: Offered) -> Groups:
    """The events that nobody does: the usual ones, and all that there are."""
    names = [code.removeprefix("event:") for code, _name in offered.event_codes]
    return [
        ("", [(name, name) for name in AUTOMATIC]),
        (_("Events"), [(name, name) for name in names if name not in AUTOMATIC]),
    ]


def shown(asked: Asked) -> Shown:
    answer = asked.ask(asked.question)
    reports: dict[str, list[dict[str, Any]]] = {}
    for row in answer.rows:
        reports.setdefault(row["report"], []).append({**row, "name": key_name(row["report"], row["key"])})
    names = report_names()
    view = {
        "reports": [
            {
                "report": report,
                "name": names.get(report, report),
                "searches": report in SEARCHES,
                "of_pages": report in ("pages", "landing", "exits"),
                "rows": rows[:ROWS],
                "most": max((row["views"] for row in rows if row["key"] != "(other)"), default=0),
                "left_out": max(0, len(rows) - ROWS),
            }
            for report, rows in reports.items()
        ],
        "totals": answer.totals,
    }
    return Shown(title(answer.totals), answer, view)


SITE = Explorer(
    name=lambda: _("Site"),
    sentence=lambda: _(
        "What do people do on the site, {period}? Show {reports}, the {top} largest of each; "
        "a page is viewed by {views}, something is searched for by {searches}."
    ),
    controls=(
        When(lambda: _("visits begun")),
        Several("reports", lambda: _("Which reports"), report_names, REPORTS),
        Number("top", lambda: _("How many rows of each"), 50, 1, 1000),
        Happened("views", lambda: _("What is a view of a page"), usual={"event": "Page Viewed"}),
        Happened("searches", lambda: _("What is a search"), usual={"event": "Products Searched"}),
    ),
    more=(
        SessionOptions(),
        Ticked("automatic", lambda: _("What pages send by themselves"), automatic, usual=AUTOMATIC),
        among(),
        breakdown(events=False),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_site.html",
)
