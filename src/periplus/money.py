"""Money: integer minor units with a currency, and the day rates that turn one currency into another.

Amounts arrive as properties were sent (decimal numbers or texts, in major units) and become minor units
here, once, exactly: through `Decimal` and the shortest writing of a float, never by multiplying floats.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from periplus.errors import DocumentError, QuestionError

_WHOLE = ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV")
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
DIGITS = {
    **dict.fromkeys((*_WHOLE, "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(_THOUSANDTHS, 3),
    "CLF": 4,
    "UYW": 4,
}
"""Decimal places of the currencies that do not have two (ISO 4217)."""
_CODE = re.compile("[A-Z]{3}")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


def currency(text: object) -> str:
    """A currency code in capitals; raises QuestionError where it is not three letters.

    >>> currency(" eur ")
    'EUR'
    """
    code = text.strip().upper() if isinstance(text, str) else ""
    if not _CODE.fullmatch(code):
        raise QuestionError(
            f"{str(text)[:20]!r} is not a currency.",
            code="currency",
            hint="Write the three letters of ISO 4217, such as 'EUR'.",
        )
    return code


def digits(code: str) -> int:
    """Decimal places of a currency: 2 for EUR, 0 for JPY, 3 for KWD."""
    return DIGITS.get(code, 2)


def minor(amount: object, code: str) -> int | None:
    """Minor units of an amount as it was sent (a number, or a text that is one); None if it is none.

    Rounded half to even at the currency's last place.

    >>> minor(19.99, "EUR"), minor("1000", "JPY"), minor("n/a", "EUR")
    (1999, 1000, None)
    """
    exact = decimal(amount)
    if exact is None:
        return None
    return int((exact.scaleb(digits(code))).to_integral_value(ROUND_HALF_EVEN))


def decimal(amount: object) -> Decimal | None:
    """The exact value of a number as written; of a float, that of its shortest writing. None if none."""
    if isinstance(amount, bool):
        return None
    if isinstance(amount, Decimal):
        return amount if amount.is_finite() else None
    text = repr(amount) if isinstance(amount, int | float) else amount
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


@dataclass(frozen=True)
class Money:
    """An amount in minor units of one currency; adds to its own currency only.

    >>> Money(1999, "EUR") + Money(1, "EUR")
    Money(minor=2000, currency='EUR')
    >>> str(Money(-5, "EUR")), str(Money(1500, "KWD"))
    ('-0.05 EUR', '1.500 KWD')
    """

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._of(other), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.major:f} {self.currency}"

    @property
    def major(self) -> Decimal:
        """The amount in major units, with the currency's places."""
        return Decimal(self.minor).scaleb(-digits(self.currency))

    def to(self, code: str, rate: float) -> Money:
        """The amount in another currency, at so many of its major units for one of this."""
        worth = decimal(rate)
        if worth is None:
            raise ValueError(f"{rate!r} is not a rate")
        shifted = (Decimal(self.minor) * worth).scaleb(digits(code) - digits(self.currency))
        return Money(int(shifted.to_integral_value(ROUND_HALF_EVEN)), code)

    def _of(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other.minor


@dataclass(frozen=True)
class Rates:
    """What one major unit of a currency is worth in `base`, by day; a day without a rate has the last before.

    >>> rates = Rates.of("EUR", [("USD", date(2026, 1, 1), 0.9), ("USD", date(2026, 2, 1), 0.95)])
    >>> rates.rate("USD", date(2026, 1, 20)), rates.rate("USD", date(2025, 12, 31))
    (0.9, None)
    """

    base: str
    days: dict[str, tuple[list[date], list[float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, base: str, rows: Iterable[tuple[str, date, float]]) -> Rates:
        """Rates of rows (currency, first day, rate); of two for one day the later row holds."""
        tables: dict[str, dict[date, float]] = {}
        for code, day, worth in rows:
            exact = decimal(worth)
            if exact is None or exact <= 0:
                raise DocumentError(
                    f"The rate of {code} on {day} is not a positive number.",
                    code="rate",
                    hint="Write how many units of the workspace's currency one unit is worth.",
                )
            tables.setdefault(currency(code), {})[day] = float(worth)
        return cls(
            base, {code: ([*sorted(by)], [by[day] for day in sorted(by)]) for code, by in tables.items()}
        )

    def rate(self, code: str, day: date) -> float | None:
        """The rate of a currency on a day; 1 for the base itself; None before its first day."""
        if code == self.base:
            return 1.0
        known, worths = self.days.get(code, ([], []))
        place = bisect_right(known, day)
        return worths[place - 1] if place else None
