"""Times of others as SQL: text in some format and zone becomes microseconds UTC, or a reason why not.

The reading goes in three named steps, each a column of the next subquery: `x` the text as given, `l`
its microseconds as written (local, unless the text has an offset), `t` microseconds UTC. Zones are
Python's own, as a tree of comparisons, so that the rules are the same everywhere: a local time that
does not exist has no `t`, one that exists twice is the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal

from periplus import clock
from periplus.errors import DocumentError
from periplus.store.door import literal

EARLIEST, LATEST = 0, clock.micros(datetime(2201, 1, 1, tzinfo=UTC)) - 1
"""The years 1970 to 2200, in microseconds."""
FACTORS = {"s": 1_000_000, "ms": 1_000, "us": 1, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
NO_SUCH_LOCAL = "the local time does not exist (skipped by a clock change)"
OUT_OF_RANGE = "the year is outside 1970 to 2200"
OTHER_FORMAT = "another date format than the rest of the column"
NO_SUCH_DAY = "there is no such day or hour"
NOT_A_TIME = "not a time"


@dataclass(frozen=True)
class Form:
    """How a column writes time: `iso`, a strptime `format`, or a number of a `unit` since 1970.

    `unit` `auto` tells seconds, milliseconds and microseconds apart by their size (for JSON numbers);
    `iso` reads such numbers too where `numbers` is set.
    """

    kind: Literal["iso", "format", "unit"]
    format: str = ""
    unit: str = ""
    numbers: bool = False

    def __str__(self) -> str:
        return {"iso": "ISO 8601", "format": self.format, "unit": f"{self.unit} since 1970"}[self.kind]


ISO = Form("iso")


def local(form: Form, text: str) -> str:
    """SQL: BIGINT microseconds of the text as it is written, null if it cannot be read."""
    if form.kind == "unit":
        # whole numbers stay whole; decimals keep six places, never through a float
        factor = FACTORS[form.unit]
        return (
            f"CASE WHEN regexp_full_match({text}, '[0-9]{{1,18}}') "
            f"THEN TRY_CAST(CAST({text} AS HUGEINT) * {factor} AS BIGINT) "
            f"WHEN regexp_full_match({text}, '[0-9]{{1,18}}[.][0-9]{{0,9}}') "
            f"THEN TRY_CAST(floor(CAST({text} AS DECIMAL(38, 9)) * {factor}) AS BIGINT) END"
        )
    if form.kind == "format":
        return f"epoch_us(TRY_STRPTIME({text}, {literal(form.format)}))"
    # a cast to TIMESTAMP is much faster and enough where there is no offset but Z
    plain, offset = f"TRY_CAST({text} AS TIMESTAMP)", f"TRY_CAST({text} AS TIMESTAMPTZ)"
    read = (
        f"CASE WHEN suffix({text}, 'Z') OR {_bare(text)} THEN epoch_us({plain}) "
        f"WHEN {text} < ':' THEN epoch_us({offset}) END"
    )
    if not form.numbers:
        return read
    number = f"CAST({text} AS DECIMAL(38, 9))"
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9]{{6,17}}([.][0-9]{{0,9}})?') THEN TRY_CAST(floor({number} * "
        f"CASE WHEN {number} < 100000000000 THEN 1000000 WHEN {number} < 100000000000000 THEN 1000 ELSE 1 END) AS BIGINT) "
        f"ELSE {read} END"
    )


def has_offset(form: Form, text: str) -> str:
    """SQL: whether the text says its own distance from UTC (a number since 1970 always does)."""
    if form.kind == "unit":
        return "true"
    if form.kind == "format":
        return "true" if "%z" in form.format or "%Z" in form.format else "false"
    offset = (
        f"CASE WHEN suffix({text}, 'Z') THEN true ELSE regexp_matches(substr({text}, 12), '[-+A-Za-z]') END"
    )
    return f"({offset} OR regexp_full_match({text}, '[0-9]{{6,}}[.]?[0-9]*'))" if form.numbers else offset


def _bare(text: str) -> str:
    """SQL: the two forms without an offset that are most frequent, told apart quickly: `…-07-01`, `…-07-01 10:00:00`."""
    return f"(strlen({text}) = 10 OR (strlen({text}) = 19 AND substr({text}, 17, 1) = ':')) AND {text} < ':'"


def utc(written: str, offset: str, zone: str, span: tuple[int, int] = (EARLIEST, LATEST)) -> str:
    """SQL: microseconds UTC of `written` (a column), whose own offset is known where `offset` is true.

    All values lie in `span` (microseconds as written); a short one makes short SQL.
    """
    breaks = _within(_breaks(zone), *span)
    if len(breaks) == 1:
        shift = breaks[0][1]  # None: all of them are skipped by a change of the clock
        shifted = "NULL::BIGINT" if shift is None else f"{written} - {shift}" if shift else written
    else:
        shifted = f"{written} - {_tree(written, breaks)}"
    if offset in ("true", "false"):
        return written if offset == "true" else shifted
    return f"CASE WHEN {offset} THEN {written} ELSE {shifted} END"


def changes(zone: str) -> bool:
    """Whether the clocks of a zone were ever changed (in 1970 to 2200)."""
    return len(_breaks(zone)) > 1


def in_range(moment: str) -> str:
    """SQL: the moment, or null where its year is outside 1970 to 2200."""
    return f"CASE WHEN {moment} BETWEEN {EARLIEST} AND {LATEST} THEN {moment} END"


def reason(form: Form, text: str, written: str, moment: str, others: tuple[Form, ...]) -> str:
    """SQL: why there is no time in range, in a few words; null where there is one."""
    different = " OR ".join(f"{local(other, text)} IS NOT NULL" for other in others) or "false"
    return (
        f"CASE WHEN {moment} BETWEEN {EARLIEST} AND {LATEST} THEN NULL "
        f"WHEN {moment} IS NOT NULL THEN {literal(OUT_OF_RANGE)} "
        f"WHEN {written} IS NOT NULL THEN {literal(NO_SUCH_LOCAL)} "
        f"WHEN {different} THEN {literal(OTHER_FORMAT)} "
        f"WHEN regexp_full_match({text}, {literal(shape(form))}) THEN {literal(NO_SUCH_DAY)} "
        f"ELSE {literal(NOT_A_TIME)} END"
    )


_DIGITS = {
    "Y": "[0-9]{4}",
    "f": "[0-9]+",
    "z": "[-+0-9:Z]+",
    "b": r"\w+",
    "B": r"\w+",
    "p": r"\w+",
    "j": "[0-9]+",
}


def shape(form: Form) -> str:
    """A pattern (RE2) of texts that look like the form, whether or not there is such a day."""
    if form.kind == "iso":
        return r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?([-+Zz].*)?)?"
    if form.kind == "unit":
        return "x^"
    parts = re.split(r"(%-?[A-Za-z])", form.format)
    return "".join(
        _DIGITS.get(part[-1], "[0-9]{1,2}") if part.startswith("%") else re.escape(part) for part in parts
    )


def check_format(text: str, where: str) -> Form:
    """The form of a `format` as authored: `iso` or strptime; raises DocumentError for one nobody can read."""
    if text.lower() == "iso":
        return ISO
    if "%" not in text:
        raise DocumentError(
            f"{where}: {text!r} is not a time format.",
            hint="Write it as strptime does, such as '%d/%m/%Y %H:%M', or 'iso'.",
        )
    known = "aAbBdfgGHIjmMnpSuUVwWxXyYzZc%-"
    for code in re.findall(r"%-?(.)", text):
        if code not in known:
            raise DocumentError(
                f"{where}: the time format {text!r} has %{code}, which nothing can be read by.",
                hint="Known are %Y %y %m %d %b %B %H %I %p %M %S %f %j %z.",
            )
    return Form("format", format=text)


@lru_cache(maxsize=64)
def _breaks(zone: str) -> tuple[tuple[int, int | None], ...]:
    """(from local microseconds, offset): the offset of local times in `zone`, None where there is no such time."""
    place = clock.zone(zone)
    hour = 3_600_000_000
    end = LATEST // 1_000_000
    moment, step = -7 * 86400, 86400 * 7

    def offset(seconds: int) -> int:
        shift = (clock.EPOCH + timedelta(seconds=seconds)).astimezone(place).utcoffset()
        return (shift or timedelta()) // timedelta(microseconds=1)

    now = offset(moment)
    result: list[tuple[int, int | None]] = [(moment * 1_000_000 - 24 * hour, now)]
    while moment < end:
        if (later := offset(moment + step)) != now:
            low, high = moment, moment + step
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == now else (low, middle)
            change = high * 1_000_000
            if later > now:
                result.append((change + now, None))
                result.append((change + later, later))
            else:
                result.append((change + now, later))
            now, moment = later, high
        else:
            moment += step
    return tuple(result)


def _within(
    breaks: tuple[tuple[int, int | None], ...], low: int, high: int
) -> tuple[tuple[int, int | None], ...]:
    """The breaks that matter between two local times: the last one before, and those between."""
    first = max((i for i, (start, _) in enumerate(breaks) if start <= low), default=0)
    return tuple(row for i, row in enumerate(breaks) if i == first or (i > first and row[0] <= high))


def _tree(column: str, breaks: tuple[tuple[int, int | None], ...]) -> str:
    """The offset of a local time as nested comparisons, halving each time."""
    if len(breaks) == 1:
        return "NULL::BIGINT" if breaks[0][1] is None else str(breaks[0][1])
    middle = len(breaks) // 2
    left, right = _tree(column, breaks[:middle]), _tree(column, breaks[middle:])
    return f"CASE WHEN {column} < {breaks[middle][0]} THEN {left} ELSE {right} END"
