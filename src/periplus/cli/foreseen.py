"""What a decision would change, in plain lines: customers, whose events, and the numbers of maps and kept questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from periplus import money

SHOWN = 12
"""Numbers of a question that are printed; `--json` has more."""


def foreseen(found: Mapping[str, Any]) -> Iterator[str]:
    """A preview (`ws.identity.preview`) line by line."""
    customers = found["customers"]
    yield f"{customers['before']:,} customers would become {customers['after']:,}; {found['events']:,} events change hands."
    for row in found["examples"]:
        yield f"  {row['events']:>7,} events from {row['from_label'] or 'nobody'} to {row['to_label'] or 'nobody'}"
    for answer in found["answers"]:
        yield from _compared(answer)
    for each in found["unanswered"]:
        yield f"{each['name']}: not compared. {each['why']}"


def _compared(answer: Mapping[str, Any]) -> Iterator[str]:
    """The numbers of one question: now, then, and the difference."""
    if not answer["changed"]:
        yield f"{answer['name']}: no number changes."
        return
    yield f"{answer['name']}:"
    for each in answer["numbers"][:SHOWN]:
        field = each["number"].replace("_", " ")
        what = f"{each['of']}: {field}" if each["of"] else field
        now, then = (figure(each[side], each["unit"], answer["currency"]) for side in ("before", "after"))
        change = each["difference"]
        by = ""
        if change is not None:
            sign = "+" if change > 0 else "-"
            by = f" ({sign}{figure(abs(change), each['unit'], answer['currency'])})"
        yield f"  {what}  {now} → {then}{by}"
    further = answer["changed"] - min(SHOWN, len(answer["numbers"]))
    also = f"  {further:,} more change; " if further else "  "
    yield f"{also}{answer['same']:,} others stay the same."


def figure(value: float | None, unit: str, currency: str) -> str:
    """A number in its unit; a dash where the answer has no such row.

    >>> figure(1999, "money", "EUR"), figure(0.125, "share", "EUR"), figure(90, "seconds", "EUR")
    ('19.99 EUR', '12.5 %', '90 s')
    """
    if value is None:
        return "-"
    if unit == "money":
        digits = money.digits(currency)
        return f"{value / 10**digits:,.{digits}f} {currency}"
    if unit == "share":
        return f"{value:.1%}".replace("%", " %")
    plain = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return f"{plain} s" if unit == "seconds" else plain
