"""What customers themselves said brought them, beside what was tracked: conversions by the answer of a survey.

A conversion belongs to the customer's last answer before the next conversion: so one given after the order ("how did
you hear of us?" on the thank-you page) speaks of that order, and later orders without an answer go by the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError, unknown
from periplus.journeys import labels, reading
from periplus.journeys.attribution_groups import Placed, placed
from periplus.journeys.attribution_paths import GOAL, Paths
from periplus.journeys.rules import JourneyRules
from periplus.journeys.steps import condition_of
from periplus.store.snapshot import Snapshot

SAID = "said"
"""What rows are called in the place of a model."""
KEYS = ("of", "property")
EXAMPLE = (
    'Such as {"of": {"event": "Survey Answered", "where": {"survey": "heard-of-us"}}, "property": "answer"}.'
)


@dataclass(frozen=True)
class Said:
    """Events that meet `of` say at `path` what brought their customer."""

    of: Condition
    path: str


@dataclass(frozen=True)
class Answered:
    """The answers as rows show them, and by shard the place of each conversion's (`int64[p]`, -1: none, as for paths that
    do not convert)."""

    placed: Placed
    place: list[np.ndarray]


def said_of(document: Any, rules: JourneyRules | None) -> Said | None:
    """`{"of": {…}, "property": "answer"}`; raises QuestionError."""
    if document is None:
        return None
    if not isinstance(document, Mapping):
        raise QuestionError(f"said is {document!r:.60}, which is no object.", code="value", hint=EXAMPLE)
    for key in document:
        if key not in KEYS:
            message, hint, allowed = unknown("key", str(key), KEYS)
            raise QuestionError(f"{message[:-1]} in said.", code="unknown_key", hint=hint, allowed=allowed)
    if "of" not in document or not isinstance(document.get("property"), str):
        lacks = "of" if "of" not in document else "property"
        raise QuestionError(f"said needs its {lacks!r}.", code="missing_key", hint=EXAMPLE)
    return Said(
        condition_of(document["of"], "said.of", rules),
        reading.full_path(document["property"], "said.property"),
    )


def answered(
    said: Said, mask: labels.Masks, goals: labels.Masks, parts: list[Paths], now: int, snapshot: Snapshot
) -> Answered:
    """The answers of all conversions; `mask` has bit 0 at answers, `goals` the bit GOAL at conversions."""
    read = reading.read(snapshot, [said.path], said.of.names())
    codes = [_codes(part, mask.of(part.shard), goals.of(part.shard), read, now) for part in parts]
    width = len(read.known)
    often = np.sum([np.bincount(code[code >= 0], minlength=width) for code in codes], axis=0).astype(np.int64)
    counts = np.append(np.where(often > 0, often, -1), -1)
    shown = placed(read.known, counts, (), width)
    return Answered(shown, [np.where(code >= 0, np.append(shown.place, -1)[code], -1) for code in codes])


def _codes(part: Paths, mask: np.ndarray, goal: np.ndarray, read: reading.Values, now: int) -> np.ndarray:
    """int64[p]: the code of the answer of each path of a shard."""
    shard, seen = part.shard, np.asarray(part.shard.time) <= now
    offsets = np.asarray(shard.offsets)
    rows = np.flatnonzero(seen & (mask & np.uint32(1) != 0))
    code = read.at(shard.index, rows)
    rows, code = rows[code >= 0], code[code >= 0]
    goals = np.append(np.flatnonzero(seen & (goal & GOAL != 0)), len(seen))
    following = goals[np.searchsorted(goals[:-1], part.goal, "right")]
    until = np.minimum(following, offsets[part.customer + 1])
    last = np.searchsorted(rows, until, "left") - 1
    there = (last >= 0) & part.converted
    there[there] = rows[last[there]] >= offsets[part.customer[there]]
    found = np.full(len(part.goal), -1, np.int64)
    found[there] = code[last[there]]
    return found
