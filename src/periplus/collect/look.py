"""The first rows of a file, looked at before anything is imported: its format, its columns, some values."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus.collect import load, rows_of
from periplus.collect.delimiter import guess_delimiter
from periplus.collect.mapping import Format
from periplus.collect.opened import Workbench
from periplus.collect.plain import compression, first_text, is_parquet
from periplus.store.door import quoted

HEAD = 512 << 10
"""Unpacked bytes from the start of a file that are looked at."""
ROWS = 2000


@dataclass(frozen=True)
class Look:
    """A column of the first rows: the values, how many are filled, how many differ."""

    name: str
    values: list[str]
    rows: int
    seen: Any = None

    @property
    def words(self) -> str:
        """The name in lower case with single underscores: `orderedAt` is `ordered_at`."""
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", self.name)
        return re.sub(r"[^0-9a-zà-ž]+", "_", spaced.lower()).strip("_")

    @property
    def distinct(self) -> int:
        return len(set(self.values))


def look(bench: Workbench, path: Path, format: dict[str, Any]) -> list[Look]:
    """The columns of the first rows of a file."""
    with ExitStack() as stack:
        near = Workbench(
            bench.connection, stack, bench.scratch, bench.target, bench.settings, names=bench.names
        )
        head = path if is_parquet(path) or ".parquet" in path.name.lower() else _head(bench, path)
        rows = rows_of.opened(near, head, Format.model_validate(format))
        loaded = load.Loaded(dict.fromkeys(rows.columns, "VARCHAR"))
        rows.add(near, loaded, 0, rows.columns, None)
        taken = ", ".join(f"{load.column(name)} AS {quoted(name)}" for name in rows.columns)
        arrow = bench.connection.sql(
            f'SELECT {taken} FROM {loaded.relation} ORDER BY "row" LIMIT {ROWS}'
        ).to_arrow_table()
        result = []
        for name in rows.columns:
            values = [str(value) for value in arrow.column(name).to_pylist() if value is not None]
            result.append(Look(name, values, arrow.num_rows, rows.seen.get(name)))
        return result


def written(path: Path) -> dict[str, Any]:
    """The format of a file, guessed: its type, and for CSV delimiter, encoding and null words."""
    names = path.name.lower()
    if is_parquet(path) or ".parquet" in names:
        return {"type": "parquet"}
    if any(ending in names for ending in (".jsonl", ".ndjson", ".json")):
        return {"type": "jsonl"}
    head = first_text(path, HEAD)
    encoding = _encoding(head)
    text = head.decode(encoding, "replace").encode()
    result: dict[str, Any] = {"delimiter": guess_delimiter(text) or ","}
    if encoding != "utf-8":
        result["encoding"] = encoding
    return result


def _encoding(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        head[: max(0, len(head) - 4)].decode("utf-8")
    except UnicodeDecodeError as problem:
        return "utf-8" if problem.start >= len(head) - 8 else "cp1252"
    return "utf-8"


def _head(bench: Workbench, path: Path) -> Path:
    """The first bytes of a text file, up to the end of a line, as a file of their own."""
    text = first_text(path, HEAD)
    if len(text) == HEAD:
        text = text[: text.rfind(b"\n") + 1] or text
    copy = (
        bench.scratch
        / f"head-{path.name.removesuffix('.gz').removesuffix('.zst') if compression(path) else path.name}"
    )
    copy.write_bytes(text)
    return copy
