"""Quantiles by group against NumPy's, of few durations and of so many that they are not all sorted."""

from __future__ import annotations

import numpy as np
import pytest

from periplus.journeys import tables


@pytest.mark.parametrize("q", [0, 0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize(("groups", "durations"), [(4, 0), (1, 1), (7, 30), (900, 2_000), (60, 300_000)])
def test_quantiles_are_exact(groups: int, durations: int, q: float) -> None:
    random = np.random.default_rng(groups + durations)
    group = random.integers(0, groups, durations)
    group[group == 3] = 0  # nothing in one of them
    # From seconds to years, some of them equal, and in one group all.
    seconds = np.where(group == 2, 77, (10 ** random.uniform(0, 9, durations)).astype(np.int64))
    keys = tables.keys(group, seconds * 1_000_000 + random.integers(0, 1_000_000, durations))
    found = tables.quantiles(np.array_split(keys, 5), groups, q)
    for number in range(groups):
        own = seconds[group == number]
        if len(own):
            assert found[number] == pytest.approx(float(np.quantile(own, q)), rel=1e-12)
        else:
            assert found[number] is None


@pytest.mark.parametrize("q", [0, 0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize(("groups", "durations"), [(3, 0), (5, 40), (60, 300_000)])
def test_durations_of_no_length_may_be_told_by_their_number(groups: int, durations: int, q: float) -> None:
    random = np.random.default_rng(groups + durations)
    group = random.integers(0, groups, durations)
    group[group == 1] = 0
    seconds = (10 ** random.uniform(0, 6, durations)).astype(np.int64)
    zeros = random.integers(0, 2 * durations // groups + 3, groups)
    zeros[0] = 0  # one group has keys alone, the next one zeros alone
    found = tables.quantiles(np.array_split(tables.keys(group, seconds * 1_000_000), 3), groups, q, zeros)
    for number in range(groups):
        own = np.concatenate([seconds[group == number], np.zeros(zeros[number], np.int64)])
        assert found[number] == (pytest.approx(float(np.quantile(own, q)), rel=1e-12) if len(own) else None)
