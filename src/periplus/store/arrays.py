"""Arrow arrays: of the memory that numbers are in, and in memory that is used again.

Arrow's own way from numpy looks for pandas first; where that is installed, importing it takes longer than a file of some
hundred thousand events.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa


@contextmanager
def reused() -> Iterator[None]:
    """Arrow takes its memory meanwhile from where numpy takes its own.

    Its own allocator gives back at once what is free, and the system clears each page that is taken anew: a quarter of
    the processor's time where many long columns come and go.
    """
    before = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def array(values: np.ndarray, valid: np.ndarray | None = None) -> pa.Array:
    """Numbers or booleans, of which those are missing that are not `valid` bool[n].

    >>> array(np.array([True, False])).to_pylist()
    [True, False]
    >>> array(np.array([7, 8]), np.array([True, False])).to_pylist()
    [7, None]
    """
    there = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if values.dtype == np.bool_:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [there, pa.py_buffer(bits)])
    held = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [there, pa.py_buffer(held)])


def numbers(values: pa.Array) -> np.ndarray:
    """The numbers of an array as they lie in memory; where one is missing, whatever stands there.

    >>> numbers(pa.array([7, 8, 9])[1:]).tolist()
    [8, 9]
    """
    kind = values.type.to_pandas_dtype()
    data = values.buffers()[1]
    if not len(values):
        return np.zeros(0, kind)
    return np.frombuffer(data, kind, len(values), values.offset * np.dtype(kind).itemsize)


def missing(values: pa.Array) -> np.ndarray:
    """int8[n]: -1 where a value is missing, else 0.

    >>> missing(pa.array([7, None, 9])[1:]).tolist()
    [-1, 0]
    """
    there = values.buffers()[0]
    if there is None:
        return np.zeros(len(values), np.int8)
    bits = np.unpackbits(np.frombuffer(there, np.uint8), count=values.offset + len(values), bitorder="little")
    return (bits[values.offset :] - np.uint8(1)).view(np.int8)
