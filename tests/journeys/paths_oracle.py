"""Attribution as obviously as possible: paths as lists, chances as fractions, every set of channels looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import combinations
from math import factorial
from typing import Any

from tests.journeys import oracle

NONE, OTHER = "(none)", "(other)"


def worth(event: dict[str, Any], name: str | None) -> Fraction:
    value = event["properties"].get(name)
    return Fraction(0) if value is None else Fraction(str(value))


def all_paths(
    events: list[dict[str, Any]], question: dict[str, Any], lookback: int, now: int, period: dict[str, Any]
) -> list[dict[str, Any]]:
    """Each with `customer`, `touches` (events), `goal` (an event, or None)."""
    found = []
    for customer, mine in oracle.by_customer(events, now).items():
        gathered: list[dict[str, Any]] = []
        for event in mine:
            if oracle.meets(event, question["goal"]):
                touches = [touch for touch in gathered if event["time"] - touch["time"] <= lookback]
                if oracle.inside(event["time"], period):
                    found.append({"customer": customer, "touches": touches, "goal": event})
                gathered = []
            elif oracle.meets(event, question["touches"]):
                gathered.append(event)
        if gathered and oracle.inside(gathered[-1]["time"], period):
            found.append({"customer": customer, "touches": gathered, "goal": None})
    return found


def shares(model: str, path: dict[str, Any], by: str, half_life: int, weights: list[float]) -> list[float]:
    """The share of each touch of one path."""
    touches = path["touches"]
    n = len(touches)
    if model == "first":
        return [1.0] + [0.0] * (n - 1)
    if model == "last":
        return [0.0] * (n - 1) + [1.0]
    if model == "last_non_direct":
        named = [index for index, touch in enumerate(touches) if touch["properties"].get(by) != "direct"]
        chosen = named[-1] if named else n - 1
        return [float(index == chosen) for index in range(n)]
    if model == "linear":
        return [1 / n] * n
    if model == "position":
        if n <= 2:
            return [1 / n] * n
        return [weights[0], *[weights[1] / (n - 2)] * (n - 2), weights[2]]
    decayed = [2.0 ** -((path["goal"]["time"] - touch["time"]) / half_life) for touch in touches]
    return [each / sum(decayed) for each in decayed]


def markov(found: list[dict[str, Any]], by: str, order: int) -> dict[Any, Fraction]:
    """Removal effects as shares of their sum."""
    counts: dict[tuple[Any, ...], Counter[Any]] = defaultdict(Counter)
    channels = set()
    for path in found:
        walk = [touch["properties"].get(by) for touch in path["touches"]]
        if not walk:
            continue
        channels |= set(walk)
        for place in range(len(walk) + 1):
            state = tuple(walk[max(0, place - order) : place])
            target = tuple(walk[max(0, place + 1 - order) : place + 1]) if place < len(walk) else None
            counts[state][target if target is not None else path["goal"] is not None] += 1
    whole = chance(counts, None)
    if not whole:
        return dict.fromkeys(channels, Fraction(0))
    effects = {channel: 1 - chance(counts, (channel,)) / whole for channel in channels}
    return {channel: effect / sum(effects.values()) for channel, effect in effects.items()}


def chance(counts: dict[tuple[Any, ...], Counter[Any]], removed: tuple[Any] | None) -> Fraction:
    """Of converting from the start, by elimination; steps onto what is removed lead nowhere."""
    states = [state for state in counts if removed is None or removed[0] not in state]
    matrix = []
    for state in states:
        total = sum(counts[state].values())
        row = [Fraction(int(other == state)) - Fraction(counts[state][other], total) for other in states]
        matrix.append([*row, Fraction(counts[state][True], total)])
    for place in range(len(states)):
        pivot = next(row for row in range(place, len(states)) if matrix[row][place])
        matrix[place], matrix[pivot] = matrix[pivot], matrix[place]
        matrix[place] = [each / matrix[place][place] for each in matrix[place]]
        for row in range(len(states)):
            if row != place and matrix[row][place]:
                factor = matrix[row][place]
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[place], strict=True)]
    return matrix[states.index(())][-1] if () in states else Fraction(0)


def shapley(paths: list[tuple[frozenset[Any], Fraction]]) -> dict[Any, Fraction]:
    """By the sum over all sets; the worth of a set is that of the paths whose channels all lie in it."""
    players = sorted(frozenset().union(*(channels for channels, _ in paths)), key=repr)
    n = len(players)

    def value(coalition: frozenset[Any]) -> Fraction:
        return sum((number for channels, number in paths if channels <= coalition), Fraction(0))

    found = dict.fromkeys(players, Fraction(0))
    for player in players:
        others = [each for each in players if each != player]
        for size in range(n):
            weight = Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
            for chosen in combinations(others, size):
                found[player] += weight * (value(frozenset(chosen) | {player}) - value(frozenset(chosen)))
    return found


def lumped(found: list[dict[str, Any]], by: str, groups: int) -> dict[Any, Any]:
    """The group as which each channel plays."""
    often = Counter(touch["properties"].get(by) for path in found for touch in path["touches"])
    ranked = sorted(often, key=lambda each: (-often[each], each is None, each or ""))
    return {channel: channel if place < groups else OTHER for place, channel in enumerate(ranked)}


def attribution(
    events: list[dict[str, Any]],
    question: dict[str, Any],
    *,
    lookback: int,
    half_life: int,
    now: int,
    period: dict[str, Any],
) -> dict[tuple[str, Any], tuple[float, float]]:
    """(model, channel) → conversions, value; only channels that get something."""
    by, name = question["by"], question.get("value")
    found = all_paths(events, question, lookback, now, period)
    ended = [path for path in found if path["goal"] is not None]
    touched = [path for path in ended if path["touches"]]
    rows: dict[tuple[str, Any], list[float]] = defaultdict(lambda: [0.0, 0.0])

    def give(model: str, channel: Any, number: float, value: float) -> None:
        rows[model, channel][0] += number
        rows[model, channel][1] += value

    for model in question["models"]:
        for path in ended:
            if not path["touches"]:
                give(model, NONE, 1, float(worth(path["goal"], name)))
        if model == "markov":
            whole = float(sum(worth(path["goal"], name) for path in touched))
            for channel, share in markov(found, by, question["markov_order"]).items():
                give(model, channel, float(share) * len(touched), float(share) * whole)
        elif model == "shapley":
            if touched:
                group = lumped(found, by, question["groups"])
                games = [
                    (frozenset(group[touch["properties"].get(by)] for touch in path["touches"]), path["goal"])
                    for path in touched
                ]
                numbers = shapley([(channels, Fraction(1)) for channels, _ in games])
                values = shapley([(channels, worth(goal, name)) for channels, goal in games])
                for channel, number in numbers.items():
                    give(model, channel, float(number), float(values[channel]))
        else:
            for path in touched:
                parts = shares(model, path, by, half_life, question["weights"])
                for touch, part in zip(path["touches"], parts, strict=True):
                    give(model, touch["properties"].get(by), part, part * float(worth(path["goal"], name)))
    return {key: (row[0], row[1]) for key, row in rows.items() if row[0] > 1e-12 or key[1] == NONE}


def won(
    events: list[dict[str, Any]], question: dict[str, Any], now: int, period: dict[str, Any]
) -> dict[Any, tuple[int, int, float]]:
    """First channel → customers won, those that came again, the worth of all their conversions."""
    rows: dict[Any, tuple[int, int, float]] = {}
    for mine in oracle.by_customer(events, now).values():
        goals = [place for place, event in enumerate(mine) if oracle.meets(event, question["goal"])]
        if not goals or not oracle.inside(mine[goals[0]]["time"], period):
            continue
        before = [event for event in mine[: goals[0]] if oracle.meets(event, question["touches"])]
        channel = before[0]["properties"].get(question["by"]) if before else NONE
        count, again, value = rows.get(channel, (0, 0, 0.0))
        value += float(sum(worth(mine[place], question.get("value")) for place in goals))
        rows[channel] = (count + 1, again + (len(goals) > 1), value)
    return rows
