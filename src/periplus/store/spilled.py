"""Columns that were taken in the order of the rows and laid aside on disk, a group of rows after another.

Where all columns have no room in memory together, each of them has: it is read, taken and laid aside before the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from periplus.store.files import ROW_GROUP
from periplus.store.staged_column import Column, unified


@dataclass(frozen=True)
class SpilledColumn:
    """A `Column` whose n rows lie in a file: group k of `size` rows at `spans[k]`, an Arrow stream of its own."""

    type: pa.DataType
    path: Path
    spans: Sequence[tuple[int, int]]
    size: int

    def _groups(self, first: int, last: int) -> list[pa.Array]:
        with pa.memory_map(str(self.path)) as file:
            whole = file.read_buffer(file.size())
        return [
            pa.ipc.open_stream(whole.slice(*span)).read_next_batch().column(0)
            for span in self.spans[first:last]
        ]

    def _values(self, start: int, stop: int) -> pa.Array:
        """The values of whole groups that begin at row `start`, as far as they are asked."""
        groups = self._groups(start // self.size, -(-stop // self.size))
        if len(groups) == 1:
            found = groups[0]
        elif any(isinstance(group, pa.DictionaryArray) for group in groups):
            found = unified(groups)
        else:
            found = pa.concat_arrays(groups)
        return found[: stop - start]

    def taken(self, start: int, stop: int) -> pa.Array:
        """The values of the rows start:stop; `start` is the first of a group."""
        return self._values(start, stop)

    def codes(self, texts: Sequence[str]) -> np.ndarray:
        """uint16[n]: the place of each row's text among `texts`; 0 where it is none of them."""
        found = [
            Column(self.type, group, np.arange(len(group))).codes(texts)
            for number in range(len(self.spans))
            for group in self._groups(number, number + 1)
        ]
        return np.concatenate(found) if found else np.zeros(0, np.uint16)

    def frequent(self, sample: int, most: int) -> list[Any]:
        """The most frequent values of the first rows."""
        if not self.spans:
            return []
        values = self._values(0, sample)
        return Column(self.type, values, np.arange(len(values))).frequent(sample, most)


def spilled(column: Column, path: Path, size: int = ROW_GROUP) -> Column | SpilledColumn:
    """A column laid aside in a new file, in groups of `size` rows; one without any value stays what it is."""
    if column.values is None:
        return column
    spans = []
    with pa.OSFile(str(path), "wb") as file:
        for start in range(0, len(column.rows), size):
            batch = pa.record_batch([column.taken(start, start + size)], names=["value"])
            begun = file.tell()
            with pa.ipc.new_stream(file, batch.schema) as stream:
                stream.write_batch(batch)
            spans.append((begun, file.tell() - begun))
    return SpilledColumn(column.type, path, spans, size)
