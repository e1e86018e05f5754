"""A question on the site understood: what a view and a search are, and which reports are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError, unknown
from periplus.journeys import customers, notice
from periplus.journeys.moment import Span, resolve
from periplus.journeys.session_rules import Sessions, session_rules
from periplus.journeys.site_reports import NAMES, REPORTS, Report
from periplus.journeys.steps import condition_of
from periplus.question import Context, Row

if TYPE_CHECKING:
    from periplus.journeys.site import SiteQuestion


@dataclass(frozen=True)
class Plan:
    """A question on the site understood."""

    span: Span
    reports: list[Report]
    views: Condition
    searches: Condition
    automatic: np.ndarray
    sessions: Sessions
    among: customers.Among
    top: int
    asked: Row
    warnings: list[str]


def plan(question: SiteQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError."""
    reports = []
    for name in question.reports:
        if name not in NAMES:
            message, hint, allowed = unknown("report", str(name), NAMES)
            raise QuestionError(message, code="reports", hint=hint, allowed=allowed)
        reports.append(REPORTS[NAMES.index(name)])
    views = condition_of(question.views, "views", None)
    searches = condition_of(question.searches, "searches", None)
    span = resolve(question.period, question.now, question.zone, context)
    if span.by != "start":
        raise QuestionError(
            "The period of a site says when visits began.", code="period", hint='Leave out "by".'
        )
    if views.speaks_of_customer() or searches.speaks_of_customer():
        raise QuestionError(
            "Views and searches are told by their events.",
            code="value",
            hint='Say whose they are in "customers".',
        )
    sessions = Sessions(session_rules(question.sessions, span.zone, context), context)
    names = context.snapshot.names
    return Plan(
        span=span,
        reports=list(dict.fromkeys(reports)),
        views=views,
        searches=searches,
        sessions=sessions,
        among=customers.among(question, span, context),
        automatic=np.array([name in question.automatic for name in names] or [False], np.bool_),
        top=question.top,
        asked=question.document() | {"sessions": sessions.rules.document()} | span.document(),
        warnings=notice.never_seen([views], context.snapshot),
    )
