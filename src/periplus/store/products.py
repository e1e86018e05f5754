"""The catalogue as it stands: products by source and id, and what changed of them and when.

An import of a whole catalogue is reconciled with what is there: new, changed, unchanged, and what is no
longer in it is marked as gone, never removed, for events speak of it still.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from periplus.store.state import State, product_changes, products

FIELDS = (
    "parent", "sku", "title", "variant", "price", "sale_price", "currency", "stock", "availability", "category",
    "brand", "image", "link", "attributes",
)  # fmt: skip
HISTORY = ("title", "price", "sale_price", "currency", "stock", "availability", "category")
"""Fields of which every change is kept."""
_LOCK = 0x70657272
_AT_ONCE = 500


@dataclass(frozen=True)
class Reconciled:
    """What an import did: `new` + `changed` + `unchanged` are the products it had; `gone` are those it lacked."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def reconcile(
    state: State,
    source: str,
    offered: Iterable[Mapping[str, Any]],
    now: int,
    *,
    whole: bool = True,
    of: str | None = None,
) -> Reconciled:
    """Make the catalogue of a source what is offered; with `whole`, products that are not offered are gone,
    and so are variants of the product `of` that are not.

    A product is a mapping with `id` and `FIELDS` (`attributes` a mapping of texts); of one id offered twice
    the first counts. All of it happens, or, where `offered` raises, none.
    """
    table, counts = products, dict.fromkeys(("new", "changed", "unchanged", "gone"), 0)
    concerned: list[sa.ColumnElement[bool]] = [table.c.source == source]
    if of is not None:
        offered = list(offered)
        own = table.c.id.in_({str(each["id"]) for each in offered})
        concerned.append(sa.or_(own, table.c.parent == of))
    with state.connected() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        known = {row.id: row._asdict() for row in connection.execute(sa.select(table).where(*concerned))}
        added: list[dict[str, Any]] = []
        altered: list[dict[str, Any]] = []
        told: list[dict[str, Any]] = []
        met: set[str] = set()
        for each in offered:
            row = _row(each)
            if row["id"] in met:
                continue
            met.add(row["id"])
            before = known.get(row["id"])
            if before is None:
                counts["new"] += 1
                added.append(
                    {"source": source, **row, "first": now, "changed": now, "seen": now, "gone": None}
                )
                continue
            differ = [name for name in FIELDS if before[name] != row[name]]
            counts["changed" if differ or before["gone"] is not None else "unchanged"] += 1
            told += [
                _told(source, row["id"], now, name, before[name], row[name])
                for name in differ
                if name in HISTORY
            ]
            if before["gone"] is not None:
                told.append(_told(source, row["id"], now, "gone", True, False))
            if differ or before["gone"] is not None:
                altered.append({f"new_{name}": row[name] for name in FIELDS} | {"key": row["id"]})
        missing = [
            key
            for key, row in known.items()
            if key not in met and row["gone"] is None and (whole or (of is not None and row["parent"] == of))
        ]
        counts["gone"] = len(missing)
        told += [_told(source, key, now, "gone", False, True) for key in missing]
        _write(connection, source, now, added, altered, missing, told, met if known else set())
    return Reconciled(**counts)


def _write(
    connection: sa.Connection, source: str, now: int, added: list[dict[str, Any]], altered: list[dict[str, Any]],
    missing: list[str], told: list[dict[str, Any]], met: set[str],
) -> None:  # fmt: skip
    table = products
    for start in range(0, len(added), _AT_ONCE):
        connection.execute(table.insert(), added[start : start + _AT_ONCE])
    if altered:
        change = (
            table.update()
            .where(table.c.source == source, table.c.id == sa.bindparam("key"))
            .values({name: sa.bindparam(f"new_{name}") for name in FIELDS} | {"changed": now, "gone": None})
        )
        connection.execute(change, altered)
    mine = table.update().where(table.c.source == source)
    for some in _some(sorted(met)):
        connection.execute(mine.where(table.c.id.in_(some)).values(seen=now))
    for some in _some(missing):
        connection.execute(mine.where(table.c.id.in_(some)).values(gone=now, changed=now))
    for start in range(0, len(told), _AT_ONCE):
        connection.execute(product_changes.insert(), told[start : start + _AT_ONCE])


def remove(state: State, source: str, keys: Iterable[str], now: int) -> int:
    """Mark products, or all variants of a product, as gone, as a shop's webhook says; returns how many."""
    wanted, table = list(keys), products
    with state.connected() as connection:
        named = sa.or_(table.c.id.in_(wanted), table.c.parent.in_(wanted))
        standing = sa.and_(table.c.source == source, named, table.c.gone.is_(None))
        found = [row.id for row in connection.execute(sa.select(table.c.id).where(standing))]
        if found:
            connection.execute(table.update().where(standing).values(gone=now, changed=now))
            connection.execute(
                product_changes.insert(), [_told(source, key, now, "gone", False, True) for key in found]
            )
    return len(found)


def find(
    state: State, text: str = "", *, limit: int = 50, offset: int = 0, gone: bool = False
) -> tuple[int, list[dict[str, Any]]]:
    """(how many, some of them by title) of the products whose id, SKU, title, brand or category has the text."""
    table = products
    conditions: list[sa.ColumnElement[bool]] = [] if gone else [table.c.gone.is_(None)]
    for word in text.lower().split()[:10]:
        places = (table.c.id, table.c.sku, table.c.title, table.c.variant, table.c.brand, table.c.category)
        conditions.append(sa.or_(*(sa.func.lower(place).contains(word, autoescape=True) for place in places)))
    with state.connected() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0
        rows = connection.execute(
            sa.select(table)
            .where(*conditions)
            .order_by(
                sa.func.lower(sa.func.coalesce(table.c.title, table.c.id)),
                sa.func.coalesce(table.c.variant, ""),
                table.c.source,
                table.c.id,
            )
            .limit(limit)
            .offset(offset)
        )
        return count, [_shown(row._asdict()) for row in rows]


def every(state: State) -> Iterator[dict[str, Any]]:
    """All products, those that are gone last: for looking them up."""
    with state.connected() as connection:
        rows = connection.execution_options(yield_per=1000).execute(
            sa.select(products).order_by(products.c.gone.is_not(None), products.c.source, products.c.id)
        )
        for row in rows:
            yield _shown(row._asdict())


def version(state: State) -> tuple[int, int]:
    """What changes whenever the catalogue does: the number of products, and the last change."""
    with state.connected() as connection:
        counted, last = connection.execute(
            sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(products.c.changed), 0))
        ).one()
        return int(counted), int(last)


def history(state: State, source: str, key: str) -> list[dict[str, Any]]:
    """The changes of a product, oldest first: `time`, `field`, `before`, `after`."""
    table = product_changes
    with state.connected() as connection:
        rows = connection.execute(
            sa.select(table.c.time, table.c.field, table.c.before, table.c.after)
            .where(table.c.source == source, table.c.id == key)
            .order_by(table.c.number)
        )
        return [
            {
                "time": row.time,
                "field": row.field,
                "before": json.loads(row.before),
                "after": json.loads(row.after),
            }
            for row in rows
        ]


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    row = {"id": each["id"], **{name: each.get(name) for name in FIELDS}}
    row["attributes"] = json.dumps(dict(each.get("attributes") or {}), ensure_ascii=False, sort_keys=True)
    return row


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "attributes": json.loads(row["attributes"])}


def _told(source: str, key: str, now: int, field: str, before: Any, after: Any) -> dict[str, Any]:
    texts = {"before": json.dumps(before, ensure_ascii=False), "after": json.dumps(after, ensure_ascii=False)}
    return {"source": source, "id": key, "time": now, "field": field, **texts}


def _some(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _AT_ONCE):
        yield keys[start : start + _AT_ONCE]
