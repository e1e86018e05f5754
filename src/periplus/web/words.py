"""The words and figures of one request: its language, its zone, its currency.

`_()` and `ngettext()` look a sentence up in the catalogue of the current request's language;
`number`, `percent`, `money`, `day`, `moment`, `span` write figures the way that language does,
with the house's narrow no-break space in thousands and before a per cent sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, dates, numbers
from babel.support import Translations

from periplus.store import pseudonyms

CATALOGUES = Path(__file__).parent / "locale"
THIN = "\u202f"
"""Narrow no-break space: between thousands, before %, between a figure and its unit."""

DAYS = {"en": ("d MMM y", "d MMM")}
"""Languages whose days are written otherwise than their catalogue of formats says: (with, without the year).

English is read in many countries; the day comes first, so that no one takes 3 Apr for 4 March."""


@dataclass(frozen=True)
class Language:
    """One language of the interface: its catalogue and how it writes figures."""

    code: str
    locale: Locale
    translations: NullTranslations

    @property
    def direction(self) -> str:
        return str(self.locale.text_direction)


@dataclass(frozen=True)
class Speech:
    """What the current request is answered in."""

    language: Language
    zone: ZoneInfo
    currency: str


@cache
def languages() -> tuple[str, ...]:
    """The languages there is a compiled catalogue for; English is always one."""
    found = {path.parent.parent.name for path in CATALOGUES.glob("*/LC_MESSAGES/messages.mo")}
    return tuple(sorted(found | {"en"}))


@cache
def language(code: str) -> Language:
    """The language of a code out of `languages()`."""
    catalogue = Translations.load(str(CATALOGUES), [code])
    return Language(code, Locale.parse(code), catalogue)


def preferred(header: str, otherwise: str) -> str:
    """The language for an Accept-Language header, else `otherwise`, else English.

    >>> preferred("de-AT, en;q=0.5", "en")
    'en'
    """
    wanted: list[tuple[float, str]] = []
    for part in header[:500].split(","):
        name, _sep, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), name.strip().replace("-", "_")))
        except ValueError:
            continue
    known = languages()
    for _weight, name in sorted(wanted, key=lambda pair: pair[0]):
        for candidate in (name, name.split("_")[0]):
            if candidate in known:
                return candidate
    return otherwise if otherwise in known else "en"


_speech: ContextVar[Speech] = ContextVar("speech")


def speech() -> Speech:
    """The current request's; outside of one, English in UTC and euro."""
    found = _speech.get(None)
    return found if found is not None else Speech(language("en"), ZoneInfo("UTC"), "EUR")


@contextmanager
def speaking(chosen: Speech) -> Iterator[None]:
    token = _speech.set(chosen)
    try:
        yield
    finally:
        _speech.reset(token)


def gettext(message: str) -> str:
    """The sentence in the request's language; extracted into the catalogue by its literal argument."""
    return speech().language.translations.gettext(message)


_ = gettext


def ngettext(one: str, many: str, n: int) -> str:
    """The sentence for a count; `{n}` and the rest are filled by the caller."""
    return speech().language.translations.ngettext(one, many, n)


def identifier(text: str) -> str:
    """An identifier as people read it: of one that is kept hashed, its kind and the first digits."""
    if not isinstance(text, str):
        return text
    form, digits = pseudonyms.form(text), pseudonyms.digest(text) or ""
    if form is None:
        return text
    said = gettext("hashed e-mail {start}") if form == "email" else gettext("hashed phone {start}")
    return said.format(start=f"{digits[: pseudonyms.SHOWN]}…")


def number(value: float | int | None, digits: int = 0) -> str:
    """A figure with narrow spaces in thousands; nothing for None."""
    if value is None:
        return ""
    locale = speech().language.locale
    pattern = "#,##0" + ("." + "0" * digits if digits else "")
    text = numbers.format_decimal(value, format=pattern, locale=locale)
    return str(text).replace(numbers.get_group_symbol(locale), THIN)


def percent(share: float | None, digits: int = 1) -> str:
    """A share of one as per cent: 0.048 is `4.8 %`; a whole is written without a fraction."""
    if share is None:
        return ""
    return f"{number(share * 100, 0 if share in (0, 1) else digits)}{THIN}%"


def ratio(part: float, whole: float, digits: int = 1) -> str:
    """`part` of `whole` as per cent; nothing where there is no whole."""
    return percent(part / whole, digits) if whole else ""


def money(minor: int | None, currency: str | None = None) -> str:
    """Integer minor units as an amount of the currency (the workspace's by default)."""
    if minor is None:
        return ""
    code = currency or speech().currency
    digits = numbers.get_currency_precision(code)
    return amount(minor / 10**digits, code)


def amount(value: float, currency: str | None = None) -> str:
    """Major units as an amount, e.g. as an event carried them."""
    locale = speech().language.locale
    code = currency or speech().currency
    text = str(numbers.format_currency(value, code, locale=locale))
    text = text.replace(numbers.get_group_symbol(locale), THIN) if value >= 1000 else text
    return re.sub(r"(?<=[^\d\s.,'\u202f-])(?=\d)", THIN, text.replace("\xa0", THIN), count=1)


def instant(value: str | int | datetime | None) -> datetime | None:
    """A moment out of an answer (ISO text or microseconds) in the request's zone; None if it is none."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, datetime):
            when = value
        elif isinstance(value, int):
            when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
        else:
            when = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        return None
    zone = speech().zone
    try:
        return when.astimezone(zone) if when.tzinfo else when.replace(tzinfo=zone)
    except OverflowError:
        return None


def moment(value: str | int | datetime | None) -> str:
    """Day and time: `24 Nov 2026, 09:12`."""
    when = instant(value)
    return f"{day(when)}, {clock(when)}" if when else ""


def clock(value: str | int | datetime | None) -> str:
    when = instant(value)
    return (
        str(dates.format_time(when, "HH:mm", tzinfo=speech().zone, locale=speech().language.locale))
        if when
        else ""
    )


def day(value: str | int | datetime | date | None, year: bool = True) -> str:
    """A day: `24 Nov 2026`, or `24 Nov` without its year."""
    when = value if isinstance(value, date) and not isinstance(value, datetime) else instant(value)
    if when is None:
        return ""
    chosen = speech().language
    if chosen.code in DAYS:
        return str(dates.format_date(when, DAYS[chosen.code][0 if year else 1], locale=chosen.locale))
    if year:
        return str(dates.format_date(when, "medium", locale=chosen.locale))
    noon = datetime(when.year, when.month, when.day, 12)
    return str(dates.format_skeleton("MMMd", noon, locale=chosen.locale))


def month(value: date) -> str:
    """A month and its year: `Mar 2026`."""
    noon = datetime(value.year, value.month, 1, 12)
    return str(dates.format_skeleton("yMMM", noon, locale=speech().language.locale))


def days(first: str | int | datetime | None, last: str | int | datetime | None) -> str:
    """A run of days, saying once what both ends share: `14–29 Mar 2026`, `1 May – 31 Oct 2026`."""
    start, end = instant(first), instant(last)
    if start is None or end is None:
        return day(start or end)
    if start.date() == end.date():
        return day(start)
    chosen = speech().language
    if chosen.code not in DAYS:
        return str(dates.format_interval(start.date(), end.date(), "yMMMd", locale=chosen.locale))
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day}–{day(end)}"
    return f"{day(start, start.year != end.year)} – {day(end)}"


def moments(first: str | int | datetime | None, last: str | int | datetime | None) -> str:
    """From one moment to another, the day said once where it is the same: `21 Aug 2026, 09:43–09:51`."""
    start, end = instant(first), instant(last)
    if start is None or end is None or moment(start) == moment(end):
        return moment(start or end)
    if start.date() == end.date():
        return f"{moment(start)}–{clock(end)}"
    return f"{moment(start)} – {moment(end)}"


def span(seconds: float | None) -> str:
    """A length of time in its two leading units: `2 d 6 h`, `1 m 48 s`."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    units = [(86_400, _("d")), (3_600, _("h")), (60, _("m")), (1, _("s"))]
    for place, (size, unit) in enumerate(units):
        if whole >= size:
            text = f"{number(whole // size)}{THIN}{unit}"
            if place + 1 < len(units):
                smaller, name = units[place + 1]
                rest = whole % size // smaller
                if rest:
                    text += f" {rest}{THIN}{name}"
            return text
    return f"0{THIN}{units[-1][1]}"


def data_size(count: int) -> str:
    """Bytes as people say them: `1.1 MB`."""
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{number(size, 0 if unit == 'B' or size >= 100 else 1)}{THIN}{unit}"
        size /= 1000
    raise AssertionError("unreachable")
