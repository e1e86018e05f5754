"""Numbers as Arrow arrays of the same memory.

Arrow's own way from numpy looks for pandas first; where that is installed, importing it takes longer than a file of some
hundred thousand events.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


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
