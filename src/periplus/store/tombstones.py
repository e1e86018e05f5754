"""Who was erased, known again without being kept: keyed hashes of identifiers, and of single events.

A hash is the first 128 bits of HMAC-SHA256 under a secret of the workspace (`erasure.key`): whoever has the
list but not the secret can check no guess. The list is one small Parquet file per version, named by the
manifest, so it is in force from the moment that version is live. It only grows.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.errors import StoreError
from periplus.store import door, pseudonyms
from periplus.store.files import os_problem, sync_files, sync_folder

SECRET = "erasure.key"
FOLDER = "tombstones"
FOREVER = 2**63 - 1
IDENTIFIER, SHARED, EVENT = 0, 1, 2
"""What a tombstone is of: an identifier; one that others use too, of which only single events are meant; an event."""
_LENGTH = 32


class Tombstone(NamedTuple):
    """One keyed hash: events under it are refused up to `until` (microseconds UTC); `erasure` is its number."""

    hash: str
    what: int
    until: int
    erasure: int


def secret(root: Path, *, make: bool = False) -> bytes:
    """The secret of the workspace; raises StoreError where there is none and none is to be made."""
    path = root / SECRET
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        if not make:
            raise StoreError(
                f"{path} is missing: people who were erased cannot be told from others.",
                code="no_secret",
                hint="Bring it back from a backup; without it nothing can be imported.",
            ) from None
    except (OSError, ValueError):
        raise StoreError(
            f"{path} cannot be read.", code="no_secret", hint="Bring it back from a backup."
        ) from None
    made = secrets.token_bytes(32)
    aside = path.with_name(f"{SECRET}.new")
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(made.hex() + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
        sync_folder(root)
    except OSError as problem:
        raise os_problem(problem, path) from None
    return made


def keyed(own: bytes, kind: str, value: str) -> str:
    """The hash of an identifier as identity compares it; of one that is kept hashed, the hash it was made of.

    So a tombstone means a person whether their identifiers were kept hashed before it, after it, or never.

    >>> keyed(b"secret", "user", "u1") == keyed(b"secret", "user", "u1") != keyed(b"other", "user", "u1")
    True
    """
    if (known := pseudonyms.digest(value)) is not None:
        return known
    return hmac.digest(own, f"{kind}\x1f{value}".encode("utf-8", "replace"), "sha256").hex()[:_LENGTH]


def define(connection: door.Connection, own: bytes) -> None:
    """Give a connection `keyed(kind, value)`, the same in SQL."""
    block = own.ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in block).hex() for pad in (0x36, 0x5C))
    connection.execute(
        f"CREATE OR REPLACE TEMP MACRO keyed(kind, value) AS coalesce({pseudonyms.digest_sql('value')}, "
        f"left(sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(kind || chr(31) || value)))), {_LENGTH}))"
    )


def event_text(high: int, low: int) -> str:
    """An event's key as its tombstone is made of it."""
    return f"{high:016x}{low:016x}"


EVENT_TEXT = "printf('%016x%016x', e.key_hi, e.key_lo)"
"""The same in SQL, of a row with the alias `e`."""


def load(root: Path, name: str | None) -> list[Tombstone]:
    """The tombstones of a version, given what its manifest names."""
    if name is None:
        return []
    read = pq.read_table(root / f"{name}.parquet").to_pydict()
    return [Tombstone(*row) for row in zip(*(read[field] for field in Tombstone._fields), strict=True)]


def save(root: Path, name: str, stones: Iterable[Tombstone]) -> None:
    """Write the whole list as the file `name`; it is on the disk after."""
    listed = sorted(set(stones))
    kinds = {"hash": pa.string(), "what": pa.uint8(), "until": pa.int64(), "erasure": pa.int32()}
    columns = {
        field: pa.array([getattr(stone, field) for stone in listed], kind) for field, kind in kinds.items()
    }
    path = root / f"{name}.parquet"
    try:
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), path)
    except OSError as problem:
        raise os_problem(problem, path) from None
    sync_files(path.parent, f"{path.stem}.*")


def register(connection: door.Connection, own: bytes, stones: Iterable[Tombstone]) -> None:
    """Make the table `tombstone` (hash, until, what), one row per hash and what, and the macro `keyed`."""
    define(connection, own)
    listed = list(stones)
    table = pa.table(
        {
            "hash": pa.array([stone.hash for stone in listed], pa.string()),
            "until": pa.array([stone.until for stone in listed], pa.int64()),
            "what": pa.array([stone.what for stone in listed], pa.uint8()),
        }
    )
    connection.register("tombstone_column", table)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE tombstone AS "
        "SELECT hash, what, max(until) AS until FROM tombstone_column GROUP BY ALL"
    )
    connection.unregister("tombstone_column")
