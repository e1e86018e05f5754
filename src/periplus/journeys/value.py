"""Money on journeys: what orders came to, net of what was refunded or cancelled, exactly.

An order is an `Order Completed`, once per `order_id` of a customer: the first one counts. Its value is the
setting's property (`total` or `revenue`), else the other, rounded half up to the minor unit of its currency.
Refunds and cancellations of the same customer that name it reduce it, by their amount or, without one,
to nothing; it never falls below nothing. Amounts in other currencies are converted at the rate of their
day, or left out, which is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from periplus.journeys import reading
from periplus.journeys.walk import OFF, Walked
from periplus.money import digits
from periplus.question import Context
from periplus.store.columns import NUMBER_TEXT, FileColumns, quote_text
from periplus.store.snapshot import Expression, Snapshot

ORDER = "Order Completed"
REDUCTIONS = ("Order Refunded", "Order Cancelled")
DAY = 86_400_000_000
_MISSING = -(1 << 62)


def minor(amount: Decimal, currency: str) -> int:
    """An amount in minor units of a currency, rounded half up.

    >>> minor(Decimal("1.005"), "EUR"), minor(Decimal("1.5"), "JPY"), minor(Decimal("1.0005"), "KWD")
    (101, 2, 1001)
    """
    return int(amount.scaleb(digits(currency)).quantize(Decimal(1), ROUND_HALF_UP))


Settled = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Row, gross and net of each order of a shard."""


@dataclass(frozen=True)
class Orders:
    """Order events of every shard, sorted by row: `shard`, `row`, `reduces` (bool), `order` (uint64 hash of
    the order id, 0: none), `amount` int64 in minor units of the workspace's currency, _MISSING: none.
    """

    shard: np.ndarray
    row: np.ndarray
    reduces: np.ndarray
    order: np.ndarray
    amount: np.ndarray
    warnings: list[str]
    converted: bool = False
    settled: dict[int, Settled] = field(default_factory=dict)
    """By shard what its orders come to once all of them are seen: most questions are asked of then."""


_known: WeakKeyDictionary[Snapshot, dict[tuple[str, str], Orders | None]] = WeakKeyDictionary()
"""Orders of the data versions that somebody still holds: a page asks several questions of the same one."""


def read_orders(context: Context) -> Orders | None:
    """The order events of a data version; None where it has no orders."""
    known = _known.setdefault(context.snapshot, {})
    key = (context.settings.order_value, context.settings.currency)
    if key not in known:
        found = _read(context)
        if found is not None and found.converted:
            return found  # rates may change while the data does not
        known[key] = found
    return known[key]


def _read(context: Context) -> Orders | None:
    snapshot, settings = context.snapshot, context.settings
    names = [name for name in (ORDER, *REDUCTIONS) if name in snapshot.names]
    if ORDER not in names:
        return None
    own = settings.currency
    first, second = ("total", "revenue") if settings.order_value == "total" else ("revenue", "total")
    amount = _either(reading.text(f"properties.{first}"), reading.text(f"properties.{second}"))
    currency = reading.text("properties.currency")

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        return f"event IN ({', '.join('?' for _ in names)})", list(names)

    def order(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, _ = reading.text("properties.order_id")(columns)
        return f"CASE WHEN ({sql}) IS NULL THEN 0::UBIGINT ELSE greatest(hash({sql}), 1::UBIGINT) END", []

    def in_own(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, _ = amount(columns)
        number = (
            f"CASE WHEN abs(TRY_CAST({sql} AS DOUBLE)) < 1e14 THEN TRY_CAST({sql} AS DECIMAL(38, 18)) END"
        )
        return f"coalesce(CAST(round({number} * {10 ** digits(own)}, 0) AS BIGINT), {_MISSING})", []

    def foreign(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, _ = currency(columns)
        return f"CASE WHEN upper(trim({sql})) <> {quote_text(own)} THEN upper(trim({sql})) END", []

    found = snapshot.fetch(where, [order, in_own, foreign])
    codes = np.concatenate(
        [
            np.asarray(snapshot.shard(index).name)[np.asarray(found.row)[found.shard == index]]
            for index in range(snapshot.shard_count)
        ]
    )
    orders = Orders(
        np.asarray(found.shard),
        np.asarray(found.row, np.int64),
        codes != snapshot.names.index(ORDER),
        np.asarray(np.ma.filled(found.columns[0], 0), np.uint64),
        np.array(np.ma.filled(found.columns[1], _MISSING), np.int64),
        [],
    )
    away = _present(found.columns[2])
    if not away.any():
        return orders
    return _converted(orders, away, found.columns[2], amount, foreign, names, context)


def _present(column: np.ndarray) -> np.ndarray:
    """bool per entry of a column of texts, whether it is there."""
    if np.ma.isMaskedArray(column):
        return ~np.ma.getmaskarray(column) & np.array(
            [v is not None for v in np.ma.getdata(column)], np.bool_
        )
    return np.array([value is not None and value == value for value in column], np.bool_)


def _either(first: Expression, second: Expression) -> Expression:
    """The first text that is a number."""

    def number(sql: str) -> str:
        return f"CASE WHEN regexp_full_match({sql}, {quote_text(NUMBER_TEXT)}) THEN {sql} END"

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        return f"coalesce({number(first(columns)[0])}, {number(second(columns)[0])})", []

    return expression


def _converted(
    orders: Orders, away: np.ndarray, currencies: np.ndarray, amount: Expression, foreign: Expression,
    names: list[str], context: Context,
) -> Orders:  # fmt: skip
    """The orders with foreign amounts converted; what has no rate loses its amount and is said."""

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        return f"event IN ({', '.join('?' for _ in names)}) AND ({foreign(columns)[0]}) IS NOT NULL", list(
            names
        )

    found = context.snapshot.fetch(where, [amount])
    texts = found.columns[0]
    there = _present(texts)
    own = context.settings.currency
    left_out: dict[str, int] = {}
    amounts = orders.amount.copy()
    for place, index in enumerate(np.flatnonzero(away)):
        if not there[place]:
            continue
        currency = str(currencies[index])
        time = int(context.snapshot.shard(int(orders.shard[index])).time[orders.row[index]])
        rate = context.rates(currency, time // DAY)
        if rate is None:
            left_out[currency] = left_out.get(currency, 0) + 1
            # Without a rate an order is worth nothing here, and a refund reduces nothing.
            amounts[index] = 0
        else:
            amounts[index] = minor(Decimal(str(texts[place])) * Decimal(str(rate)), own)
    said = [
        f"{count} amounts in {currency} are left out: there is no rate from {currency} to {own}."
        for currency, count in sorted(left_out.items())
    ]
    return Orders(orders.shard, orders.row, orders.reduces, orders.order, amounts, said, converted=True)


def on_journeys(orders: Orders | None, now: int) -> Callable[[Walked], tuple[np.ndarray, np.ndarray]]:
    """Net and gross value int64[j] of the journeys of a shard, as of `now`.

    An order counts in the journey one of whose events it is; so do its reductions, wherever they fall.
    """

    def values(walked: Walked) -> tuple[np.ndarray, np.ndarray]:
        net, gross = (np.zeros(len(walked.begin), np.int64) for _ in range(2))
        if orders is None or not len(walked.begin):
            return net, gross
        low, high = np.searchsorted(orders.shard, [walked.shard.index, walked.shard.index + 1])
        if len(row := orders.row[low:high]) and np.asarray(walked.shard.time)[row].max() > now:
            row, worth, kept = _settled(orders, slice(low, high), walked, now)
        else:
            if walked.shard.index not in orders.settled:
                orders.settled[walked.shard.index] = _settled(orders, slice(low, high), walked, now)
            row, worth, kept = orders.settled[walked.shard.index]
        journey = np.searchsorted(walked.begin, row, "right") - 1
        inside = (journey >= 0) & (row <= walked.end[np.maximum(journey, 0)]) & (walked.label[row] != OFF)
        np.add.at(net, journey[inside], kept[inside])
        np.add.at(gross, journey[inside], worth[inside])
        return net, gross

    return values


def _settled(orders: Orders, cut: slice, walked: Walked, now: int) -> Settled:
    """Row, gross and net of each order of a shard, once per order id of a customer."""
    row = orders.row[cut]
    seen = np.asarray(walked.shard.time)[row] <= now
    row, reduces = row[seen], orders.reduces[cut][seen]
    order, amount = orders.order[cut][seen], orders.amount[cut][seen]
    customer = np.searchsorted(np.asarray(walked.shard.offsets), row, "right") - 1
    named = order != 0
    # One number per (customer, order id), mixed as hashes are; orders without an id are each their own.
    mixed = order ^ ((customer.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    sorting = np.argsort(mixed, kind="stable")
    fresh = np.ones(len(sorting), np.int64)
    fresh[1:] = mixed[sorting][1:] != mixed[sorting][:-1]
    key = np.empty(len(sorting), np.int64)
    key[sorting] = np.cumsum(fresh) - 1
    count = int(fresh.sum())
    key = np.where(named, key, count + np.arange(len(key)))
    count += len(key)
    made = np.flatnonzero(~reduces)
    earliest = np.full(count, len(key), np.int64)
    np.minimum.at(earliest, key[made], made)
    made = made[earliest[key[made]] == made]
    cut_by = np.zeros(count, np.int64)
    whole = np.zeros(count, np.bool_)
    taken = reduces & named
    missing = amount == _MISSING
    np.add.at(cut_by, key[taken & ~missing], np.abs(amount[taken & ~missing]))
    whole[key[taken & missing]] = True
    worth = np.where(missing[made], 0, amount[made])
    kept = np.where(whole[key[made]], 0, np.maximum(worth - cut_by[key[made]], 0))
    return row[made], worth, kept
