"""`periplus catalogue`: what the shop sells, for how much, and what is in stock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.money import Money
from periplus.terminal import table

catalogue_app = group("catalogue", "The catalogue: products, prices and stock.")


@catalogue_app.command("import")
def catalogue_import(
    file: Annotated[Path, typer.Argument(help="A feed (XML), an export (CSV) or JSON; plain or compressed.")],
    kind: Annotated[
        str | None,
        typer.Option(help="csv, merchant, shopify, woocommerce or ecwid; default: told from the file."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="Whose catalogue it is, where there are several.")
    ] = "catalogue",
    partial: Annotated[
        bool, typer.Option("--partial", help="Only some products: none of the others is gone.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Bring the catalogue up to a file: what is new, what changed, what is gone."""
    with opened(workspace) as ws:
        done = ws.import_catalogue(file, kind=kind, source=source, partial=partial)
    if as_json:
        show(done.to_dict())
        return
    typer.echo(
        f"{done.rows:,} rows ({done.kind}) = {done.new:,} new + {done.changed:,} changed + {done.unchanged:,} unchanged "
        f"+ {done.repeated:,} repeated + {done.unread:,} unread; {done.gone:,} products are gone."
    )
    for problem in done.problems:
        typer.echo(f"Unread: {problem}", err=True)


@catalogue_app.command("list")
def catalogue_list(
    text: Annotated[str, typer.Argument(help="Words of the title, id, SKU, brand or category.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many products.")] = 50,
    gone: Annotated[bool, typer.Option("--gone", help="Also what is no longer sold.")] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Products by title."""
    with opened(workspace) as ws:
        found = ws.products(text, limit=limit, gone=gone)
    if as_json:
        show(found)
        return
    headings = {"id": "Id", "sku": "SKU", "name": "Product", "costs": "Price", "sale": "Sale", "stock": "Stock",
                "availability": "Availability", "category": "Category", "source": "Source"}  # fmt: skip
    table([_row(each) for each in found["rows"]], headings, "No such products.")
    if found["total"] > len(found["rows"]):
        typer.echo(f"{found['total']:,} products in all; --limit shows more.")


def _row(each: dict[str, Any]) -> dict[str, Any]:
    name = ", ".join(part for part in (each["title"], each["variant"]) if part)
    prices = {"costs": _money(each["price"], each), "sale": _money(each["sale_price"], each)}
    return {**each, "name": name, **prices, "availability": _words(each)}


def _money(minor: int | None, each: dict[str, Any]) -> str:
    return "" if minor is None or each["currency"] is None else str(Money(minor, each["currency"]))


def _words(each: dict[str, Any]) -> str:
    return "gone" if each["gone"] else (each["availability"] or "").replace("_", " ")
