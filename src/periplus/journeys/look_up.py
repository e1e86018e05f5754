"""One table entry per code, for as many codes as there are events: compiled, as every question does it."""

from __future__ import annotations

from typing import no_type_check

from periplus.store.compiled import compiled


@compiled(
    [
        f"void({table}[::1], Array({codes}, 1, 'C', readonly=True), {table}[::1])"
        for table, codes in (
            ("u1", "uint8"), ("u1", "uint16"), ("u2", "uint8"), ("u2", "uint16"), ("u4", "uint16")
        )
    ]
)  # fmt: skip
@no_type_check
def look_up(table, codes, found):
    """`found[i] = table[codes[i]]`; `found` is of the table's type."""
    for i in range(codes.shape[0]):
        found[i] = table[codes[i]]
