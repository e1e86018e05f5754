"""The 128-bit key of an event: what makes it the same event when it comes again.

With a message id it is of (source, message id): a UUID keeps its own bits, mixed with the source's; the
id `key:<32 hex digits>`, which our own export writes, is the key itself. Without one it is of (source,
the row's non-null columns as read by sorted name), mixed with the event's place in the mapping and how
many equal rows came before it in its file. All hashes are MD5, read as a little-endian number: stable
over versions and machines, and not a matter of security.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping

from periplus.store.door import literal

try:  # Python's own; that of OpenSSL looks for its algorithm anew for every text, which takes longer than the hash
    from _md5 import md5  # type: ignore[import-not-found]
except ImportError:  # a Python that was built without it
    from hashlib import md5

_UUID = re.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def number(text: str) -> int:
    """The MD5 of a text as a 128-bit number, as DuckDB's `md5_number`."""
    return int.from_bytes(md5(text.encode(), usedforsecurity=False).digest(), "little")


def sized(text: str) -> str:
    """A text preceded by its length in bytes, so that texts one after another cannot be confused.

    >>> sized("é")
    '2:é'
    """
    return f"{len(text.encode())}:{text}"


def of_message(source: str, message_id: str) -> int:
    """The key of an event with a message id."""
    if message_id.startswith("key:") and len(message_id) == 36:
        try:
            return int(message_id[4:], 16)
        except ValueError:
            pass
    if len(message_id) in (32, 36):
        try:
            return uuid.UUID(message_id).int ^ number(source)
        except ValueError:
            pass
    return number("m" + sized(source) + sized(message_id))


def of_messages(source: str) -> Callable[[str], bytes]:
    """`of_message` for one source and many messages, as 16 bytes, the highest first.

    >>> of_messages("web")("7") == of_message("web", "7").to_bytes(16, "big")
    True
    """
    hashed, before = number(source), "m" + sized(source)

    def of(message_id: str) -> bytes:
        if len(message_id) in (32, 36):
            if _UUID.fullmatch(message_id):
                return (int(message_id.replace("-", ""), 16) ^ hashed).to_bytes(16, "big")
            return of_message(source, message_id).to_bytes(16, "big")
        text = message_id.encode()
        hashed_text: bytes = md5(f"{before}{len(text)}:".encode() + text, usedforsecurity=False).digest()
        return hashed_text[::-1]

    return of


def of_row(source: str, columns: Mapping[str, str | None], place: int = 0, before: int = 0) -> int:
    """The key of an event without one: of the row's columns, the event's place and the equal rows before."""
    parts = [sized(name) + sized(value) for name, value in sorted(columns.items()) if value is not None]
    return number("r" + sized(source) + "".join(parts)) ^ (before << 16 | place)


def message_sql(source: str, source_hash: str, message_id: str) -> str:
    """SQL: UHUGEINT key of `message_id` (not null); equals `of_message`.

    `source` is SQL for its text, `source_hash` for its `number` (a constant where there is but one).
    """
    sized_id = f"strlen({message_id}) || ':' || {message_id}"
    like_uuid = f"CASE WHEN strlen({message_id}) IN (32, 36) THEN {message_id} END"
    return (
        f"CASE WHEN starts_with({message_id}, 'key:') AND regexp_full_match({message_id}, 'key:[0-9a-fA-F]{{32}}') "
        f"THEN CAST(CAST(substr({message_id}, 5) AS UUID) AS UHUGEINT) ELSE COALESCE("
        f"xor(CAST(TRY_CAST({like_uuid} AS UUID) AS UHUGEINT), {source_hash}), "
        f"md5_number('m' || strlen({source}) || ':' || {source} || {sized_id})) END"
    )


def shown_sql(message_id: str) -> str:
    """SQL: the message id to keep; the `key:…` of our own export stands for having had none."""
    ours = f"starts_with({message_id}, 'key:') AND regexp_full_match({message_id}, 'key:[0-9a-fA-F]{{32}}')"
    return f"CASE WHEN {ours} THEN NULL ELSE {message_id} END"


def hash_sql(source: str) -> str:
    """The `number` of a known source as an SQL constant."""
    return f"{number(source)}::UHUGEINT"


def row_sql(source: str, columns: Mapping[str, str]) -> str:
    """SQL: UHUGEINT hash of a row; `columns` is name to SQL text. Equals `of_row` with place and count 0."""
    parts = [
        f"{literal(sized(name))} || strlen({column}) || ':' || {column}"
        for name, column in sorted(columns.items())
    ]
    return f"md5_number(concat({', '.join([literal('r' + sized(source)), *parts])}))"


def mixed_sql(row: str, before: str, place: int) -> str:
    """SQL: the key of the row's event at `place`, `before` equal rows standing before it."""
    return f"xor({row}, CAST({before} * 65536 + {place} AS UHUGEINT))"


def high_sql(key: str) -> str:
    """SQL: the upper 64 bits."""
    return f"CAST({key} >> 64 AS UBIGINT)"


def low_sql(key: str) -> str:
    """SQL: the lower 64 bits."""
    return f"CAST({key} & 18446744073709551615::UHUGEINT AS UBIGINT)"
