"""Which customers a question is about: the key `customers`, which every kind that registers so understands.

A condition on customers is read as of the start of what is counted (a journey, an attempt), unless it says
otherwise: so who became a VIP by the journey is none at its start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from periplus.condition import Condition
from periplus.journeys import customer_condition
from periplus.journeys.customer_condition import When
from periplus.journeys.moment import Span
from periplus.question import Context, Question
from periplus.store.snapshot import Shard

Among = Callable[[Shard], np.ndarray | None]
"""bool per row of a shard: whether the customer counts when something starts there; None: everybody does."""


def among(question: Question, span: Span, context: Context) -> Among:
    """Where what a question counts may start, as far as its `customers` say."""
    if question.customers is None:
        return lambda shard: None
    condition = Condition.parse(question.customers, where="customers")
    condition.check_of_customers("customers")
    return customer_condition.by_row(context.snapshot, condition, when(span, context))


def by_now(question: Question, span: Span, context: Context) -> Among:
    """bool per row of a shard: whether the customer is now one of those that a question is about."""
    if question.customers is None:
        return lambda shard: None
    condition = Condition.parse(question.customers, where="customers")
    found = customer_condition.by_customer(context.snapshot, condition, when(span, context))
    return lambda shard: np.repeat(found(shard), np.diff(np.asarray(shard.offsets)))


def when(span: Span, context: Context) -> When:
    """How parts about the customer are read where each row may be the start of what is counted."""
    return When.of(span, context)


def of_map(span: Span, context: Context) -> When:
    """How they are read in the rules of a map's steps: as of the event, as journeys are made of such events."""
    return replace(when(span, context), start=False)
