"""What becomes of catalogue files and of products that webhooks tell of: reconciled with what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from periplus.collect.catalogue.kinds import KINDS, Found
from periplus.collect.catalogue.load import load
from periplus.collect.catalogue.product import Product, Unread
from periplus.collect.shops.body import identifier
from periplus.errors import InputError
from periplus.store import products
from periplus.store.products import Reconciled
from periplus.store.state import State

MOST_PRODUCTS = 1_000_000
MOST_TOLD = 20
"""Rows that are no products, of which so many are told one by one; all are counted."""


@dataclass
class CatalogueImport:
    """What became of a file: `rows` = new + changed + unchanged + repeated + `unread`; `gone` stands apart."""

    file: str
    kind: str
    source: str
    rows: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    gone: int = 0
    repeated: int = 0
    unread: int = 0
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def import_file(
    state: State,
    path: Path,
    *,
    folder: Path,
    currency: str | None,
    now: int,
    kind: str | None = None,
    source: str = "catalogue",
    partial: bool = False,
) -> CatalogueImport:
    """Import a catalogue file; unless it is `partial`, products of the source that it lacks are gone.

    Raises InputError, and changes nothing, where the file cannot be read to its end or holds no product.
    """
    if not source.strip() or len(source) > 200:
        raise InputError(
            "A source has 1 to 200 letters.", hint="Name it after where the catalogue comes from."
        )
    if kind is not None:
        KINDS[kind]  # raises for a kind nobody knows, before anything is read
    chosen, found = load(path, folder=folder, currency=currency, kind=kind)
    result = CatalogueImport(path.name, chosen, source.strip())
    done = products.reconcile(state, result.source, _counted(found, result), now, whole=not partial)
    result.new, result.changed, result.unchanged, result.gone = (
        done.new,
        done.changed,
        done.unchanged,
        done.gone,
    )
    return result


def _counted(found: Found, result: CatalogueImport) -> Iterator[dict[str, Any]]:
    met: set[str] = set()
    for each in found:
        result.rows += 1
        if isinstance(each, Unread):
            result.unread += 1
            if len(result.problems) < MOST_TOLD:
                result.problems.append(f"{each.place}: {each.message}")
        elif each.id in met:
            result.repeated += 1
        else:
            if len(met) >= MOST_PRODUCTS:
                raise InputError(
                    f"The file has more than {MOST_PRODUCTS:,} products.", code="too_large",
                    hint="Part it, and import each part with --partial.",
                )  # fmt: skip
            met.add(each.id)
            yield asdict(each)
    if not met:
        first = f" {result.problems[0]}" if result.problems else ""
        raise InputError(
            f"{result.file} holds no product.{first}",
            code="no_products",
            hint="Nothing was changed. Check that it is the right file, or name its --kind.",
        )


def take(
    state: State,
    kind: str,
    source: str,
    body: Mapping[str, Any],
    *,
    gone: bool,
    now: int,
    currency: str | None,
) -> Reconciled:
    """A product that a shop's webhook told of (`found["product"]` of its reading): put in, renewed, or gone.

    Variants of it that it no longer has are gone too.
    """
    key = identifier(body, "id")
    if gone:
        return Reconciled(gone=products.remove(state, source, [key], now) if key is not None else 0)
    entry = KINDS[kind].entry
    told = (
        [each for each in entry(1, body, currency) if isinstance(each, Product)] if entry is not None else []
    )
    if not told:
        return Reconciled()
    return products.reconcile(state, source, map(asdict, told), now, whole=False, of=key)
