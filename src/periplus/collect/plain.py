"""Any text file as plain UTF-8 bytes in memory-mapped form: unpacked, transcoded, without its mark.

Compression is told by the first bytes, never by the name. A file that needs unpacking or another
encoding is written out once beside the staged events, so that everything after reads it in place.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from periplus.errors import InputError
from periplus.store.staged import Progress

BLOCK = 4 << 20
Bytes = npt.NDArray[np.uint8]

_KINDS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Save the sheet as CSV, or unpack the archive."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV."),
    (b"%PDF", "a PDF", "Export the data as CSV."),
    (b"PAR1", "a Parquet file", "Name it .parquet and import it again."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
    (b"BZh", "compressed with bzip2", "Unpack it, or compress it with gzip or zstd."),
    (b"\xfd7zXZ", "compressed with xz", "Unpack it, or compress it with gzip or zstd."),
)


@dataclass(frozen=True)
class Plain:
    """The text of a file: `text` uint8[n], its name, and its size on disk as it was given."""

    path: Path
    text: Bytes
    bytes: int


def compression(path: Path) -> str | None:
    """`gzip`, `zstd`, or None, by the first bytes."""
    head = _head(path, 4)
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if head == b"\x28\xb5\x2f\xfd" else None


def is_parquet(path: Path) -> bool:
    """Whether the file begins as a Parquet file does (so also after unpacking, see `unpacked`)."""
    return _head(path, 4) == b"PAR1"


@contextmanager
def plain(
    path: Path, *, encoding: str = "utf-8", folder: Path, progress: Progress | None = None
) -> Iterator[Plain]:
    """The file as plain UTF-8; raises InputError if it is empty, cut off, or no text at all.

    What cannot be decoded from a one-byte encoding stays as an invalid byte, so that only its row is
    refused; the temporary copy in `folder` is gone after the block.
    """
    size = path.stat().st_size if path.is_file() else -1
    if size < 0:
        raise InputError(f"There is no file {path.name}.", code="no_file", hint="Check the path.")
    if size == 0:
        raise empty(path)
    name = codec(encoding)
    copy: Path | None = None
    try:
        if compression(path) or name != "utf-8":
            copy = folder / f"plain-{path.name}.tmp"
            with copy.open("wb") as out:
                for block in _decoded(path, name, encoding, progress):
                    out.write(block)
        readable = copy or path
        if readable.stat().st_size == 0:
            raise empty(path)
        # private mapping: pages are shared with the file and nothing here writes to them
        text: Any = np.memmap(readable, np.uint8, mode="c")
        text = text.view(np.ndarray)
        if bytes(text[:3]) == codecs.BOM_UTF8:
            text = text[3:]
        _check_text(path, bytes(text[: 64 << 10]))
        yield Plain(path, text, size)
    finally:
        if copy is not None:
            copy.unlink(missing_ok=True)


@contextmanager
def unpacked(path: Path, *, folder: Path, progress: Progress | None = None) -> Iterator[Path]:
    """The file itself, or its unpacked copy where it is compressed as a whole (`x.parquet.gz`)."""
    if compression(path) is None:
        yield path
        return
    copy = folder / f"unpacked-{path.name}.tmp"
    try:
        with copy.open("wb") as out:
            for block in _blocks(path, progress):
                out.write(block)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def codec(encoding: str) -> str:
    """The name Python has for an encoding; `utf-8` and its spellings become `utf-8`."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise InputError(
            f"There is no encoding {encoding!r}.",
            code="encoding",
            hint="Common ones are utf-8, cp1252, latin-1, utf-16, windows-1251, big5, shift_jis.",
        ) from None
    return "utf-8" if name in ("utf-8", "utf-8-sig", "ascii") else name


def first_text(path: Path, limit: int = 256 << 10) -> bytes:
    """Up to `limit` unpacked bytes from the start, to look at before anything is read."""
    taken = b""
    for block in _blocks(path, None):
        taken += block
        if len(taken) >= limit:
            break
    return taken[:limit]


def _head(path: Path, count: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as problem:
        raise InputError(
            f"{path.name} cannot be opened: {problem.strerror}.", code="no_file", hint="Check the path."
        ) from None


def _decoded(path: Path, name: str, written: str, progress: Progress | None) -> Iterator[bytes]:
    if name == "utf-8":
        yield from _blocks(path, progress)
        return
    errors = "strict" if name.startswith(("utf-16", "utf-32")) else "surrogateescape"
    decoder = codecs.getincrementaldecoder(name)(errors)
    done = 0
    try:
        for block in _blocks(path, progress):
            yield decoder.decode(block).encode("utf-8", "surrogateescape")
            done += len(block)
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")
    except UnicodeError as problem:
        raise InputError(
            f"{path.name} is not {written} after about {done:,} bytes: {getattr(problem, 'reason', problem)}.",
            code="encoding",
            hint="Give the right `encoding` in the mapping's format.",
        ) from None


def _blocks(path: Path, progress: Progress | None) -> Iterator[bytes]:
    """Unpacked blocks; a stream that ends early or breaks is an InputError that says how far it went."""
    kind, total, done = compression(path), path.stat().st_size, 0
    with path.open("rb") as raw:
        try:
            stream = _stream(raw, kind)
            while block := stream.read(BLOCK):
                done += len(block)
                if progress:
                    progress(
                        raw.tell() if kind != "zstd" else min(done, total), total, f"unpacking {path.name}"
                    )
                yield bytes(block)
        except (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowException, OSError) as problem:
            raise InputError(
                f"{path.name} is cut off or damaged: only the first {done:,} unpacked bytes can be read.",
                code="truncated",
                hint="Nothing was imported. Fetch the file again, or unpack it by hand and import what is whole.",
            ) from problem


def _stream(raw: BinaryIO, kind: str | None) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if kind == "zstd":
        return io.BufferedReader(_Zstd(raw), BLOCK)
    return raw


class _Zstd(io.RawIOBase):
    """A zstd stream as raw bytes; pyarrow ends in silence at a cut, so the last frame is checked too."""

    def __init__(self, raw: BinaryIO) -> None:
        self.stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self.stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def empty(path: Path) -> InputError:
    """What is said of a file without content, whatever its kind."""
    return InputError(f"{path.name} is empty.", code="empty", hint="Export it again; nothing was imported.")


def _check_text(path: Path, head: bytes) -> None:
    for magic, what, hint in _KINDS:
        if head.startswith(magic):
            raise InputError(f"{path.name} is not a text file but {what}.", code="not_text", hint=hint)
    if b"\0" in head:
        wide = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or head.count(b"\0") * 3 > len(head)
        raise InputError(
            f"{path.name} is not a text file in this encoding (it holds zero bytes).",
            code="not_text",
            hint="Say `encoding: utf-16` in the mapping's format."
            if wide
            else "Check that it is the right file.",
        )
