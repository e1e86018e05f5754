"""How the map speaks: its sentences, numbers, shares and durations, in a language passed in.

The default is English. The web passes gettext and Babel functions; everything the drawing says goes
through here, so a language is one `Words`. Thousands are grouped, and a percent sign set off, by a narrow
no-break space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

NARROW = "\u202f"


def plain(text: str) -> str:
    """The message as it is written."""
    return text


def english(singular: str, plural: str, n: int) -> str:
    """Singular for one, else plural."""
    return singular if n == 1 else plural


def grouped(value: float, digits: int = 0) -> str:
    """A number with its thousands grouped.

    >>> grouped(48210).replace(NARROW, "_"), grouped(-2.94, 1)
    ('48_210', '−2.9')
    """
    return f"{value:,.{digits}f}".replace(",", NARROW).replace("-", "−")


def utc(moment: str) -> str:
    """An ISO 8601 moment, to the minute.

    >>> utc("2026-11-24T09:12:00Z")
    '24 Nov 2026, 09:12 UTC'
    """
    when = datetime.fromisoformat(moment).astimezone(UTC)
    return f"{when.day} {_MONTHS[when.month - 1]} {when:%Y, %H:%M} UTC"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Words:
    """A language: messages, numbers, units, and the direction of writing."""

    gettext: Callable[[str], str] = plain
    ngettext: Callable[[str, str, int], str] = english
    decimal: Callable[[float, int], str] = grouped
    moment: Callable[[str], str] = utc
    language: str = "en"
    rtl: bool = False
    exponents: Callable[[str], int] = lambda currency: 0 if currency in ("JPY", "KRW", "ISK", "CLP") else 2

    def number(self, n: int) -> str:
        return self.decimal(n, 0)

    def compact(self, n: int) -> str:
        """A number in few characters, where there is no room for all of it.

        >>> Words().compact(43_912), Words().compact(999), Words().compact(1_234_567_890)
        ('43.9k', '999', '1.2bn')
        """
        for size, sign in (
            (10**9, self.gettext("bn")),
            (10**6, self.gettext("M")),
            (10**3, self.gettext("k")),
        ):
            if abs(n) >= size:
                value = n / size
                return f"{self.decimal(value, 0 if abs(value) >= 100 else 1)}{sign}"
        return self.number(n)

    def percent(self, part: int, whole: int, fine: bool = False) -> str:
        """A share; never 0 % of something, nor 100 % of less than all.

        >>> [Words().percent(*n).replace(NARROW, " ") for n in ((34, 100), (1, 3000), (2999, 3000), (0, 0))]
        ['34 %', '<0.1 %', '99 %', '0 %']
        """
        share = 100 * part / whole if whole else 0.0
        digits = 1 if 0 < share < (9.95 if fine else 0.95) else 0
        if part and share < 0.05:
            text = f"<{self.decimal(0.1, 1)}"
        elif part < whole and round(share, digits) >= 100:
            text = self.decimal(99, 0)
        else:
            text = self.decimal(share, digits)
        return f"{text}{NARROW}%"

    def duration(self, seconds: float) -> str:
        """The two largest units of a duration.

        >>> [Words().duration(n).replace("\u00a0", " ") for n in (194_459, 108, 0)]
        ['2 d 6 h', '1 m 48 s', '0 s']
        """
        left = int(seconds)
        parts: list[str] = []
        units = (
            (86_400, self.gettext("d")),
            (3_600, self.gettext("h")),
            (60, self.gettext("m")),
            (1, self.gettext("s")),
        )
        for size, sign in units:
            count, left = divmod(left, size)
            if count or (size == 1 and not parts):
                parts.append(f"{self.number(count)}\u00a0{sign}")
            elif parts:
                break  # 2 d 5 s would feign precision
            if len(parts) == 2:
                break
        return "\u00a0".join(parts)

    def money(self, minor: int, currency: str) -> str:
        """Minor units as an amount with its currency.

        >>> Words().money(123456, "EUR").replace(NARROW, "_")
        'EUR_1_234.56'
        """
        digits = self.exponents(currency)
        return f"{currency}{NARROW}{self.decimal(minor / 10**digits, digits)}"

    def listed(self, items: Sequence[str]) -> str:
        """a, b and c."""
        if len(items) < 2:
            return "".join(items)
        return self.gettext("%(some)s and %(last)s") % {"some": ", ".join(items[:-1]), "last": items[-1]}
