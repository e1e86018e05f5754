"""What every reader hands on: rows in chunks, and damaged rows beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True)
class Damaged:
    """A row that cannot be read at all: its physical line, why, and the text as it stands in the file."""

    line: int
    reason: str
    payload: str
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: `rows` has `@line`, `@start`, `@finish` and the columns asked for; `damaged` ones apart.

    `done` of `total` bytes have been read.
    """

    rows: pa.RecordBatch
    damaged: list[Damaged]
    done: int
    total: int


@dataclass
class Seen:
    """What a reader learnt of one column while reading: how many values, and what they look like."""

    filled: int = 0
    shapes: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


class Reader(Protocol):
    """One open file as rows. `columns` in file order; `seen` is complete once `chunks` is exhausted."""

    path: Path
    columns: list[str]
    seen: dict[str, Seen]

    def chunks(self) -> Iterator[Chunk]: ...

    def original(self, start: int, end: int) -> str: ...


PAYLOAD = 64 << 10
"""Bytes of a refused row that are kept with it."""


def decoded(raw: bytes) -> str:
    """Bytes of a row as text to show; what is not UTF-8 is replaced."""
    return raw[:PAYLOAD].decode("utf-8", "replace").replace("\0", "�")
