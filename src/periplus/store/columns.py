"""How SQL over one file of events reads a path: which columns it has, and what lies in its rest.

A path is the full flattened one (`properties.price`, `context.device.type`). In a file its value is in
the column of that name, else in `rest`, a flat JSON object by path; a path through a list is in the
JSON column (or rest entry) of a proper prefix. Identifiers and JSON keys enter SQL here and nowhere
else, through `quote` and `pointer`; all other values are bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from periplus.event import join_path, split_path

UTC = ZoneInfo("UTC")
KINDS = ("BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "JSON")
OWN = frozenset({"channel", "source", "department"})
"""The event's own columns that a condition reads by bare name."""


def quote(identifier: str) -> str:
    """An SQL identifier, whatever it contains.

    >>> print(quote('a"b'))
    "a""b"
    """
    if "\x00" in identifier:
        raise ValueError("an identifier cannot contain NUL")
    return '"' + identifier.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """An SQL text literal, whatever it contains (for constants of our own and for keys; values are bound)."""
    if "\x00" in text:
        raise ValueError("a literal cannot contain NUL")
    return "'" + text.replace("'", "''") + "'"


def pointer(key: str) -> str:
    """The JSON pointer of one key as an SQL literal (RFC 6901: `~` is `~0`, `/` is `~1`).

    >>> print(pointer("it's/a.b"))
    '/it''s~1a.b'
    """
    return quote_text("/" + key.replace("~", "~0").replace("/", "~1"))


@dataclass(frozen=True)
class FileColumns:
    """The shredded columns of one file (path to kind) and the paths in its `rest` (None: unknown).

    `zone` is where the clock hangs that values which are times without an offset were read off.
    """

    columns: Mapping[str, str]
    rest: frozenset[str] | None = None
    zone: ZoneInfo = UTC

    def own(self, name: str) -> str:
        """A column every file has, quoted."""
        return quote(name)

    def in_rest(self, path: str) -> bool:
        """Whether `rest` may hold this very path."""
        return self.rest is None or path in self.rest

    def prefixes(self, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each proper prefix of a path below its root, shortest first, with the keys that remain.

        >>> list(FileColumns({}).prefixes("properties.products.category"))
        [('properties.products', ('category',))]
        """
        keys = split_path(path)
        for cut in range(2, len(keys)):
            yield join_path(keys[:cut]), keys[cut:]

    def below(self, path: str) -> list[str]:
        """The shredded columns that lie under a path, where it is an object."""
        return [column for column in self.columns if column.startswith(path + ".")]


INTEGER_TEXT = r"[+-]?[0-9]{1,19}"
NUMBER_TEXT = r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?"
"""Which texts are numbers; one that `INTEGER_TEXT` meets too, and that fits int64, is an exact one."""
IS_INTEGER = quote_text(INTEGER_TEXT)
IS_NUMBER = quote_text(NUMBER_TEXT)


_WORD = re.compile("[A-Za-z0-9_ -]+")


def text_form(kind: str, value: str) -> str:
    """SQL of the text form of a value of some kind: NFC; whole numbers without a decimal point.

    `value` is SQL too; of kind JSON it is what `json_extract` returns (JSON as DuckDB writes it). A list
    or an object has no text form: NULL.
    """
    if kind == "VARCHAR":
        return f"nfc_normalize({value})"
    if kind == "DOUBLE":
        return (
            f"CASE WHEN {value} = trunc({value}) AND {value} >= -9223372036854775808e0"
            f" AND {value} < 9223372036854775808e0 THEN CAST(CAST({value} AS BIGINT) AS VARCHAR)"
            f" WHEN isfinite({value}) THEN CAST({value} AS VARCHAR) END"
        )
    if kind == "JSON":
        text = f"CAST({value} AS VARCHAR)"
        exact, double = f"TRY_CAST({text} AS BIGINT)", f"TRY_CAST({text} AS DOUBLE)"
        return (
            f"CASE WHEN starts_with({value}, '\"') THEN nfc_normalize({unquoted(value)})"
            f" WHEN {text} IN ('true', 'false') THEN {text}"
            f" WHEN regexp_full_match({text}, {IS_INTEGER}) AND {exact} IS NOT NULL"
            f" THEN CAST({exact} AS VARCHAR)"
            f" WHEN regexp_full_match({text}, {IS_NUMBER}) THEN {text_form('DOUBLE', double)} END"
        )
    return f"CAST({value} AS VARCHAR)"


def unquoted(value: str) -> str:
    """SQL of a JSON text as the text it stands for."""
    return f"json_extract_string({value}, '$')"


def elements(value: str, keys: tuple[str, ...] = (), *, missing: bool = False) -> str:
    """SQL of the JSON values that keys lead to in the elements of a JSON list (none, if it is no list).

    `value` is SQL of the list. Every list on the way is opened; one that is itself an element is not.
    Where the keys lead nowhere there may be a NULL, with `missing` there is one in any case.
    """
    if keys and not missing and _WORD.fullmatch(keys[0]):  # one walk inside the JSON, the common case
        found, keys = _opened(f"""json_extract({value}, '$[*]."{keys[0]}"')"""), keys[1:]
    else:
        found = f"json_extract({value}, '$[*]')"
    for key in keys:
        inner = f"CASE WHEN starts_with(e, '{{') THEN json_extract(e, {pointer(key)}) END"
        found = _opened(f"list_transform({found}, lambda e: {inner})")
    return found


def _opened(found: str) -> str:
    opened = "CASE WHEN starts_with(e, '[') THEN json_extract(e, '$[*]') ELSE [e] END"
    return f"flatten(list_transform({found}, lambda e: {opened}))"
