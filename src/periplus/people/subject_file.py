"""The document about one person as a file: JSON as it is, or a zip of tables for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from periplus.errors import InputError
from periplus.store.files import os_problem

TABLES: dict[str, Sequence[str]] = {
    "identifiers": ("kind", "value", "rank", "first", "last", "events", "why", "used_by_others"),
    "traits": ("time", "trait", "value", "source"),
    "consents": ("time", "purpose", "given", "source", "kind", "identifier"),
    "notes": ("number", "written", "changed", "author", "text"),
    "orders": ("order_id", "time", "state", "gross", "refunded", "net", "coupon", "recipient", "source", "channel"),
    "order_products": ("order_id", "name", "id", "variant", "quantity", "price"),
    "tickets": (
        "ticket_id", "opened", "answered", "solved", "open", "reason", "subject", "text", "order_id", "satisfaction", "source",
    ),
    "answers": (),
    "events": (
        "timestamp", "receivedAt", "type", "event", "original", "source", "channel", "department", "userId", "anonymousId",
        "email", "phone", "previousId", "messageId", "batch", "left_out", "consent", "properties", "context", "traits",
    ),
    "waiting": ("receivedAt", "source", "message"),
    "refused": ("receivedAt", "source", "reason", "file", "line", "payload"),
}  # fmt: skip
"""The tables of the zip with their columns, in which further ones may follow; amounts are minor units."""
_FROM = {"traits": "traits_history", "consents": "consents_history"}


def packed(document: Mapping[str, Any], name: str) -> bytes:
    """The content of a file of that name; raises InputError for an ending that says no form."""
    if name.lower().endswith(".json"):
        return json.dumps(document, ensure_ascii=False, indent=2).encode()
    if name.lower().endswith(".zip"):
        return _zip(document)
    raise InputError(f"{name} has no ending that says its form.", hint="Name it .json, or .zip for tables.")


def write(document: Mapping[str, Any], path: Path) -> None:
    """Write the document to a file that only its owner may read; half of it is never there."""
    content = packed(document, path.name)
    aside = path.with_name(f"{path.name}.part")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        aside.replace(path)
    except OSError as problem:
        raise os_problem(problem, path) from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _zip(document: Mapping[str, Any]) -> bytes:
    tables = {name: list(document.get(_FROM.get(name, name)) or ()) for name in TABLES}
    tables["order_products"] = [
        {"order_id": order["order_id"], **line} for order in document["orders"] for line in order["products"]
    ]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        about = {"made": document["made"], "data_version": document["data_version"], **document["person"]}
        archive.writestr("person.csv", _table([about], list(about)))
        for name, rows in tables.items():
            more = dict.fromkeys(key for row in rows for key in row) if not TABLES[name] else {}
            archive.writestr(f"{name}.csv", _table(rows, [*TABLES[name], *more]))
    return out.getvalue()


def _table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
    return out.getvalue()


def _cell(value: Any) -> str:
    """A value as a spreadsheet reads it; a text that it would take for a formula begins with an apostrophe.

    >>> _cell("=1+1"), _cell({"a": 1}), _cell(True), _cell(None), _cell(-3)
    ("'=1+1", '{"a": 1}', 'true', '', '-3')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
