"""Tiny files in, events out: what the tests of importing share."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from periplus.collect.plan import Plan, plan
from periplus.collect.stage import stage
from periplus.settings import Settings
from periplus.store.door import connect, file_list
from periplus.store.staged import Staged


@dataclass(frozen=True)
class Result:
    """What was staged: events and refused rows as dicts without their nulls, in the order of file, line, place."""

    staged: Staged
    events: list[dict[str, Any]]
    rejects: list[dict[str, Any]]

    @property
    def reasons(self) -> dict[int, str]:
        return {row["line"]: row["reason"] for row in self.rejects}

    def one(self, path: str) -> list[Any]:
        """The values of a path or column over all events, from its column or from the rest."""
        return [row.get(path, json.loads(row.get("rest", "{}")).get(path)) for row in self.events]


@dataclass(frozen=True)
class Importing:
    """Stages files written into a folder of the test's own."""

    folder: Path
    settings: Settings = Settings()

    def write(self, name: str, content: str | bytes | list[dict[str, Any]]) -> Path:
        path = self.folder / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    def stage(self, *paths: Path, mapping: Any = None, **more: Any) -> Result:
        staged = stage(
            list(paths), folder=self.folder / "staging", settings=self.settings, mapping=mapping, **more
        )
        with_events = _read(staged.events, "file, line, place") if staged.events else []
        return Result(staged, with_events, _read([staged.rejects], "file, line") if staged.rejects else [])

    def text(
        self, content: str | bytes, mapping: Mapping[str, Any] | str, name: str = "t.csv", **more: Any
    ) -> Result:
        return self.stage(self.write(name, content), mapping=mapping, **more)

    def lines(self, rows: list[dict[str, Any]], **more: Any) -> Result:
        return self.stage(self.write("e.jsonl", rows), **more)

    def plan(self, *paths: Path, mapping: Any = None, **more: Any) -> Plan:
        return plan(
            list(paths), folder=self.folder / "staging", settings=self.settings, mapping=mapping, **more
        )

    def in_zone(self, zone: str) -> Importing:
        return replace(self, settings=Settings(zone=zone))


def _read(paths: list[Path], order: str) -> list[dict[str, Any]]:
    connection = connect(threads=1)
    try:
        cursor = connection.execute(f"SELECT * FROM read_parquet({file_list(paths)}) ORDER BY {order}")
        names = [column[0] for column in cursor.description]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in cursor.fetchall()
        ]
    finally:
        connection.close()


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    return Importing(tmp_path)


@pytest.fixture
def table() -> Callable[..., dict[str, Any]]:
    """A mapping of one table with one event; keywords are keys of the event, `format` and others of the table."""

    def make(
        *, zone: str | None = "UTC", consent: Any = None, source: str = "s", **event: Any
    ) -> dict[str, Any]:
        of_table = {key: event.pop(key) for key in ("format", "join", "where", "files") if key in event}
        row = {"event": "E", "userId": "user", "time": "at", **event}
        document: dict[str, Any] = {"source": source, "tables": [{"files": "*", **of_table, "events": [row]}]}
        return document | ({"zone": zone} if zone else {}) | ({"consent": consent} if consent else {})

    return make
