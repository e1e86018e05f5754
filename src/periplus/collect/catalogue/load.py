"""A catalogue file, plain or compressed, read into products; what kind it is is told from its beginning."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import periplus.collect.catalogue.ecwid
import periplus.collect.catalogue.merchant
import periplus.collect.catalogue.shopify
import periplus.collect.catalogue.table
import periplus.collect.catalogue.woocommerce  # noqa: F401  each registers its kind
from periplus.collect.catalogue.kinds import KINDS, Found, Kind, Rows
from periplus.collect.catalogue.product import Unread
from periplus.collect.delimiter import guess_delimiter
from periplus.collect.plain import first_text, unpacked
from periplus.collect.shops.body import decoded
from periplus.errors import InputError

HEAD = 64 << 10
LARGEST_JSON = 256 << 20
LONGEST_FIELD = 1 << 20
LISTS = ("products", "items", "data")
"""Keys under which a JSON document may have its list of products."""


def load(path: Path, *, folder: Path, currency: str | None, kind: str | None = None) -> tuple[str, Found]:
    """(kind, products and what is unread) of a file; `folder` is for unpacking. Raises InputError.

    The products are read as they are asked for, so a file that is damaged further on raises then.
    """
    head = first_text(path, HEAD)
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise InputError(f"{path.name} is empty.", code="empty", hint="Export the catalogue again.")
    if start[:1] == b"<" or start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        chosen = _able("merchant" if kind is None else kind, "xml", path)
        return chosen, _stream(path, folder, KINDS[chosen], currency)
    if start[:1] in (b"{", b"["):
        entries = _entries(path, folder)
        chosen = _able(
            kind or _likeliest("keys", {name for each in entries[:20] for name in each}, "entry"),
            "entry",
            path,
        )
        return chosen, _from_entries(entries, KINDS[chosen], currency)
    header, delimiter = _header(head)
    chosen = _able(kind or _likeliest("headers", set(header), "table"), "table", path)
    return chosen, _from_table(path, folder, delimiter, KINDS[chosen], currency)


def _able(name: str, how: str, path: Path) -> str:
    """The kind, if it reads files of this form; raises NotFoundError for a name nobody knows."""
    if getattr(KINDS[name], how) is None:
        form = {"xml": "XML", "entry": "JSON", "table": "a table"}[how]
        able = [each for each in KINDS if getattr(KINDS[each], how) is not None]
        raise InputError(
            f"{path.name} is {form}, and the kind {name!r} is not.",
            code="kind",
            hint=f"Leave the kind out, or use one of: {', '.join(able)}.",
            allowed=able,
        )
    return name


def _likeliest(marks: str, there: set[str], how: str) -> str:
    """The kind most of whose marks are there, if at least half are; else the plain one."""

    def share(name: str) -> float:
        known: frozenset[str] = getattr(KINDS[name], marks)
        return len(known & there) / len(known) if known and getattr(KINDS[name], how) is not None else 0.0

    best = max(KINDS, key=share)
    if share(best) >= 0.5:
        return best
    return "csv"


def _stream(path: Path, folder: Path, kind: Kind, currency: str | None) -> Found:
    assert kind.xml is not None
    with unpacked(path, folder=folder) as inner, inner.open("rb") as file:
        yield from kind.xml(file, currency)


def _entries(path: Path, folder: Path) -> list[Mapping[str, Any]]:
    with unpacked(path, folder=folder) as inner:
        if inner.stat().st_size > LARGEST_JSON:
            raise InputError(
                f"{path.name} has more than {LARGEST_JSON >> 20} MB of JSON.",
                code="too_large",
                hint="Part it into several files and import each with --partial, or export a table.",
            )
        raw = inner.read_bytes().removeprefix(b"\xef\xbb\xbf").strip()
    try:
        document = decoded(raw)
    except InputError:
        document = _lines(raw, path)
    if isinstance(document, dict):
        listed = next((document[name] for name in LISTS if isinstance(document.get(name), list)), None)
        single = document.get("product")
        document = listed if listed is not None else [single if isinstance(single, dict) else document]
    if not isinstance(document, list):
        raise InputError(
            f"{path.name} holds no list of products.", code="json", hint="Export the products of the shop."
        )
    return [each if isinstance(each, dict) else {} for each in document]


def _lines(raw: bytes, path: Path) -> list[Any]:
    """JSON Lines: one product a line."""
    try:
        return [decoded(line) for line in raw.splitlines() if line.strip()]
    except InputError as problem:
        raise InputError(
            f"{path.name} is neither JSON nor JSON Lines: {problem.message}",
            code="json",
            hint="Export it again.",
        ) from None


def _from_entries(entries: list[Mapping[str, Any]], kind: Kind, currency: str | None) -> Found:
    assert kind.entry is not None
    for number, each in enumerate(entries, 1):
        yield from kind.entry(number, each, currency)


def _header(head: bytes) -> tuple[list[str], str]:
    delimiter = guess_delimiter(head) or ","
    text = head.decode("utf-8-sig", "replace")
    try:
        return next(csv.reader(io.StringIO(text), delimiter=delimiter), []), delimiter
    except csv.Error:
        return [], delimiter


def _from_table(path: Path, folder: Path, delimiter: str, kind: Kind, currency: str | None) -> Found:
    assert kind.table is not None
    with unpacked(path, folder=folder) as inner, inner.open(encoding="utf-8-sig", newline="") as file:
        damaged: list[Unread] = []
        for found in kind.table(_rows(file, delimiter, path, damaged), currency):
            yield from damaged
            damaged.clear()
            yield found
        yield from damaged


def _rows(file: io.TextIOWrapper, delimiter: str, path: Path, damaged: list[Unread]) -> Rows:
    """Rows by the header's names; those with too many fields go to `damaged`, blank lines nowhere."""
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(file, delimiter=delimiter)
    try:
        header = [name.strip() for name in next(reader, [])]
        if len({name for name in header if name}) < 2:
            raise InputError(
                f"{path.name} is no table of products: its first line names fewer than two columns.",
                code="header",
                hint="The first line has the columns' names, such as id, title, price.",
            )
        for row in reader:
            if not any(row):
                continue
            if len(row) > len(header):
                damaged.append(Unread(reader.line_num, "The row has more fields than the header."))
                continue
            yield reader.line_num, dict(zip(header, row, strict=False))
    except csv.Error as problem:
        raise InputError(
            f"{path.name} cannot be read at line {reader.line_num}: {problem}.",
            code="csv",
            hint="Mend the line.",
        ) from None
    except UnicodeDecodeError:
        raise InputError(
            f"{path.name} is not a text in UTF-8.", code="encoding", hint="Save it as UTF-8."
        ) from None


def listed() -> list[dict[str, str]]:
    """Every kind as `name` and `label`."""
    return [{"name": name, "label": KINDS[name].label} for name in KINDS]
