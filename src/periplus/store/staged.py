"""What an importer hands to the store: events prepared on disk, before any lock is taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
