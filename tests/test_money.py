from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.errors import DocumentError, QuestionError
from periplus.money import Money, Rates, currency, decimal, minor


@pytest.mark.parametrize(
    ("amount", "code", "expected"),
    [
        (19.99, "EUR", 1999),
        ("19.99", "EUR", 1999),
        (1.005, "EUR", 100),  # half to even, of the number as written
        (1.015, "EUR", 102),
        (0.1 + 0.2, "EUR", 30),
        (1000, "JPY", 1000),
        (1.2345, "KWD", 1234),
        (-5, "EUR", -500),
        (1e3, "EUR", 100000),
        (None, "EUR", None),
        (True, "EUR", None),
        ("12,50", "EUR", None),
        (" 12", "EUR", None),
        ("1_000", "EUR", None),
        (float("nan"), "EUR", None),
        (float("inf"), "EUR", None),
        ([1], "EUR", None),
    ],
)
def test_minor_units(amount: object, code: str, expected: int | None) -> None:
    assert minor(amount, code) == expected


@given(st.integers(-(10**12), 10**12), st.sampled_from(["EUR", "JPY", "KWD", "CLF"]))
def test_what_is_written_out_reads_back(units: int, code: str) -> None:
    money = Money(units, code)
    assert minor(str(money).split()[0], code) == units
    assert minor(money.major, code) == units


def test_arithmetic_keeps_to_one_currency() -> None:
    assert Money(5, "EUR") - Money(7, "EUR") == -Money(2, "EUR")
    with pytest.raises(ValueError, match="do not add up"):
        Money(5, "EUR") + Money(5, "USD")


def test_conversion_between_places() -> None:
    assert Money(1000, "JPY").to("EUR", 0.0061) == Money(610, "EUR")
    assert Money(610, "EUR").to("JPY", 163.93) == Money(1000, "JPY")
    with pytest.raises(ValueError, match="not a rate"):
        Money(1, "EUR").to("JPY", float("nan"))


def test_rates_by_day() -> None:
    rates = Rates.of("EUR", [("usd", date(2026, 2, 1), 0.95), ("USD", date(2026, 1, 1), 0.9)])
    assert rates.rate("USD", date(2026, 1, 31)) == 0.9
    assert rates.rate("USD", date(2026, 2, 1)) == 0.95
    assert rates.rate("USD", date(2025, 12, 31)) is None
    assert rates.rate("GBP", date(2026, 2, 1)) is None
    assert rates.rate("EUR", date(1990, 1, 1)) == 1.0
    with pytest.raises(DocumentError):
        Rates.of("EUR", [("USD", date(2026, 1, 1), 0.0)])


def test_currency_codes() -> None:
    assert currency("eur") == "EUR"
    for text in ("euro", "€", "", None, 5):
        with pytest.raises(QuestionError) as caught:
            currency(text)
        assert caught.value.code == "currency"


def test_decimal_is_exact() -> None:
    assert decimal(0.1) == Decimal("0.1")
    assert decimal(Decimal("NaN")) is None
