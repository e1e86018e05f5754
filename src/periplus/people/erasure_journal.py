"""Erasures under way: whom each is about, written down before anything is changed, so that it can be gone on with.

These files are the only place that names the person until the erasure is done; then they are overwritten and unlinked.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from periplus.errors import PeriplusError, StoreError
from periplus.people.subject import Subject
from periplus.store import files

FOLDER = "erasures"


@dataclass(frozen=True)
class Asked:
    """One erasure under way: whom, who asked for it and when (microseconds UTC), and what was there before."""

    number: int
    person: Subject
    who: str
    reason: str
    requested: int
    until: int
    version: int
    before: dict[str, dict[str, int]]
    batches: dict[int, int]

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "person": self.person.document()}

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Asked:
        batches = {int(batch): int(rows) for batch, rows in body["batches"].items()}
        return cls(**{**body, "person": Subject.parse(body["person"]), "batches": batches})


def unfinished(root: Path) -> list[Asked]:
    """Erasures that were begun and are not done."""
    found = []
    for path in sorted((root / FOLDER).glob("[0-9]*.json")):
        try:
            found.append(Asked.parse(json.loads(path.read_bytes())))
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{path} is damaged.", code="damaged", hint="Erase the person again, then delete this file."
            ) from None
    return found


def numbers(root: Path) -> list[int]:
    return [int(path.stem) for path in (root / FOLDER).glob("[0-9]*.json")]


def write(root: Path, asked: Asked) -> None:
    """Write an erasure down, durably, for its owner's eyes only."""
    folder = root / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    content = json.dumps(asked.document(), ensure_ascii=False).encode()
    files.write_durably(_path(root, asked.number), content)


def _path(root: Path, number: int) -> Path:
    return root / FOLDER / f"{number:06d}.json"


def wipe(root: Path, number: int) -> None:
    """Overwrite the journal of an erasure that is done, then unlink it."""
    path = _path(root, number)
    with suppress(OSError):
        size = path.stat().st_size
        with path.open("r+b") as stream:
            stream.write(b"\0" * size)
            stream.flush()
            os.fsync(stream.fileno())
    path.unlink(missing_ok=True)
    with suppress(OSError, PeriplusError):
        files.sync_folder(path.parent)
