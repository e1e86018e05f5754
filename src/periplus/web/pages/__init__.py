"""The pages of the application, one file each; every file's `add(router, site)` adds its addresses."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter

from periplus.web.pages import (
    batches,
    customer,
    erasures,
    explore,
    identity,
    imports,
    kept_questions,
    map,
    notes,
    panel,
    people,
    retention,
    session,
    sources,
    tracking_plan,
    traffic_rules,
    vocabulary,
    watches,
)
from periplus.web.site import Site

PAGES: list[Callable[[APIRouter, Site], None]] = [
    session.add,
    panel.add,
    map.add,
    explore.add,
    kept_questions.add,
    people.add,
    identity.add,
    erasures.add,
    customer.add,
    notes.add,
    imports.add,
    batches.add,
    watches.add,
    vocabulary.add,
    tracking_plan.add,
    traffic_rules.add,
    retention.add,
    sources.add,
]
