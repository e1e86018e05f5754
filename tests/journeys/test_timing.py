"""Timing against the attempts that the funnel's oracle enumerates; quantiles by the textbook."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from periplus.errors import QuestionError
from tests.journeys import attempts_oracle
from tests.journeys.logs import answer, check_people, examples, logs, moment, nows, periods, written
from tests.journeys.test_funnel import funnels, windows


@examples()
@given(
    funnels(least=2),
    logs(),
    nows,
    periods(by=("start",)),
    st.lists(st.sampled_from([0, 0.25, 0.5, 0.9, 1]), min_size=1, unique=True),
)
def test_as_the_oracle_times(question, events, now, period, quantiles):
    attempts = attempts_oracle.funnel_attempts(
        events,
        question,
        within=clock.duration(question.get("within", "30d")),
        windows=windows(question),
        now=now,
        period=period,
    )
    ways: dict[tuple[int, int], list[int]] = defaultdict(list)
    for mine, attempt, _ in attempts:
        for (a, first), (b, second) in pairwise(attempt):
            ways[a, b].append((mine[second]["time"] - mine[first]["time"]) // 1_000_000)
    asked: dict[str, Any] = {
        **question,
        "kind": "timing",
        "quantiles": quantiles,
        "now": moment(now),
        "period": written(period),
    }
    found = answer(asked, events)
    got = {(row["source"], row["target"], row["quantile"]): row for row in found.rows}
    assert {(a, b) for a, b, _ in got} == set(ways) | {(n, n + 1) for n in range(len(question["steps"]) - 1)}
    for (a, b, q), row in got.items():
        seconds = ways.get((a, b), [])
        assert row["attempts"] == len(seconds)
        assert row["seconds"] == (pytest.approx(np.quantile(seconds, q)) if seconds else None)
        check_people(found, row, ("attempts",))
        assert sorted(entry["seconds"] for entry in found.people(row, "attempts")) == sorted(seconds)


def test_what_makes_no_sense_is_said():
    with pytest.raises(QuestionError, match="two steps"):
        answer({"kind": "timing", "steps": [{"event": "A"}]}, [])
    with pytest.raises(QuestionError, match="quantiles"):
        answer({"kind": "timing", "steps": [{"event": "A"}, {"event": "B"}], "quantiles": [50]}, [])
