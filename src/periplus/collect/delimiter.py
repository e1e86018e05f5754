"""How a CSV file is written, guessed from its first lines; only to suggest, never while importing."""

from __future__ import annotations

import csv
import io

DELIMITERS = (",", ";", "\t", "|")


def guess_delimiter(head: bytes, quote: str | None = '"') -> str | None:
    """The delimiter by which the first records have most often the same number of fields (two or more).

    >>> guess_delimiter(b"a;b;c\\n1;2,5;3\\n2;3,5;4\\n")
    ';'
    """
    text = head.decode("utf-8", "replace")
    if len(head) >= 64 << 10:
        text = text[: text.rfind("\n") + 1]
    best: tuple[float, int, str] | None = None
    for delimiter in DELIMITERS:
        reader = csv.reader(
            io.StringIO(text),
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        )
        try:
            widths = [len(row) for row in reader if row][:200]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0], delimiter)
        best = score if best is None or score[:2] > best[:2] else best
    return best[2] if best else None
