"""People behind a number: which field of which row is asked for, and the entries handed back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from periplus.clock import iso
from periplus.errors import QuestionError, unknown
from periplus.question import Context, Row


def check_field(field: str, counts: Sequence[str], others: Iterable[str]) -> None:
    """Raise QuestionError unless `field` is a count; the message names those that can be opened."""
    if field in counts:
        return
    if field in others:
        raise QuestionError(
            f"{field!r} is no count of people.",
            code="field",
            hint=f"These can be opened: {', '.join(counts)}.",
            allowed=counts,
        )
    message, hint, allowed = unknown("field", field, counts)
    raise QuestionError(message, code="field", hint=hint, allowed=allowed)


def check_row(row: Mapping[str, Any], keys: Sequence[str], fields: Iterable[str]) -> None:
    """Raise QuestionError for a key that no row of the answer has; `keys` are those that name a row."""
    known = {*keys, *fields}
    for key in row:
        if key not in known:
            message, hint, _ = unknown("key", str(key), keys)
            raise QuestionError(f"{message[:-1]} of a row.", code="row", hint=hint, allowed=list(keys))


def one_of(row: Mapping[str, Any], key: str, known: Sequence[Any]) -> int:
    """Index of `row[key]` among the known ones; QuestionError with the nearest if it is not there."""
    value = row[key]
    for index, candidate in enumerate(known):
        if candidate == value and isinstance(candidate, bool) == isinstance(value, bool):
            return index
    message, hint, allowed = unknown(key, str(value), [str(each) for each in known])
    raise QuestionError(message, code="row", hint=hint, allowed=allowed)


def listed(entries: list[Row], context: Context) -> list[Row]:
    """Entries made presentable and put in order: by time, then customer.

    They come with `customer` as a number (0: nobody), and `time`, `start`, `end` in microseconds.
    """
    entries.sort(key=lambda entry: (entry["time"], entry["customer"]))
    labels = context.labels(sorted({entry["customer"] for entry in entries if entry["customer"]}))
    shown = []
    for entry in entries:
        customer = entry["customer"]
        hexed = f"{customer:016x}" if customer else None
        times: Row = {key: iso(entry[key]) for key in ("time", "start", "end") if key in entry}
        rest = {key: value for key, value in entry.items() if key != "customer" and key not in times}
        shown.append({"customer": hexed, "label": labels.get(customer, hexed), **times, **rest})
    return shown
