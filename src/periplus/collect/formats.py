"""Which time format a column has: one for the whole column, argued from all its values.

A format is never chosen row by row: `03/04/2024` means nothing by itself, but a column in which some
first number is above 12 and no second one is has the day first.
"""

from __future__ import annotations

import re
from functools import cache

from periplus.collect import times
from periplus.collect.asked import one
from periplus.collect.times import ISO, LATEST, Form
from periplus.store.door import Connection

SAMPLE = 2000
_KINDS, _LONG = 200, 100
"""So many kinds of text are looked at, and none longer, to tell which forms need not be tried."""
_LONG_AGO = 100_000_000 * 1_000_000
"""Numbers are taken as a time only from March 1973 on; before, any small number would be one."""


def _candidates() -> tuple[Form, ...]:
    dates = [
        "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y",
        "%Y.%m.%d", "%d %b %Y", "%b %d, %Y", "%d-%b-%Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y",
    ]  # fmt: skip
    clocks = ["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", ", %H:%M:%S", ", %H:%M", " %H:%M:%S.%f"]
    others = [
        "%Y%m%d", "%Y%m%d%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%dT%H%M%S%z", "%Y%m%dT%H%M%S", "%Y-%m-%d %I:%M:%S %p",
        "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a %b %d %H:%M:%S %Y", "%Y-%m-%d %H:%M:%S %z",
    ]  # fmt: skip
    written = [Form("format", format=date + time) for time in clocks for date in dates]
    written += [Form("format", format=text) for text in others]
    return (ISO, *written, Form("unit", unit="s"), Form("unit", unit="ms"), Form("unit", unit="us"))


CANDIDATES = _candidates()


def decide(connection: Connection, relation: str, text: str) -> tuple[Form, tuple[Form, ...], str]:
    """The form most values of `text` (SQL over `relation`) are written in, the others that read some, and why."""
    some = f"(SELECT x FROM (SELECT {text} AS x FROM {relation}) WHERE x IS NOT NULL LIMIT {SAMPLE})"
    every = f"(SELECT {text} AS x FROM {relation})"
    usual = (ISO, *CANDIDATES[-3:])
    total, counts = _counts(connection, some, usual)
    if total and max(counts) == total and sum(count > 0 for count in counts) == 1:
        best = usual[counts.index(total)]
        total, counts = _counts(connection, every, (best,))
        if counts[0] * 2 > total:  # more than half: no other format can read more
            return _settled(best, counts[0])
    total, counts = _counts(connection, some, CANDIDATES)
    if total == 0:
        return ISO, (), "the column is empty"
    likely = tuple(form for form, count in zip(CANDIDATES, counts, strict=True) if count)
    wanted = likely if max(counts) >= 0.9 * total else CANDIDATES
    total, counts = _counts(connection, every, wanted)
    if wanted != CANDIDATES and max(counts) * 2 < total:  # the first rows were not like the others
        wanted = CANDIDATES
        total, counts = _counts(connection, every, wanted)
    found = {form: count for form, count in zip(wanted, counts, strict=True) if count}
    if not found:
        return ISO, (), "no known format reads it"
    best = max(found, key=lambda form: found[form])
    rest = tuple(form for form in CANDIDATES if form != best)
    return best, rest, _why(best, found)


def usual(count: int) -> tuple[Form, tuple[Form, ...], str]:
    """What `decide` says of so many values all of which are ISO 8601."""
    return _settled(ISO, count)


def _settled(best: Form, count: int) -> tuple[Form, tuple[Form, ...], str]:
    return best, tuple(form for form in CANDIDATES if form != best), _why(best, {best: count})


def readable(connection: Connection, relation: str, text: str, form: Form) -> float:
    """Which share of the values a form reads."""
    total, counts = _counts(connection, f"(SELECT {text} AS x FROM {relation})", (form,))
    return counts[0] / total if total else 0.0


def ambiguous(why: str) -> bool:
    """Whether the reason says that nothing decided between day first and month first."""
    return why.startswith("day or month first")


def _counts(connection: Connection, relation: str, forms: tuple[Form, ...]) -> tuple[int, list[int]]:
    """How many values `relation` has, and how many of them each form reads."""
    tried = forms if len(forms) < 10 else _possible(connection, relation, forms)
    parts = []
    for form in tried:
        lowest = _LONG_AGO if form.kind == "unit" else 0
        written = times.local(form, "x")
        if _strict(form):
            # a strict look first: strptime takes any run of blanks, and two digits for a year of four
            written = f"CASE WHEN regexp_full_match(x, '{times.shape(form)}') THEN {written} END"
        parts.append(f"count(*) FILTER (WHERE {written} BETWEEN {lowest} AND {LATEST})")
    row = one(connection, f"SELECT {', '.join(['count(x)', *parts])} FROM {relation}")
    counts = dict(zip(tried, row[1:], strict=True))
    return int(row[0]), [int(counts.get(form, 0)) for form in forms]


def _possible(connection: Connection, relation: str, forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """The forms that may read something of `relation`, told by the kinds of text it has: every digit is as good as 0.

    To plan a query that tries every form takes longer than to run it.
    """
    rows = connection.execute(
        f"SELECT DISTINCT CASE WHEN length(x) <= {_LONG} THEN regexp_replace(x, '[0-9]', '0', 'g') END "
        f"FROM {relation} WHERE regexp_matches(x, '[0-9]') LIMIT {_KINDS + 1}"
    ).fetchall()
    texts = [text for (text,) in rows]
    if len(texts) > _KINDS or None in texts:
        return forms
    return tuple(form for form in forms if any(_may_read(form, text) for text in texts))


def _may_read(form: Form, text: str) -> bool:
    if _strict(form):
        return _pattern(form).fullmatch(text) is not None
    if form.kind == "format":  # with names of months or days, and any blanks
        signs = set(re.sub(r"%[A-Za-z]|\s", "", form.format))
        return signs <= set(text) and re.search("[A-Za-z]{3}", text) is not None
    return True


def _strict(form: Form) -> bool:
    """Whether texts must look exactly like the form; names of months and days are left to strptime."""
    return form.kind == "format" and not any(code in form.format for code in ("%b", "%B", "%a"))


@cache
def _pattern(form: Form) -> re.Pattern[str]:
    return re.compile(times.shape(form), re.ASCII)


def _why(best: Form, found: dict[Form, int]) -> str:
    if not best.format.startswith(("%d", "%m")) or "%m" not in best.format:
        return f"{best}: reads {found[best]:,} values"
    first, second = ("day", "month") if best.format.startswith("%d") else ("month", "day")
    other = found.get(swapped(best), 0)
    if other == found[best]:
        return f"day or month first? every value reads both ways; {first} first is taken ({best})"
    return f"{first} first: {found[best]:,} values read so, {other:,} with the {second} first"


def swapped(form: Form) -> Form:
    """The same form with day and month exchanged."""
    exchanged = form.format.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")
    return Form("format", format=exchanged)
