"""Files that are in a workspace only for a while: uploads that wait to be imported, and what work left in `spill`."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.people.removal import Place
from periplus.people.subject import Mentions
from periplus.store.home import Home
from periplus.store.manifest import GRACE

UPLOADS = "uploads"
AT_ONCE = 1 << 22
OVERLAP = 2000
"""Characters of a text that are looked at together with the next ones: a word may lie across."""


def uploads(root: Path, mentions: Mentions, *, remove: bool) -> Place:
    """Uploaded files in which a person is named; with `remove` they are deleted, to be uploaded again if need be."""
    found = Place()
    for path in sorted((root / UPLOADS).rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file() and any(mentions.text(text) for text in _texts(path)):
                found.add(1, path.stat().st_size)
                if remove:
                    path.unlink()
    return found


def _texts(path: Path) -> Iterator[str]:
    """What stands in a file, piece by piece; of one that cannot be read nothing, as nothing could be imported of it."""
    with suppress(pa.ArrowException, EOFError, gzip.BadGzipFile):
        with path.open("rb") as stream:
            head = stream.read(4)
        if head == b"PAR1":
            for group in pq.ParquetFile(path).iter_batches():
                for column in group.columns:
                    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                        yield "\n".join(text for text in column.to_pylist() if text is not None)
            return
        before = ""
        with gzip.open(path) if head[:2] == b"\x1f\x8b" else path.open("rb") as stream:
            while block := stream.read(AT_ONCE):
                text = before + block.decode("utf-8", "replace")
                yield text
                before = text[-OVERLAP:]


def clear_spill(home: Home) -> None:
    """Delete what a query that was killed left of its rows; one that is under way writes to younger files."""
    for path in home.spill.glob("duckdb_temp*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > GRACE:
                path.unlink()
