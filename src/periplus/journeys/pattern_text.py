"""A pattern over steps, as it is written, and as the states by which it is matched.

Words are ids of steps. Spoken here: `.` (any step), `[a b]` and `[^a b]` (one of them, none of them), groups `(…)` and
`(?:…)`, `|`, `* + ? {n} {n,} {n,m}` and, with a `?` after them, their lazy forms, `^` and `$` (the beginning and the
end of the journey), `(?=…)` and `(?!…)` (what follows, without being part of the match). Spaces part words and mean
nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from periplus.errors import QuestionError, nearest

MOST_SIGNS = 2000
MOST_STATES = 300
MOST_DEPTH = 30
STEP, SPLIT, BEGIN, END, AHEAD, NOT_AHEAD, FOUND = range(7)
"""What a state does: take a step; try `first`, else `second`; hold at the beginning or the end; hold where `second`
would match (or would not) from here on; end the match (or what is looked at ahead)."""

_TOKEN = re.compile(
    r'\s+|(?P<word>[\w-]+(?:\.[\w-]+)*|"[^"]*")|(?P<count>\{(\d{1,4})(,(\d{0,4}))?\})|(?P<sign>.)', re.S
)


@dataclass(frozen=True)
class One:
    """One step out of some."""

    steps: frozenset[int]


@dataclass(frozen=True)
class At:
    """A place in the journey: BEGIN or END."""

    what: int


@dataclass(frozen=True)
class Look:
    """What follows must match (AHEAD), or must not (NOT_AHEAD)."""

    what: int
    part: Part


@dataclass(frozen=True)
class Row:
    """One part after the other."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    """The first of the parts with which the rest matches."""

    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Repeat:
    """A part several times; as often as it can be, or lazily as seldom."""

    part: Part
    least: int
    most: int | None
    lazy: bool


Part = One | At | Look | Row | Choice | Repeat


@dataclass
class Program:
    """The states of a pattern. `order` int64[states]: each after those it leads to without taking a step.

    `what`, `first`, `second` int64[states]; `takes` bool[states, steps]: which steps a STEP state takes; it then goes on
    to `first`. `start` is where a match begins.
    """

    steps: int
    start: int = 0
    what: list[int] = field(default_factory=list)
    ways: list[list[int]] = field(default_factory=list)
    taken: dict[int, frozenset[int]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """`order`, `what`, `first`, `second`, `takes` for the compiled loop."""
        takes = np.zeros((len(self.what), max(self.steps, 1)), np.bool_)
        for state, steps in self.taken.items():
            takes[state, list(steps)] = True
        first, second = (np.array([ways[at] for ways in self.ways], np.int64) for at in (0, 1))
        return np.array(self.order, np.int64), np.array(self.what, np.int64), first, second, takes

    def lay(self, part: Part, then: int) -> int:
        """Lays the states of a part that lead on to `then`; the state where it begins."""
        match part:
            case One(steps):
                state = self._new(STEP, then)
                self.taken[state] = steps
                return state
            case At(what):
                return self._new(what, then)
            case Look(what, inner):
                return self._new(what, then, self.lay(inner, self._new(FOUND)))
            case Row(parts):
                for each in reversed(parts):
                    then = self.lay(each, then)
                return then
            case Choice(parts):
                *others, begin = [self.lay(each, then) for each in parts]
                for other in reversed(others):
                    begin = self._new(SPLIT, other, begin)
                return begin
            case Repeat(inner, least, most, lazy):
                return self._lay_repeat(inner, least, most, lazy, then)

    def _lay_repeat(self, inner: Part, least: int, most: int | None, lazy: bool, then: int) -> int:
        if most is None:
            loop = self._new(SPLIT)
            again = self.lay(inner, loop)
            self.ways[loop] = [then, again] if lazy else [again, then]
            state = loop
        else:
            state = then
            for _ in range(most - least):
                more = self.lay(inner, state)
                state = self._new(SPLIT, then, more) if lazy else self._new(SPLIT, more, then)
        for _ in range(least):
            state = self.lay(inner, state)
        return state

    def _new(self, what: int, first: int = 0, second: int = 0) -> int:
        self.what.append(what)
        self.ways.append([first, second])
        return len(self.what) - 1

    def settle(self) -> None:
        """Finds `order`. No state leads to itself without a step: what repeats always takes one."""
        done: set[int] = set()
        for root in range(len(self.what)):
            waiting = [root]
            while waiting:
                state = waiting[-1]
                ahead = [each for each in self._slips(state) if each not in done]
                if ahead and state not in done:
                    waiting += ahead
                    continue
                waiting.pop()
                if state not in done:
                    done.add(state)
                    self.order.append(state)

    def _slips(self, state: int) -> list[int]:
        """The states that a state leads to without taking a step."""
        what = self.what[state]
        if what in (STEP, FOUND):
            return []
        return self.ways[state] if what in (SPLIT, AHEAD, NOT_AHEAD) else self.ways[state][:1]


def program(text: str, ids: Sequence[str]) -> Program:
    """The states of the pattern written as `text` over the steps `ids`; raises QuestionError with the place.

    >>> program("view+ cart", ["view", "cart"]).steps
    2
    """
    if len(text) > MOST_SIGNS:
        raise _wrong(f"is longer than {MOST_SIGNS} characters")
    if not text.strip():
        raise _wrong("is empty", "Write ids of steps, such as 'product .* cart'.")
    part = _Reader(text, ids).whole()
    if _size(part) > MOST_STATES:
        raise _wrong("repeats too much", "Lower the numbers in {…}, or use * and +.")
    found = Program(len(ids))
    found.start = found.lay(part, found._new(FOUND))
    found.settle()
    return found


def _wrong(what: str, hint: str = "See docs/questions/pattern.md for what can be written.") -> QuestionError:
    return QuestionError(f"The pattern {what}.", code="pattern", hint=hint)


class _Reader:
    """A recursive descent over the pattern's tokens; each is (text, place), the last one empty."""

    def __init__(self, text: str, ids: Sequence[str]) -> None:
        self.ids = {id: place for place, id in enumerate(ids)}
        found = [(match, match.start() + 1) for match in _TOKEN.finditer(text) if match[0].strip()]
        self.tokens = [(match[0], place) for match, place in found] + [("", len(text) + 1)]
        self.words = {at for at, (match, _) in enumerate(found) if match["word"] is not None}
        self.counts = {at: match for at, (match, _) in enumerate(found) if match["count"] is not None}
        self.at = 0
        self.depth = 0

    def whole(self) -> Part:
        part = self.choice()
        if self.peek():
            raise self.wrong("closes no group")
        return part

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)][0]

    def wrong(self, what: str, hint: str = "") -> QuestionError:
        """An error that names the token at hand and its place."""
        sign, place = self.tokens[self.at]
        said = f"is wrong at character {place}: {sign!r} {what}" if sign else f"ends early: {what}"
        return _wrong(said, hint) if hint else _wrong(said)

    def choice(self) -> Part:
        parts = [self.row()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.row())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def row(self) -> Part:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated())
        return Row(tuple(parts))

    def repeated(self) -> Part:
        begin, part = self.at, self.atom()
        counts = self.count()
        if counts is None:
            return part
        least, most = counts
        lazy = self.peek() == "?"
        self.at += lazy
        if self.peek() in ("*", "+", "?") or self.at in self.counts:
            raise self.wrong("repeats a repetition", "Put what is repeated into parentheses.")
        if _may_be_nothing(part):
            self.at = begin
            raise self.wrong(
                "would repeat what may be nothing", "Repeat something that takes a step at least."
            )
        return Repeat(part, least, most, lazy)

    def count(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        sign = self.peek()
        if sign in simple:
            self.at += 1
            return simple[sign]
        match = self.counts.get(self.at)
        if match is None:
            return None
        least = int(match[3])
        most = least if match[4] is None else int(match[5]) if match[5] else None
        if most is not None and most < least:
            raise self.wrong("is no count", "The smaller number stands first: {2,5}.")
        self.at += 1
        return least, most

    def atom(self) -> Part:
        sign = self.peek()
        if self.at in self.words:
            return One(frozenset({self.word()}))
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.bracket()
        if sign == ".":
            self.at += 1
            return One(frozenset(self.ids.values()))
        if sign in ("^", "$"):
            self.at += 1
            return At(BEGIN if sign == "^" else END)
        if sign in ("*", "+", "?") or self.at in self.counts:
            raise self.wrong("repeats nothing", "It stands after a step or a group.")
        raise self.wrong("is not spoken here")

    def word(self) -> int:
        said = self.peek().strip('"')
        if said in self.ids:
            self.at += 1
            return self.ids[said]
        close = nearest(said, self.ids)
        apart = "." in said and all(part in self.ids for part in said.split("."))
        hint = (
            "Put spaces around the point that means any step."
            if apart
            else f"Did you mean {close[0]!r}?"
            if close
            else f"Its steps: {', '.join(list(self.ids)[:12])}."
        )
        raise QuestionError(
            f"The pattern is wrong at character {self.tokens[self.at][1]}: {said!r:.80} is no step of the map.",
            code="step",
            hint=hint,
            allowed=[*close, *(id for id in self.ids if id not in close)],
        )

    def group(self) -> Part:
        begin = self.at
        self.at += 1
        look = None
        if self.peek() == "?":
            kind = self.peek(1)
            known = {":": None, "=": AHEAD, "!": NOT_AHEAD}
            if kind not in known:
                self.at = begin
                raise self.wrong(
                    "begins a group that is not spoken here", "Groups are (…), (?:…), (?=…) and (?!…)."
                )
            look = known[kind]
            self.at += 2
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.wrong("lies too deep in groups")
        part = self.choice()
        if self.peek() != ")":
            raise self.wrong("a group is not closed", "Add a ')'.")
        self.depth -= 1
        self.at += 1
        return part if look is None else Look(look, part)

    def bracket(self) -> Part:
        self.at += 1
        negated = self.peek() == "^"
        self.at += negated
        steps = set()
        while self.at in self.words:
            steps.add(self.word())
        if self.peek() != "]":
            raise self.wrong("stands in brackets", "Brackets hold ids of steps alone: [cart checkout].")
        if not steps:
            raise self.wrong("closes empty brackets", "Brackets hold ids of steps: [cart checkout].")
        self.at += 1
        return One(frozenset(self.ids.values()) - steps if negated else frozenset(steps))


def _may_be_nothing(part: Part) -> bool:
    """Whether a part can match without taking a step."""
    match part:
        case One():
            return False
        case At() | Look():
            return True
        case Row(parts):
            return all(_may_be_nothing(each) for each in parts)
        case Choice(parts):
            return any(_may_be_nothing(each) for each in parts)
        case Repeat(inner, least):
            return least == 0 or _may_be_nothing(inner)


def _size(part: Part) -> int:
    """How many states a part has: each repetition is written out."""
    match part:
        case One() | At():
            return 1
        case Look(_, inner):
            return 2 + _size(inner)
        case Row(parts) | Choice(parts):
            return len(parts) + sum(_size(each) for each in parts)
        case Repeat(inner, least, most):
            return (_size(inner) + 1) * max(least + 1 if most is None else most, 1)
