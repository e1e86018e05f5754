"""The workbench of one import: its connection, its folder, the files it has open, what it has to say."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from periplus.collect.plain import Bytes
from periplus.collect.recipe import Recipe
from periplus.collect.rows import Damaged, Seen
from periplus.settings import Settings
from periplus.store.door import Connection
from periplus.store.staged import Progress


@dataclass
class OpenFile:
    """A file of rows: `text` where it is one (None: Parquet), `seen` by column once it is read."""

    path: Path
    name: str
    bytes: int
    rows: int = 0
    text: Bytes | None = None
    columns: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)


@dataclass
class Workbench:
    """What the steps of an import share; everything temporary goes when `stack` ends."""

    connection: Connection
    stack: ExitStack
    scratch: Path
    target: Path
    settings: Settings
    progress: Progress | None = None
    files: list[OpenFile] = field(default_factory=list)
    recipes: list[Recipe] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    names: Iterator[int] = field(default_factory=count)

    @property
    def threads(self) -> int:
        """How many threads reading may take."""
        return self.settings.threads or os.cpu_count() or 1

    def fresh(self, what: str) -> str:
        """A name nothing of this import has yet."""
        return f"{what}_{next(self.names)}"

    def report(self, done: int, total: int, what: str) -> None:
        """Tell whoever waits how far it is; they may raise to cancel."""
        if self.progress:
            self.progress(done, total, what)

    def damaged(self, file: int, rows: list[Damaged]) -> None:
        """Refuse rows that cannot be read at all."""
        if not rows:
            return
        self.connection.executemany(
            'INSERT INTO rejects (file, line, reason, "column", value, payload) VALUES (?, ?, ?, ?, ?, ?)',
            [(file, row.line, row.reason, row.column, row.value, row.payload) for row in rows],
        )
