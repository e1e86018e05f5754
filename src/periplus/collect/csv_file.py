"""Rows of a CSV file, all values as text: ids never pass through a number.

Nothing is sniffed while reading: delimiter, quote and encoding are given. `line` is the physical
line on which a record starts, the header (if any) being line 1.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from periplus.collect import csv_scan
from periplus.collect.digest import Texts, hashes
from periplus.collect.plain import Bytes, Plain
from periplus.collect.rows import Chunk, Damaged, Seen, decoded
from periplus.collect.together import in_order
from periplus.errors import InputError
from periplus.store.arrays import array

FIELDS = 1 << 20
"""Fields per chunk: what bounds memory."""
DAMAGED = 4096
MOST_COLUMNS = 4096
RESERVED = ("@line", "@start", "@finish", "@high", "@low")


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written; `header` is True, False, or the names of the columns.

    `nulls` are words that mean nothing is there; an empty field always does. `skip` lines stand before the header.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    header: bool | tuple[str, ...] = True
    nulls: tuple[str, ...] = ()
    skip: int = 0


@dataclass(frozen=True)
class _Found:
    """Where the fields of some rows lie, as `csv_scan.scan` says."""

    good: int
    starts: np.ndarray
    ends: np.ndarray
    quoted: np.ndarray
    begins: np.ndarray
    finishes: np.ndarray
    lines: np.ndarray
    bad: np.ndarray
    after: int


class CsvFile:
    """An open CSV file (a `Reader`); raises InputError if it has a header and nothing else."""

    def __init__(self, plain: Plain, dialect: Dialect, threads: int = 1) -> None:
        self.plain = plain
        self.threads = threads
        self._learning = threading.Lock()
        self.path: Path = plain.path
        self.dialect = dialect
        self._start, self._line = _after(plain.text, dialect.skip), 1 + dialect.skip
        first = self._record()
        if dialect.header is True:
            self._start, self._line = first[1], first[2]
            self.columns = _unique(first[0])
            if not len(self.plain.text[self._start :].tobytes()[:4096].strip()):
                raise InputError(
                    f"{self.path.name} has a header and no rows.",
                    code="empty",
                    hint="Export it again; nothing was imported.",
                )
        elif dialect.header is False:
            self.columns = [f"column{number}" for number in range(1, len(first[0]) + 1)]
        else:
            self.columns = list(dialect.header)
        self.seen = {name: Seen() for name in self.columns}

    def _record(self) -> tuple[list[str], int, int]:
        """The first record, whatever its number of fields: values, next byte, next line."""
        room, text = MOST_COLUMNS, self.plain.text
        starts, ends, quoted = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.uint8)
        one = [np.zeros(1, np.int64) for _ in range(3)]
        bad = np.zeros((1, 5), np.int64)
        codes = self._codes()
        head = text[: self._start + csv_scan.LONGEST * 2]
        _, damaged, after, line = csv_scan.scan(
            head, self._start, self._line, room, *codes, starts, ends, quoted, *one, bad
        )
        if not damaged or bad[0, 3] != csv_scan.COLUMNS:
            what = {csv_scan.UNCLOSED: "a quote in its first line is never closed"}
            why = (
                what.get(int(bad[0, 3]), "its first line cannot be read")
                if damaged
                else "it holds only blank lines"
            )
            raise InputError(
                f"{self.path.name} cannot be read: {why}.",
                code="csv",
                hint="Check the quote, the delimiter and the encoding in the mapping's format.",
            )
        count = int(bad[0, 4])
        if count > room:
            raise InputError(f"{self.path.name} has more than {room} columns.", code="csv")
        raw = [_unquoted(head, starts[j], ends[j], quoted[j], self.dialect.quote) for j in range(count)]
        if not csv_scan.is_utf8(head, int(bad[0, 1]), int(bad[0, 2])):
            raise InputError(
                f"{self.path.name} is not UTF-8: its first line cannot be decoded.",
                code="encoding",
                hint="Say `encoding: cp1252` (or what it is) in the mapping's format.",
            )
        return [value.decode("utf-8").strip() for value in raw], int(after), int(line)

    def _codes(self) -> tuple[int, int, int]:
        dialect = self.dialect
        return tuple(  # type: ignore[return-value]
            ord(char) if char else -1 for char in (dialect.delimiter, dialect.quote, dialect.escape)
        )

    def chunks(
        self, wanted: Sequence[str] | None = None, source: str | None = None, ids: Sequence[str] = ()
    ) -> Iterator[Chunk]:
        """All rows, in order; the columns `wanted` (default: all) beside `@line`, `@start`, `@finish`.

        With a `source` also `@high` and `@low`, the halves of the row's hash over all columns; of rows that have all of
        the columns `ids` they may be missing.
        """
        take = [name for name in self.columns if wanted is None or name in set(wanted)]

        def copied(found: _Found) -> Chunk:
            # the others are looked at too: a plan says of each column how full it is
            texts = {name: self._column(name, found) for name in (take if source is None else self.columns)}
            named = bool(ids) and all(name in texts and _visible(*texts[name], found.good) for name in ids)
            arrays = [array(each[: found.good]) for each in (found.lines, found.begins, found.finishes)]
            names = ["@line", "@start", "@finish", *take]
            arrays += [text_array(*texts[name]) for name in take]
            if source is not None and named:
                arrays += [pa.nulls(found.good, pa.uint64())] * 2
                names += ["@high", "@low"]
            elif source is not None:
                arrays += hashes(source, texts, found.good)
                names += ["@high", "@low"]
            batch = pa.RecordBatch.from_arrays(arrays, names=names)
            return Chunk(batch, [self._damaged(row) for row in found.bad], found.after, len(self.plain.text))

        # fields are found one after another; what is found is copied by all cores
        yield from in_order(copied, self._found(), self.threads)

    def _found(self) -> Iterator[_Found]:
        text, width = self.plain.text, len(self.columns)
        rows = max(256, min(FIELDS, len(text)) // width)
        position, line = self._start, self._line
        while position < len(text):
            starts, ends = np.empty(rows * width, np.int64), np.empty(rows * width, np.int64)
            quoted = np.empty(rows * width, np.uint8)
            begins, finishes, lines = (np.empty(rows, np.int64) for _ in range(3))
            bad = np.empty((DAMAGED, 5), np.int64)
            good, damaged, position, line = csv_scan.scan(
                text,
                position,
                line,
                width,
                *self._codes(),
                starts,
                ends,
                quoted,
                begins,
                finishes,
                lines,
                bad,
            )
            yield _Found(good, starts, ends, quoted, begins, finishes, lines, bad[:damaged], position)

    def _column(self, name: str, found: _Found) -> Texts:
        width, column, rows = len(self.columns), self.columns.index(name), found.good
        mine = slice(column, rows * width, width)
        longest = int((found.ends[mine] - found.starts[mine]).sum())
        offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
        data = np.empty(longest, np.uint8)
        words = [word.encode() for word in self.dialect.nulls if word]
        shapes, filled = csv_scan.take(
            self.plain.text, found.starts, found.ends, found.quoted, rows, width, column, *self._codes()[1:],
            np.frombuffer(b"".join(words) or b"\0", np.uint8).copy(),
            np.cumsum([len(word) for word in words], dtype=np.int64),
            offsets, data, valid,
        )  # fmt: skip
        with self._learning:
            self.seen[name].shapes |= shapes
            self.seen[name].filled += filled
        return offsets, data, valid

    def _damaged(self, row: np.ndarray) -> Damaged:
        line, start, end, reason, fields = (int(value) for value in row)
        expected = len(self.columns)
        why = {
            csv_scan.UNCLOSED: "a quote is opened and never closed",
            csv_scan.AFTER_QUOTE: "text follows a closing quote",
            csv_scan.COLUMNS: f"too {'many' if fields > expected else 'few'} columns: {fields} instead of {expected}",
            csv_scan.NOT_UTF8: "the text is not UTF-8",
        }
        return Damaged(line, why[reason], self.original(start, end))

    def original(self, start: int, end: int) -> str:
        """The row as it stands in the file."""
        return decoded(self.plain.text[start:end].tobytes())


def _visible(offsets: np.ndarray, data: np.ndarray, valid: np.ndarray, rows: int) -> bool:
    """Whether each of the texts begins with a letter, digit or mark of ASCII, so that none is blank."""
    starts, ends = offsets[:rows], offsets[1 : rows + 1]
    if not valid[:rows].all() or not (ends > starts).all():
        return False
    first = data[starts]
    return bool(((first > 32) & (first < 127)).all())


def text_array(offsets: np.ndarray, data: np.ndarray, valid: np.ndarray) -> pa.Array:
    """An Arrow text array of the three buffers the compiled loops fill; `valid` bool[n]."""
    rows = len(valid)
    mask = None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), rows, [mask, pa.py_buffer(offsets), pa.py_buffer(data)])


def _unquoted(text: np.ndarray, start: int, end: int, mark: int, quote: str | None) -> bytes:
    raw = text[start:end].tobytes()
    return raw.replace((quote or "").encode() * 2, (quote or "").encode()) if mark == 2 and quote else raw


def _unique(names: Sequence[str]) -> list[str]:
    """Column names made different: a second `name` becomes `name_2`, an empty one `column3`."""
    taken = dict.fromkeys(RESERVED)
    for number, name in enumerate(names, 1):
        base, copy = name or f"column{number}", 2
        name = base
        while name in taken:
            name, copy = f"{base}_{copy}", copy + 1
        taken[name] = None
    return list(taken)[len(RESERVED) :]


def _after(text: Bytes, lines: int) -> int:
    """Where the line stands that comes after the first `lines`; the end of a shorter text."""
    head = text[: csv_scan.LONGEST].tobytes()
    place = 0
    for _ in range(lines):
        ends = [at for at in (head.find(b"\n", place), head.find(b"\r", place)) if at >= 0]
        if not ends:
            return len(text)
        place = min(ends) + (2 if head[min(ends) : min(ends) + 2] == b"\r\n" else 1)
    return place
