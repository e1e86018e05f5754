"""Kinds of catalogue files, and how one is told from another by its beginning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from periplus.collect.catalogue.product import Product, Unread
from periplus.registry import Registry

Found = Iterator[Product | Unread]
Rows = Iterator[tuple[int, Mapping[str, str]]]
"""(line, values by the header's names) of a table."""


@dataclass(frozen=True)
class Kind:
    """One kind. It reads what it can: XML as a stream, entries of a JSON document, rows of a table.

    `headers` are columns by which its tables are known, `keys` are keys by which its JSON entries are; the
    kind that names most of what is there is chosen. Each reader takes the currency of prices that name none.
    """

    label: str
    xml: Callable[[BinaryIO, str | None], Found] | None = None
    entry: Callable[[int, Mapping[str, Any], str | None], Found] | None = None
    table: Callable[[Rows, str | None], Found] | None = None
    headers: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


KINDS: Registry[Kind] = Registry("kind of catalogue")
