"""Which columns of a file a part of a condition reads, so that one that reads a single column can be asked of its values."""

from __future__ import annotations

from periplus.condition.times import RELATIVE
from periplus.condition.tree import Compare, Exists, Named, Node
from periplus.store.columns import OWN, FileColumns

REST = "rest"
EVENT = "event"
TIME = "time"


def columns_read(part: Node, columns: FileColumns) -> frozenset[str] | None:
    """The columns whose values decide a name, a comparison or a presence; None for any other node.

    >>> from periplus.condition import Condition
    >>> sorted(columns_read(Condition.parse({"where": {"price": 3}}).tree, FileColumns({"properties.price": "DOUBLE"}, frozenset())))
    ['properties.price']
    """
    match part:
        case Named():
            return frozenset((EVENT,))
        case Compare(path) | Exists(path):
            below = columns.below(path) if isinstance(part, Exists) else []
            timed = isinstance(part, Compare) and any(test.operator in RELATIVE for test in part.tests)
            more = frozenset((TIME,)) if timed else frozenset()
            return frozenset((*_of(path, columns), *below)) | _rest_below(part, columns) | more
        case _:
            return None


def _of(path: str, columns: FileColumns) -> list[str]:
    """Where a value of the path itself may stand: its column, the rest, and lists on the way to it."""
    if path in OWN:
        return [path]
    found = [path] if path in columns.columns else []
    if columns.in_rest(path):
        found.append(REST)
    for prefix, _ in columns.prefixes(path):
        if columns.columns.get(prefix) == "JSON":
            found.append(prefix)
        if columns.in_rest(prefix):
            found.append(REST)
    return found


def _rest_below(part: Node, columns: FileColumns) -> frozenset[str]:
    """The rest, where a presence may be that of an object some of whose leaves lie in it."""
    if not isinstance(part, Exists) or part.path in OWN:
        return frozenset()
    if columns.rest is None or any(each.startswith(part.path + ".") for each in columns.rest):
        return frozenset((REST,))
    return frozenset()
