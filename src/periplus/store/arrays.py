"""Numbers as Arrow arrays of the same memory.

Arrow's own way from numpy looks for pandas first; where that is installed, importing it takes longer than a file of some
hundred thousand events.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def array(values: np.ndarray) -> pa.Array:
    """Numbers or booleans, none of which is missing.

    >>> array(np.array([True, False])).to_pylist()
    [True, False]
    """
    if values.dtype == np.bool_:
        bits = np.packbits(values, bitorder="little")
        return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])
    held = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(held.dtype), len(held), [None, pa.py_buffer(held)])
