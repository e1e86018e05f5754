"""Sentences on a question of whatever kind that can be answered and is hardly meant: a time in which nothing can be,
customers who are described by what nobody has ever done."""

from __future__ import annotations

from periplus import clock
from periplus.condition import Condition
from periplus.journeys import notice
from periplus.journeys.moment import first_seen
from periplus.question import Context, Question, Result, doubts


@doubts.register("times")
def of_times(question: Question, found: Result, context: Context) -> list[str]:
    """A period after now, or one that is over before anything happened; a now before everything."""
    period, utc = found.question.get("period") or {}, clock.zone("UTC")
    since, until = (
        None if period.get(end) is None else clock.instant(period[end], utc) for end in ("from", "to")
    )
    if since is not None and since > found.now:
        return [
            f"The period begins after now ({clock.iso(found.now)}): nothing can be in it. Ask for an earlier one."
        ]
    last = context.snapshot.last_time
    if last is None or (until is None and found.now_from != "question"):
        return []
    first = first_seen(context, last)
    if found.now < first:
        return [
            f"Nothing had happened by now ({clock.iso(found.now)}): the first event is of {clock.iso(first)}."
        ]
    if until is not None and until <= first:
        return [
            f"The period is over before the first event, which is of {clock.iso(first)}. Ask for a later one."
        ]
    return []


@doubts.register("customers")
def of_customers(question: Question, found: Result, context: Context) -> list[str]:
    """What `customers` names and no event has."""
    if question.customers is None:
        return []
    return notice.never_seen([Condition.parse(question.customers, where="customers")], context.snapshot)
