"""The counts of attribution: paths of all shards, what the models give each group, and what was spent on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from periplus.journeys.amounts import entered
from periplus.journeys.attribution_groups import Placed, placed
from periplus.journeys.attribution_markov import Steps, removal_effects, steps
from periplus.journeys.attribution_models import MODELS, Setting, credit
from periplus.journeys.attribution_paths import Paths, paths
from periplus.journeys.attribution_plan import MARKOV, Plan
from periplus.journeys.attribution_won import Won, won
from periplus.journeys.shards import each_shard
from periplus.question import Context
from periplus.store.snapshot import Shard

SHAPLEY = "shapley"


@dataclass(frozen=True)
class Part:
    """One shard: its paths, the code of each touch int64[t], the worth of each path float64[p], and who was won,
    with the code of their first touch (-1: none)."""

    paths: Paths
    code: np.ndarray
    worth: np.ndarray
    won: Won
    won_by: np.ndarray


@dataclass(frozen=True)
class Found:
    """All shards, and the groups as rows show them.

    `spent` float64[groups] is what `entries` events of the period say was spent; None where it was not asked for.
    """

    parts: list[Part]
    placed: Placed
    setting: Setting
    spent: np.ndarray | None
    entries: int

    def place(self, part: Part, model: str) -> np.ndarray:
        """int64[t]: the row of each touch; Shapley's model has fewer."""
        place = self.placed.place[part.code]
        return np.asarray(self.setting.player[place] if model == SHAPLEY else place)

    def share(self, part: Part, model: str) -> np.ndarray:
        """float64[t]: what a model that looks at one path at a time gives each touch."""
        return MODELS[model](part.paths, self.placed.place[part.code], self.setting)

    def won_by(self, part: Part) -> np.ndarray:
        """int64 per customer won: the place of the first touch, len(placed) for none."""
        return np.asarray(np.append(self.placed.place, len(self.placed))[part.won_by])


def find(planned: Plan, context: Context) -> Found:
    """Walk all shards, and find what there is to credit."""
    span, groups = planned.span, planned.groups

    def work(shard: Shard) -> Part:
        mask = planned.mask.of(shard)
        among = planned.among(shard)
        found = paths(shard, mask, planned.lookback, span.since, span.until, span.now)
        if among is not None:
            found = found.only(among[found.start])
        worth = np.zeros(len(found.goal))
        if planned.value is not None:
            worth[found.converted] = planned.value.at(shard.index, found.goal[found.converted])
        buyers = won(shard, mask, planned.value, span.since, span.until, span.now, among)
        by = np.full(len(buyers.touch), len(groups.known) + 1)
        by[buyers.touch >= 0] = groups.of(shard, buyers.touch[buyers.touch >= 0])
        return Part(found, groups.of(shard, found.touch), worth, buyers, by)

    parts = each_shard(context, work)
    width = len(groups.known) + 1
    counts = np.sum([np.bincount(part.code, minlength=width) for part in parts], axis=0)
    first = np.sum([np.bincount(part.won_by, minlength=width + 1)[:width] for part in parts], axis=0)
    counts = np.where((counts > 0) | (first > 0), counts, -1)
    forms, numbers = _spending(planned, context)
    rows = placed(groups.known, counts, forms, planned.players)
    setting = Setting(rows.direct, planned.weights, planned.half_life, rows.player)
    spent = _spent(rows, forms, numbers) if planned.spend else None
    return Found(parts, rows, setting, spent, len(forms))


def conversions(found: Found, model: str, planned: Plan) -> tuple[np.ndarray, np.ndarray]:
    """float64[groups] each: the conversions and the value that a model gives."""
    if model == MARKOV:
        share = markov(found, planned)
        touched = [part.paths.converted & (part.paths.length > 0) for part in found.parts]
        whole = sum(int(np.count_nonzero(each)) for each in touched)
        value = math.fsum(
            number
            for part, kept in zip(found.parts, touched, strict=True)
            for number in part.worth[kept].tolist()
        )
        return share * whole, share * value
    sums = [
        credit(part.paths, found.place(part, model), found.share(part, model), part.worth, len(found.placed))
        for part in found.parts
    ]
    exact = [[math.fsum(column) for column in _by_column(sums, group)] for group in range(len(found.placed))]
    both = np.array(exact)
    return both[:, 0], both[:, 1]


def _by_column(sums: list[np.ndarray], group: int) -> list[list[float]]:
    return [[float(x) for part in sums for x in part[group, at : at + 2]] for at in (0, 2)]


def markov(found: Found, planned: Plan) -> np.ndarray:
    """float64[groups]: the removal effects, as shares of their sum."""
    groups, order = len(found.placed), planned.order
    walked: list[Steps] = [
        steps(part.paths, found.place(part, MARKOV), groups, order) for part in found.parts
    ]
    effects = removal_effects(walked, groups, order)
    return np.asarray(effects / (effects.sum() or 1))


def _spending(planned: Plan, context: Context) -> tuple[list[str | None], np.ndarray]:
    """The group and the amount of each spending in the period."""
    if planned.spend is None:
        return [], np.zeros(0)
    spend, span = planned.spend, planned.span
    time, numbers, forms = entered(context.snapshot, spend.of, spend.path, spend.by)
    kept = np.flatnonzero((time >= span.since) & (time < span.until) & (time <= span.now))
    return [forms[index] for index in kept.tolist()], numbers[kept]


def _spent(rows: Placed, forms: list[str | None], numbers: np.ndarray) -> np.ndarray:
    by_place: list[list[float]] = [[] for _ in range(len(rows))]
    for form, number in zip(forms, numbers.tolist(), strict=True):
        by_place[rows.forms[form]].append(number)
    return np.array([math.fsum(each) for each in by_place])
