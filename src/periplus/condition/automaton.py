"""A pattern that was understood: its spelling for RE2, and the automaton that searches in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Chars:
    ranges: Ranges


@dataclass(frozen=True)
class Place:
    """A condition on the place between two characters: `^`, `$`, `b` or `B`."""

    sign: str


@dataclass(frozen=True)
class Sequence:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Repeat:
    part: Part
    least: int
    most: int | None


Part = Chars | Place | Sequence | Choice | Repeat


@dataclass
class Pattern:
    """A pattern that was understood. State 0 of the automaton is the beginning, state 1 the end."""

    part: Part
    re2: str = ""
    _moves: list[list[tuple[Ranges, int]]] = field(default_factory=lambda: [[], []])
    _slips: list[list[tuple[str, int]]] = field(default_factory=lambda: [[], []])
    _reached: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)
    _stepped: dict[tuple[frozenset[int], str], frozenset[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lay(self.part, 0, 1)
        self.re2 = _re2(self.part)
        # RE2 looks between bytes: inside a character of several it finds a place, which has no word on either side. What
        # is content with such a place is written so that it asks for one between characters, and else for none.
        if "\\B" in self.re2 and 1 in self._reach(frozenset({0}), " ", " "):
            self.re2 = f"(?:{_INSIDE}|{self.re2.replace(_PLACES['B'], _NEVER)})"

    def search(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text."""
        now: frozenset[int] = frozenset({0})
        before = ""
        for sign in [*text, ""]:
            now = self._reach(now, before, sign)
            if 1 in now:
                return True
            if sign:
                now = self._step(now, sign)
                before = sign
        return False

    def _new(self) -> int:
        self._moves.append([])
        self._slips.append([])
        return len(self._moves) - 1

    def _lay(self, part: Part, start: int, end: int) -> None:
        """Lays the states of a part between two states."""
        match part:
            case Chars(ranges):
                self._moves[start].append((ranges, end))
            case Place(sign):
                self._slips[start].append((sign, end))
            case Sequence(parts):
                for each in parts:
                    after = self._new()
                    self._lay(each, start, after)
                    start = after
                self._slips[start].append(("", end))
            case Choice(parts):
                for each in parts:
                    first = self._new()
                    self._slips[start].append(("", first))
                    self._lay(each, first, end)
            case Repeat(inner, least, most):
                for _ in range(least):
                    after = self._new()
                    self._lay(inner, start, after)
                    start = after
                if most is None:
                    loop = self._new()
                    self._slips[start].append(("", loop))
                    self._lay(inner, loop, loop)
                    start = loop
                for _ in range(0 if most is None else most - least):
                    self._slips[start].append(("", end))
                    after = self._new()
                    self._lay(inner, start, after)
                    start = after
                self._slips[start].append(("", end))

    def _reach(self, states: frozenset[int], before: str, after: str) -> frozenset[int]:
        """The states that need no character more, at a place between two characters ("" is an end)."""
        signs = "^" * (not before) + "$" * (not after) + "Bb"[_is_word(before) != _is_word(after)]
        known = self._reached.get((states, signs))
        if known is None:
            found, waiting = set(states), list(states)
            while waiting:
                for sign, target in self._slips[waiting.pop()]:
                    if (not sign or sign in signs) and target not in found:
                        found.add(target)
                        waiting.append(target)
            known = _remember(self._reached, (states, signs), frozenset(found))
        return known

    def _step(self, states: frozenset[int], sign: str) -> frozenset[int]:
        known = self._stepped.get((states, sign))
        if known is None:
            code = ord(sign)
            found = {0}  # a search may begin anywhere
            for state in states:
                for ranges, target in self._moves[state]:
                    if any(low <= code <= high for low, high in ranges):
                        found.add(target)
            known = _remember(self._stepped, (states, sign), frozenset(found))
        return known


_PLACES = {"^": "\\A", "$": "\\z", "b": "\\b", "B": "\\B"}
_INSIDE = r"\A\z|\A[^0-9A-Z_a-z]|[^0-9A-Z_a-z]\z|[0-9A-Z_a-z]{2}|[^0-9A-Z_a-z]{2}"
"""RE2 of a text that has a place between characters (or ends) with a word on both sides or on none."""
_FOLDED = tuple(((ord(letter), ord(letter)), (ord(letter) + 32, ord(letter) + 32)) for letter in "KS")
_NEVER = r"(?:\b\B)"


def _is_word(sign: str) -> bool:
    return sign != "" and sign.isascii() and (sign.isalnum() or sign == "_")


def _remember(
    memory: dict[tuple[frozenset[int], str], frozenset[int]],
    key: tuple[frozenset[int], str],
    value: frozenset[int],
) -> frozenset[int]:
    if len(memory) >= 5000:
        memory.clear()
    memory[key] = value
    return value


def _re2(part: Part) -> str:
    match part:
        case Chars(ranges):
            listed = "[" + "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges) + "]"
            # RE2 takes a letter in both cases for a folded letter, and beside others in a choice that has more forms:
            # K is the Kelvin sign's too. What is repeated once is left as it stands.
            return listed + "{1}" * (ranges in _FOLDED)
        case Place(sign):
            return _PLACES[sign]
        case Sequence(parts):
            return "".join(_re2(each) for each in parts)
        case Choice(parts):
            return "(?:" + "|".join(_re2(each) for each in parts) + ")"
        case Repeat(inner, least, most):
            return f"(?:{_re2(inner)}){{{least},{'' if most is None else most}}}"
