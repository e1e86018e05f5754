"""The visits, views and searches of a question on the site, read from all shards, and put into the rows of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.journeys import notice, site_values
from periplus.journeys.amounts import Amounts, amounts
from periplus.journeys.shards import each_shard
from periplus.journeys.site_plan import Plan
from periplus.journeys.site_reports import Counts, Hits, Placed, Report, count, placed, summed
from periplus.journeys.site_values import Way, Ways
from periplus.journeys.site_visits import Visits, visits
from periplus.question import Context
from periplus.store.snapshot import Expression, Shard

VISIBLE = {"event": "Page Left"}, "properties.visible_seconds"
"""How long a page was in view, where the tracker says so."""


@dataclass(frozen=True)
class Part:
    """The visits of one shard and its searches: rows of the shard, their sessions, whether nothing was done after."""

    visits: Visits
    searched: np.ndarray
    session: np.ndarray
    final: np.ndarray


class Site:
    """The visits and searches of all shards, and what is read of them."""

    def __init__(self, planned: Plan, context: Context) -> None:
        self.planned, self.context = planned, context
        snapshot = context.snapshot
        wanted = {report.value for report in planned.reports}
        self.values = [name for name in _OF_VIEWS if name in wanted]
        self.viewed = site_values.coded(snapshot, planned.views, [_OF_VIEWS[name] for name in self.values])
        of_searches = any(report.by in ("search", "nothing") for report in planned.reports)
        self.searched = site_values.coded(
            snapshot,
            planned.searches,
            [site_values.SEARCHED, site_values.found_nothing] if of_searches else [],
        )
        self.visible: Amounts | None = None
        condition, path = VISIBLE
        if condition["event"] in snapshot.names and notice.known(path, snapshot.properties):
            self.visible = amounts(snapshot, Condition.parse(condition), path)
        self.parts = each_shard(context, self._part)

    def _part(self, shard: Shard) -> Part:
        span, time = self.planned.span, np.asarray(shard.time)
        session, among = self.planned.sessions.of(shard), self.planned.among(shard)
        found = visits(
            shard, session, self.viewed.rows[shard.index], self.planned.automatic, self.visible, among,
            since=span.since, until=span.until, now=span.now,
        )  # fmt: skip
        searched = self.searched.rows[shard.index]
        last = np.full(int(session[-1]) + 1 if len(session) else 0, -1, np.int64)
        done = np.flatnonzero((time <= span.now) & ~self.planned.automatic[np.asarray(shard.name)])
        last[session[done]] = done
        own = session[searched].astype(np.int64)
        return Part(found, searched, own, last[own] == searched)

    def known(self, report: Report) -> list[str]:
        """The texts of the values of a report."""
        if report.by in ("search", "nothing"):
            return self.searched.known[0]
        return self.viewed.known[self.values.index(report.value)]

    def hits(self, report: Report, part: Part) -> Hits:
        """What a report counts in one shard."""
        shard = part.visits.shard
        if report.by in ("search", "nothing"):
            return self._searches(report, part)
        found = part.visits
        code = self.viewed.codes[self.values.index(report.value)][shard.index][found.kept]
        entry, exit, bounced = (np.zeros(len(code), np.bool_) for _ in range(3))
        entry[found.first] = True
        exit[found.last] = True
        bounced[found.first[found.bounced]] = True
        micros = found.micros
        if report.by != "view":
            of_visit = code[found.first if report.by == "first" else found.last]
            if report.by == "known":
                of_visit = np.full(len(found.first), -1, np.int64)
                there = np.flatnonzero(code >= 0)
                # The first of each visit: visits come in order.
                there = there[np.flatnonzero(np.diff(found.visit[there], prepend=-1))]
                of_visit[found.visit[there]] = code[there]
            code = of_visit[found.visit]
            micros = np.full(len(code), -1, np.int64)
            micros[found.first] = found.length
        customer = found.customer[found.visit]
        return Hits(shard, found.row, found.visit, customer, code, micros, entry, bounced, exit)

    def _searches(self, report: Report, part: Part) -> Hits:
        shard, span = part.visits.shard, self.planned.span
        # What was searched for is read where a report says it.
        read = self.searched.codes
        query = read[0][shard.index] if read else np.full(len(part.searched), -1, np.int64)
        time = np.asarray(shard.time)[part.searched]
        kept = (time >= span.since) & (time < span.until) & (time <= span.now)
        if (among := self.planned.among(shard)) is not None:
            kept &= among[part.searched]
        if report.by == "nothing":
            texts = self.searched.known[1]
            kept &= read[1][shard.index] == (texts.index("1") if "1" in texts else len(texts))
        row = part.searched[kept]
        none = np.zeros(len(row), np.bool_)
        customer = np.searchsorted(np.asarray(shard.offsets), row, "right") - 1
        unknown_time = np.full(len(row), -1, np.int64)
        return Hits(
            shard, row, part.session[kept], customer, query[kept], unknown_time, none, none, part.final[kept]
        )

    def placed(self, report: Report, hits: list[Hits]) -> Placed:
        """The rows of a report: of pages and searches by their views, of others by their visits."""
        known = self.known(report)
        often = np.zeros(len(known) + 1, np.int64)
        for each in hits:
            code = each.code if report.by in ("view", "search", "nothing") else each.code[each.entry]
            often += np.bincount(code + 1, minlength=len(known) + 1)
        return placed(known, often[1:], self.planned.top)

    def counts(self, report: Report) -> tuple[Placed, Counts]:
        """The rows of a report with their counts."""
        hits = [self.hits(report, part) for part in self.parts]
        rows = self.placed(report, hits)
        return rows, summed([count(each, rows.place[each.code], len(rows.keys)) for each in hits])

    def nobody(self) -> int:
        """Views of the period that belong to nobody."""

        def where(columns: Any) -> tuple[str, list[Any]]:
            sql, bound = self.planned.views.sql(columns)
            return sql, list(bound)

        time, _ = self.context.snapshot.fetch_unidentified(where, [])
        span = self.planned.span
        return int(np.count_nonzero((time >= span.since) & (time < span.until) & (time <= span.now)))


_OF_VIEWS: dict[str, Ways | Expression] = {
    "page": site_values.PAGE,
    "channel": [Way("channel")],
    "source": site_values.source,
    "campaign": site_values.CAMPAIGNS,
    "device": [Way("context.device.type")],
    "country": [Way("context.location.country")],
}
