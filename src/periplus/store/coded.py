"""A column of a file as small codes: each distinct value has a number, each row takes a byte or two.

What a condition says of one column is asked once of each distinct value, not of each row; the rows then look
the answer up. The codes are made when a question first reads the column and are kept beside the file
(`runs/000007.coded-….npy`, and `.arrow` with the values), so they are gone when it is. Columns with very
many distinct values have none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from periplus.store.files import EventFile

LEAST_ROWS = 20_000
"""Rows of a file below which SQL is fast enough."""
MOST_VALUES = 65_535
"""Distinct values that codes can tell apart."""
_MANY = b"many"
"""What the metadata of a column without codes says."""
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Coded:
    """`codes` uint8 or uint16, one per row of the file, memory-mapped: 0 for no value, i + 1 for `values[i]`."""

    codes: np.ndarray
    values: pa.Array


def coded(file: EventFile, column: str, threads: int) -> Coded | None:
    """The codes of a column; None for a small file, and for a column of very many values.

    Where they cannot be kept, as on a disk that is full or not ours, they are made anew each time.
    """
    if file.rows < LEAST_ROWS:
        return None
    beside = _beside(file, column)
    with _LOCK:  # one at a time: two questions would make the same codes
        known = _kept(beside, file.rows)
        if known is None:
            known = _made(file, column, threads)
            with contextlib.suppress(OSError):
                _keep(beside, known)
    return known if known.values is not None else None


@dataclass(frozen=True)
class _None(Coded):
    """A column of too many values."""


_NOTHING = _None(np.zeros(0, np.uint8), None)


def _beside(file: EventFile, column: str) -> Path:
    digest = hashlib.blake2b(column.encode(), digest_size=8).hexdigest()
    return file.path.with_name(f"{file.path.stem}.coded-{digest}")


def _kept(beside: Path, rows: int) -> Coded | None:
    """What lies beside the file; None where nothing does, or what is there is not whole."""
    try:
        with pa.OSFile(str(beside.with_name(beside.name + ".arrow"))) as source:
            table = ipc.open_file(source).read_all()
        if (table.schema.metadata or {}).get(_MANY):
            return _NOTHING
        codes = np.asarray(np.load(beside.with_name(beside.name + ".npy"), mmap_mode="c"))
    except (OSError, ValueError, EOFError, pa.ArrowException):
        return None
    if len(codes) != rows:
        return None
    return Coded(
        codes, table.column(0).combine_chunks() if table.num_rows else pa.array([], table.schema.types[0])
    )


def _keep(beside: Path, made: Coded) -> None:
    """Write codes and values; the values last, as they are looked for first."""
    many = made.values is None
    if not many:
        with _aside(beside.with_name(beside.name + ".npy")) as path, path.open("wb") as stream:
            np.save(stream, made.codes)
    values = pa.array([], pa.bool_()) if many else made.values
    schema = pa.schema([pa.field("value", values.type)], metadata={_MANY: b"1"} if many else None)
    with (
        _aside(beside.with_name(beside.name + ".arrow")) as path,
        pa.OSFile(str(path), "wb") as sink,
        ipc.new_file(sink, schema) as writer,
    ):
        writer.write_table(pa.table([values], schema=schema))


@contextlib.contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A file written under another name and then renamed: it is there whole, or not at all."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield aside
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _made(file: EventFile, column: str, threads: int) -> Coded:
    groups = pq.read_metadata(file.path).num_row_groups
    local = threading.local()

    def read(group: int) -> pa.DictionaryArray | None:
        if not hasattr(local, "file"):
            local.file = pq.ParquetFile(file.path, memory_map=True)
        chunk = local.file.read_row_group(group, columns=[column], use_threads=False).column(column)
        encoded = chunk.combine_chunks().dictionary_encode()
        encoded = encoded if isinstance(encoded, pa.DictionaryArray) else encoded.chunk(0)
        return encoded if len(encoded.dictionary) <= MOST_VALUES else None

    chunks = []
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for chunk in pool.map(read, range(groups)):
            if chunk is None:
                pool.shutdown(wait=False, cancel_futures=True)
                return _NOTHING
            chunks.append(chunk)
    whole = pa.chunked_array(chunks).unify_dictionaries()
    values = whole.chunk(0).dictionary
    if len(values) > MOST_VALUES:
        return _NOTHING
    codes = np.empty(len(whole), np.uint8 if len(values) < 256 else np.uint16)
    at = 0
    for chunk in whole.chunks:
        index = chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        np.add(index, 1, out=codes[at : at + len(index)], casting="unsafe")
        at += len(index)
    return Coded(codes, values)
