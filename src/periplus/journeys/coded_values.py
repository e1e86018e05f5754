"""Values of one property at events, by the codes that its columns have: no row is read, only distinct values.

`reading.read` gives the same from the rows, which takes long where there are millions; this is for files large enough
to have codes (`store.coded`), of columns of not too many values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import no_type_check

import numpy as np
import pyarrow as pa

from periplus.journeys.by_value import PIECE, coded_once, of_each, threads
from periplus.journeys.look_up import look_up
from periplus.store import door
from periplus.store.coded import LEAST_ROWS, MOST_VALUES
from periplus.store.columns import OWN, FileColumns
from periplus.store.compiled import compiled
from periplus.store.files import MARKED, EventFile
from periplus.store.snapshot import Expression, Snapshot


class CodedTexts:
    """Every text of a property of a snapshot, and for each journey event which of them it says.

    `texts[i]` is what `expression` makes of a value; `rows[shard]` holds uint16 per row: i + 1, or 0 for no value.
    """

    def __init__(self, texts: list[str], rows: list[np.ndarray]) -> None:
        self.texts, self.rows = texts, rows

    def occurring(self, snapshot: Snapshot, wanted: np.ndarray | None) -> np.ndarray:
        """int64: the places in `texts` of those that an event of a wanted name says (bool per name; None: any)."""
        seen = np.zeros(len(self.texts) + 1, np.uint8)
        table = np.ones(len(snapshot.names), np.uint8) if wanted is None else wanted.astype(np.uint8)

        def look(shard: int) -> None:
            _note(self.rows[shard], np.ascontiguousarray(snapshot.shard(shard).name), table, seen)

        with ThreadPoolExecutor(threads(snapshot)) as pool:
            list(pool.map(look, range(snapshot.shard_count)))
        return np.flatnonzero(seen[1:])


def has_codes(snapshot: Snapshot) -> bool:
    """Whether some file is large enough for its columns to have codes."""
    return any(file.rows >= LEAST_ROWS for file in snapshot.files)


def coded_texts(snapshot: Snapshot, path: str, expression: Expression) -> CodedTexts | None:
    """The texts that `expression`, which reads nothing but `path`, makes of its values; None where they must be read
    from the rows: in small files, where values lie in the rest beside the columns, or are very many."""
    if not has_codes(snapshot):
        return None
    sql = [expression(snapshot.columns_of(file))[0] for file in snapshot.files]
    numbered = snapshot.once(("texts", path, *sql), lambda: _numbered(snapshot, path, expression))
    if numbered is None:
        return None
    texts, of = numbered

    def by_value(file: EventFile, columns: FileColumns) -> np.ndarray:
        del columns
        return of[file.number]()

    return CodedTexts(texts, snapshot.evaluate(expression, np.uint16, by_value))


def _numbered(
    snapshot: Snapshot, path: str, expression: Expression
) -> tuple[list[str], dict[int, Callable[[], np.ndarray]]] | None:
    """The texts there are, and for each file what gives uint16 per row: the place of its text, from 1."""
    number: dict[str, int] = {}
    of: dict[int, Callable[[], np.ndarray]] = {}
    for file in snapshot.files:
        columns = snapshot.columns_of(file)
        held = _texts(snapshot, file, columns, path, expression)
        if held is None:
            return None
        said, codes = held
        table = np.zeros(
            max(len(said), 256 if codes is None or codes.dtype == np.uint8 else 65_536), np.uint16
        )
        for place, text in enumerate(said):
            if text is not None:
                code = number.setdefault(text, len(number) + 1)
                if code > MOST_VALUES:
                    return None
                table[place] = code
        of[file.number] = _looked_up(snapshot, file, table, codes)
    return list(number), of


Held = tuple[Sequence[str | None], np.ndarray | None]
"""By code from 0, which is no value: the text; and the codes of the rows, None where no row has a value."""


def _texts(
    snapshot: Snapshot, file: EventFile, columns: FileColumns, path: str, expression: Expression
) -> Held | None:
    if file.rows < LEAST_ROWS:
        return _read(snapshot, file, columns, expression)
    if path not in OWN:  # these every file has, and their values stand nowhere else
        if columns.in_rest(path):
            return None
        if path not in columns.columns:
            return [None], None
    found = coded_once(snapshot, file, path)
    if found is None:
        return None
    (texts,) = of_each(snapshot, {path: found.values}, [(path, *expression(columns))])
    return texts, found.codes


def _read(snapshot: Snapshot, file: EventFile, columns: FileColumns, expression: Expression) -> Held:
    """The texts of a small file, read from its rows."""
    sql, bound = expression(columns)
    aside = f" WHERE section < {MARKED}" if file.marked and not snapshot.with_marked else ""
    found = snapshot.query(
        f"SELECT {sql} AS v FROM read_parquet({door.file_list([file.path])}){aside}", bound
    )["v"]
    # As objects: a column without any value comes as numbers.
    texts = pa.array(np.ma.getdata(found).astype(object), pa.string(), mask=np.ma.getmaskarray(found))
    encoded = texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False) + 1
    return [None, *encoded.dictionary.to_pylist()], codes.astype(np.uint16)


def _looked_up(
    snapshot: Snapshot, file: EventFile, table: np.ndarray, codes: np.ndarray | None
) -> Callable[[], np.ndarray]:
    """What gives uint16 per row of a file: the entry of `table` for its code."""

    def found() -> np.ndarray:
        rows = file.rows if snapshot.with_marked else file.plain_rows
        if codes is None:
            return np.zeros(rows, np.uint16)
        out = np.empty(rows, np.uint16)

        def piece(start: int) -> None:
            stop = min(start + PIECE, rows)
            look_up(table, codes[start:stop], out[start:stop])

        with ThreadPoolExecutor(threads(snapshot)) as pool:
            list(pool.map(piece, range(0, rows, PIECE)))
        return out

    return found


@compiled(
    "void(Array(uint16, 1, 'C', readonly=True), Array(uint16, 1, 'C', readonly=True), u1[::1], u1[::1])"
)
@no_type_check
def _note(codes, names, wanted, seen):
    """Mark the codes that stand at events of the wanted names."""
    for i in range(codes.shape[0]):
        if wanted[names[i]]:
            seen[codes[i]] = 1
