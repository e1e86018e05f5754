"""Regular expressions that mean the same in DuckDB (RE2) and in memory, in time linear in the text.

A pattern is read into a small tree, and refused where it uses what engines disagree about. From the
tree come both readings: `Pattern.re2`, a spelling that leaves RE2 nothing to interpret, and
`Pattern.search`, a Thompson automaton made deterministic as it goes. So a hostile text cannot make
the reading in memory run for ever, as Python's backtracking `re` would.

Spoken here: characters, `.` (not a newline), `[a-z]`, `[^…]`, `\\d \\w \\s \\D \\W \\S` (ASCII), `^ $ \\A
\\z` (of the whole text), `\\b \\B` (ASCII words), groups (all without memory), `|`, `* + ? {n} {n,} {n,m}`
(lazy or not is all one), `\\n \\t \\r \\f \\v \\xHH \\x{H…}`, and `(?i)` at the very beginning.
"""

from __future__ import annotations

import re
from functools import lru_cache

from periplus.condition.automaton import LAST, Chars, Choice, Part, Pattern, Place, Ranges, Repeat, Sequence

MAX_LENGTH = 500
MAX_STATES = 1000
DIGIT: Ranges = ((48, 57),)
WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11}
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_COUNT = re.compile(r"\{(\d{1,4})(,(\d{0,4}))?\}")


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The pattern written as `text`; raises ValueError with what is wrong, in plain words.

    >>> pattern("^sho(e|p)s?$").search("shoes")
    True
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it is longer than {MAX_LENGTH} characters")
    part = _Reader(text).whole()
    if _states(part) > MAX_STATES:
        raise ValueError("it repeats too much")
    return Pattern(part)


class _Reader:
    """A recursive descent over the pattern's text."""

    def __init__(self, text: str) -> None:
        self.fold = text.startswith("(?i)")
        self.text = text
        self.at = 4 if self.fold else 0
        self.depth = 0

    def whole(self) -> Part:
        part = self.choice()
        if self.at < len(self.text):
            raise ValueError("a ')' closes no group")
        return part

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, what: str) -> str:
        if self.at >= len(self.text):
            raise ValueError(f"it ends within {what}")
        self.at += 1
        return self.text[self.at - 1]

    def choice(self) -> Part:
        parts = [self.sequence()]
        while self.peek() == "|":
            self.at += 1
            parts.append(self.sequence())
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def sequence(self) -> Part:
        parts = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated())
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self) -> Part:
        part = self.atom()
        counts = self.counts()
        if counts is None:
            return part
        if self.peek() == "?":  # lazy: finds the same texts
            self.at += 1
        if self.peek() in ("*", "+", "?") or (self.peek() == "{" and _COUNT.match(self.text, self.at)):
            raise ValueError("a repetition is repeated")
        return Repeat(part, *counts)

    def counts(self) -> tuple[int, int | None] | None:
        sign = self.peek()
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if sign in simple:
            self.at += 1
            return simple[sign]
        if sign != "{":
            return None
        match = _COUNT.match(self.text, self.at)
        if match is None:
            raise ValueError("a '{' that counts nothing is written '\\{'")
        self.at = match.end()
        least = int(match[1])
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if least > MAX_STATES or (most is not None and (most < least or most > MAX_STATES)):
            raise ValueError(f"{match[0]} is no count")
        return least, most

    def atom(self) -> Part:
        sign = self.take("it")
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.bracket()
        if sign == ".":
            return Chars(((0, 9), (11, LAST)))
        if sign in "^$":
            return Place(sign)
        if sign in "*+?{":
            raise ValueError(f"{sign!r} repeats nothing")
        if sign == "\\":
            return self.escaped()
        if sign in "]}":
            raise ValueError(f"a lone {sign!r} is written '\\{sign}'")
        return self.folded(((ord(sign), ord(sign)),))

    def group(self) -> Part:
        if self.peek() == "?":
            if self.text[self.at : self.at + 2] != "?:":
                raise ValueError("groups are written '(…)' or '(?:…)', and '(?i)' only at the beginning")
            self.at += 2
        self.depth += 1
        if self.depth > 30:
            raise ValueError("groups lie too deep in each other")
        part = self.choice()
        if self.take("a group") != ")":
            raise ValueError("a group is not closed")
        self.depth -= 1
        return part

    def escaped(self) -> Part:
        sign = self.take("an escape")
        if sign in "bB":
            return Place(sign)
        if sign in "Az":
            return Place("^" if sign == "A" else "$")
        known = self.known_class(sign)
        return Chars(known) if known is not None else self.folded(self.character(sign))

    @staticmethod
    def known_class(sign: str) -> Ranges | None:
        classes = {"d": DIGIT, "w": WORD, "s": SPACE}
        if sign in classes:
            return classes[sign]
        return _complement(classes[sign.lower()]) if sign in ("D", "W", "S") else None

    def character(self, sign: str) -> Ranges:
        if sign in CONTROLS:
            return ((CONTROLS[sign], CONTROLS[sign]),)
        if sign == "x":
            match = _HEX.match(self.text, self.at - 1)
            code = int(match[1] or match[2], 16) if match else LAST + 1
            if match is None or code > LAST or 0xD800 <= code <= 0xDFFF:
                raise ValueError("'\\x' is followed by two digits or by {…}")
            self.at = match.end()
            return ((code, code),)
        if sign.isascii() and not sign.isalnum():
            return ((ord(sign), ord(sign)),)
        raise ValueError(f"'\\{sign}' is not spoken here")

    def bracket(self) -> Part:
        negated = self.peek() == "^"
        self.at += negated
        ranges: list[tuple[int, int]] = []
        while self.peek() != "]":
            low = self.member()
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                high = self.member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] != high[0][1]:
                    raise ValueError("a range in brackets goes from one character to another")
                if high[0][0] < low[0][0]:
                    raise ValueError("a range in brackets goes backwards")
                low = ((low[0][0], high[0][0]),)
            ranges.extend(low)
        self.at += 1
        if not ranges:
            raise ValueError("the brackets are empty")
        found = self.folded(tuple(ranges)).ranges
        return Chars(_complement(found) if negated else found)

    def member(self) -> Ranges:
        sign = self.take("brackets")
        if sign == "[":
            raise ValueError("a '[' within brackets is written '\\['")
        if sign != "\\":
            return ((ord(sign), ord(sign)),)
        sign = self.take("an escape")
        known = self.known_class(sign)
        return known if known is not None else self.character(sign)

    def folded(self, ranges: Ranges) -> Chars:
        """The characters, with `(?i)` also those they become in upper and lower case."""
        if not self.fold:
            return Chars(_tidy(ranges))
        codes = [code for low, high in ranges for code in range(low, min(high, low + 3000) + 1)]
        if len(codes) > 3000:
            raise ValueError("with '(?i)' the brackets hold too many characters")
        signs = {chr(code) for code in codes}
        for _ in range(
            2
        ):  # twice: the long s and the Kelvin sign meet their letters by way of the other case
            signs |= {other for sign in signs for other in (sign.lower(), sign.upper()) if len(other) == 1}
        return Chars(_tidy((*ranges, *((ord(sign), ord(sign)) for sign in signs))))


def _tidy(ranges: Ranges) -> Ranges:
    """Sorted ranges that neither overlap nor touch."""
    tidy: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if tidy and low <= tidy[-1][1] + 1:
            tidy[-1] = (tidy[-1][0], max(high, tidy[-1][1]))
        else:
            tidy.append((low, high))
    return tuple(tidy)


def _complement(ranges: Ranges) -> Ranges:
    gaps, start = [], 0
    for low, high in _tidy(ranges):
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        gaps.append((start, LAST))
    return tuple(gaps)


def _states(part: Part) -> int:
    """How many states the automaton has, roughly: each repetition written out."""
    match part:
        case Chars(ranges):
            return 1 + len(ranges) // 4
        case Place():
            return 1
        case Sequence(parts) | Choice(parts):
            return 1 + sum(_states(each) for each in parts)
        case Repeat(inner, least, most):
            return 1 + _states(inner) * max(least if most is None else most, 1)
