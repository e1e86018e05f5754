"""What an importer hands to the store: events prepared on disk, before any lock is taken."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from periplus.store import door
from periplus.store.held import Held
from periplus.store.lent import Lent, unchanged

ROW_BITS = 40
"""A row of several files is named by one number: the file's, and in so many bits its own."""
Progress = Callable[[int, int, str], None]
"""Called with (done, total, what is being done); it may raise to cancel."""


@dataclass(frozen=True)
class FileInfo:
    """One file as it was read: its name, its size in bytes and its data rows."""

    name: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class Staged:
    """The events of one import: Parquet in `folder`, with the physical columns but customer and batch.

    Beside them each event says where it came from: `file` (index in `files`), `line` and `place`
    (which event of the mapping). `columns` are the shredded paths of all event files with their kinds;
    `rest` the paths that occur in the rest column (None: unknown). `rows` counts the data rows of the
    files, `withheld` those without consent; `rejects` is a Parquet of (file, line, reason, "column",
    value, payload), or None; `unmade` one of the events that rows which came in would have made, had
    their time been readable: (file, line, event, reason, "column", value).
    """

    folder: Path
    events: list[Path]
    columns: dict[str, str]
    rest: tuple[str, ...] | None
    rejects: Path | None
    withheld: int
    rows: int
    files: list[FileInfo]
    source: str
    mapping: dict[str, Any] | None = None
    consent: dict[str, bool] | None = None
    warnings: list[str] = field(default_factory=list)
    unmade: Path | None = None
    hashed: tuple[str, ...] = ()
    """Kinds of identifiers that were hashed on the way."""
    held: Mapping[Path, Held] = field(default_factory=dict)
    """By event file: its events, if they are in memory; the file is not there then."""
    lent: Mapping[Path, Lent] = field(default_factory=dict)
    """By event file: columns that it has not itself; they stay where they were read."""

    def relation(self, connection: door.Connection, path: Path) -> str:
        """SQL of the events of a file, wherever they are, with `file_row_number`."""
        if path in self.held:
            return self.held[path].lent_to(connection, f"held {path.name}")
        return f"read_parquet({door.file_list([path])}, file_row_number = true)"

    def on_disk(self, connection: door.Connection) -> Staged:
        """The same with all event files there."""
        for path, held in self.held.items():
            held.write(path, door.threads(connection))
        return replace(self, held={})

    def at_hand(self, connection: door.Connection, asked: Collection[str] | None = None) -> Staged:
        """The same with nothing lent, if any of the paths `asked` is (None: if anything is)."""
        lent = {
            path: lender
            for path, lender in self.lent.items()
            if asked is None or set(asked) & set(lender.columns)
        }
        if not lent:
            return self
        self.on_disk(connection)
        events = [path.with_name(f"whole-{path.name}") if path in lent else path for path in self.events]
        for path, whole in zip(self.events, events, strict=True):
            if path in lent:
                with unchanged([lent[path]]):
                    connection.execute(
                        f"COPY (FROM {lent[path].whole(connection, f'read_parquet({door.file_list([path])})')}) "
                        f"TO {door.literal(str(whole))} (FORMAT parquet, COMPRESSION uncompressed)"
                    )
        left = {path: lender for path, lender in self.lent.items() if path not in lent}
        return replace(self, events=events, lent=left, held={})


@dataclass(frozen=True)
class Imported:
    """What became of an import; `accepted + duplicate + rejected + withheld = rows`, `events` beside."""

    batch: int | None
    rows: int
    accepted: int
    duplicate: int
    rejected: int
    withheld: int
    events: int
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The wire form, as `periplus import --json` prints it."""
        return {
            name: getattr(self, name)
            for name in (
                "batch",
                "rows",
                "accepted",
                "duplicate",
                "rejected",
                "withheld",
                "events",
                "warnings",
            )
        }
