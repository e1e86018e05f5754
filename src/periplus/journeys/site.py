"""The question `site`: pages, landing and exit pages, sources, campaigns, devices, countries, and site searches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries
from periplus.journeys.apart import told_apart
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.site_plan import plan
from periplus.journeys.site_read import Part, Site
from periplus.journeys.site_reports import COUNTS, NAMES, REPORTS, Counts, Hits, Report
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

AUTOMATIC = ("Page Left", "Exit Intended", "Page Experienced", "Script Failed", "Consent Preference Updated")
"""Events that a page sends by itself: nobody did anything."""
TOTALS = ("views", "visits", "customers", "bounces", "searches", "searched")
MOST_ROWS = 1000


class SiteQuestion(Question):
    """`{"kind": "site", "reports": ["pages", "searches"], "period": {"from": "2026-07-01", "to": "2026-08-01"}}`."""

    title: ClassVar[str] = "a question on the site"
    kind: Literal["site"] = "site"
    reports: list[Any] = Field(default_factory=lambda: list(NAMES))
    views: Any = Field(default_factory=lambda: {"event": "Page Viewed"})
    searches: Any = Field(default_factory=lambda: {"event": "Products Searched"})
    automatic: list[str] = Field(default_factory=lambda: list(AUTOMATIC))
    sessions: SessionOptions | None = None
    top: int = Field(default=50, ge=1, le=MOST_ROWS)
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: SiteQuestion, context: Context) -> Result:
    """A row per report and key, the most frequent first, the rest as `(other)`, and those without one."""
    planned = plan(question, context)
    site = Site(planned, context)
    rows: list[Row] = []
    warnings = list(planned.warnings)
    for report in planned.reports:
        keys, found = site.counts(report)
        for place, key in enumerate(keys.keys):
            if found.counts[place, 0]:
                rows.append({"report": report.name, "key": key, **_row(found, place)})
        if report.by == "nothing" and not site.searched.known[1] and len(site.searched.known[0]):
            warnings.append(
                "No search says how many results it had: send it as a property, such as results: 0."
            )
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, _totals(site), [], warnings)


def _row(found: Counts, place: int) -> Row:
    counts = dict(zip(COUNTS, found.counts[place].tolist(), strict=True))
    timed = int(found.timed[place])
    return {
        "views": counts["views"],
        "visits": counts["visits"],
        "customers": counts["customers"],
        "seconds": int(found.micros[place]) / 1e6 / timed if timed else None,
        "entries": counts["entries"],
        "bounces": counts["bounces"],
        "bounce": counts["bounces"] / counts["entries"] if counts["entries"] else None,
        "exits": counts["exits"],
        "exit": counts["exits"] / counts["views"],
    }


def _totals(site: Site) -> Row:
    parts = [part.visits for part in site.parts]
    views, number = sum(len(part.row) for part in parts), sum(len(part.first) for part in parts)
    bounces = sum(int(part.bounced.sum()) for part in parts)
    length = sum(int(part.length.sum()) for part in parts)
    return {
        "views": views,
        "visits": number,
        "customers": sum(len(np.unique(part.customer)) for part in parts),
        "seconds": length / 1e6 / number if number else None,
        "bounces": bounces,
        "bounce": bounces / number if number else None,
        "pages_per_visit": views / number if number else None,
        "searches": sum(len(_searches(site, part).row) for part in site.parts),
        "searched": sum(int(np.count_nonzero(_with_search(site, part))) for part in site.parts),
        "unidentified": site.nobody(),
    }


def _searches(site: Site, part: Part) -> Hits:
    return site.hits(REPORTS[NAMES.index("searches")], part)


def _with_search(site: Site, part: Part) -> np.ndarray:
    """bool per visit: whether something was searched for in it."""
    return np.isin(part.visits.session, _searches(site, part).visit)


# -- people -------------------------------------------------------------------------------------


def people(question: SiteQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is behind a count of a row (`{"report": "pages", "key": "/"}`), or of the totals (`{}`).

    One entry per view, visit or customer, at the view (or search) that counts: of visits and customers the first one.
    """
    numbers = ("seconds", "bounce", "exit", "pages_per_visit", "unidentified")
    entries.check_row(row, ("report", "key"), (*COUNTS, *TOTALS, *numbers))
    whole = row.get("report") is None
    entries.check_field(field, TOTALS if whole else COUNTS, ("report", "key", *numbers))
    planned = plan(question, context)
    if not whole:
        entries.one_of(row, "report", [report.name for report in planned.reports])
        if "key" not in row:
            raise QuestionError("The row lacks its 'key'.", code="row", hint="A row has a report and a key.")
    only = [report for report in planned.reports if report.name == row.get("report")]
    site = Site(replace(planned, reports=only), context)  # nothing else need be read
    found = _of_all(site, field) if whole else _of_row(site, only[0], row, field)
    return entries.listed([entry for shard, rows in found for entry in _entries(shard, rows)], context)


def _of_row(site: Site, report: Report, row: Mapping[str, Any], field: str) -> list[tuple[Shard, np.ndarray]]:
    hits = [site.hits(report, part) for part in site.parts]
    rows = site.placed(report, hits)
    wanted = len(rows.keys) - 1 if row["key"] is None else entries.one_of(row, "key", rows.keys[:-1])
    return [(each.shard, each.row[each.which(rows.place[each.code], wanted, field)]) for each in hits]


def _of_all(site: Site, field: str) -> list[tuple[Shard, np.ndarray]]:
    if field == "searches":
        return [(part.visits.shard, _searches(site, part).row) for part in site.parts]
    found = []
    for part in site.parts:
        its = part.visits
        at = {
            "views": its.row,
            "visits": its.row[its.first],
            "customers": its.row[its.first][np.unique(its.customer, return_index=True)[1]],
            "bounces": its.row[its.first[its.bounced]],
            "searched": its.row[its.first[_with_search(site, part)]] if field == "searched" else its.row[:0],
        }[field]
        found.append((its.shard, at))
    return found


def _entries(shard: Shard, rows: np.ndarray) -> list[Row]:
    owner = np.searchsorted(np.asarray(shard.offsets), rows, "right") - 1
    return [
        {"customer": int(shard.customers[customer]), "time": int(shard.time[row])}
        for customer, row in zip(owner, rows, strict=True)
    ]


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("No page was viewed in this period: there is nothing to draw.", code="empty")
    return chart.table(found, ["report", "key"], ["views", "visits"])


kinds.add("site", told_apart(QuestionKind(SiteQuestion, answer, people, _chart, customers=True)))
