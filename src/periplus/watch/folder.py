"""The files of a watched folder, and which of them may be taken now."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from periplus.clock import SECOND
from periplus.errors import InputError
from periplus.store.watches import Sighting

QUIET = 30 * SECOND
"""A file that nobody wrote to for so long is taken to be whole."""
MOST = 10_000
"""Names of a folder that are looked at in one round, the oldest files first."""
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".tmp", ".temp", ".swp", "~")
"""Endings of names that programs give to what they are still writing."""


@dataclass(frozen=True)
class Found:
    """A file in the folder: its name as text, its size in bytes, when it was last written to, in microseconds."""

    name: str
    size: int
    modified: int
    path: Path


def listed(folder: Path, pattern: str = "*") -> list[Found]:
    """The plain files of a folder that the pattern means, the oldest first; not those in folders below.

    Links are left out: whoever may put files here must not make us read others. Raises InputError for a folder
    that cannot be read.
    """
    result = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                    continue
                if not fnmatch(entry.name, pattern):
                    continue
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode):
                    # the bytes of a name need not be text
                    name = os.fsencode(entry.name).decode("utf-8", "backslashreplace")
                    result.append(Found(name, about.st_size, about.st_mtime_ns // 1000, Path(entry.path)))
    except OSError as problem:
        raise InputError(
            f"The folder {folder} cannot be read: {problem.strerror}.",
            code="folder",
            hint="Check that it is there, and that this user may read it.",
        ) from None
    return sorted(result, key=lambda found: (found.modified, found.name))[:MOST]


def sorted_out(
    files: Sequence[Found], known: Mapping[str, Sighting], now: int
) -> tuple[list[Found], list[Found]]:
    """(files to take, files that may still grow); what was taken or failed and has not changed is in neither.

    A file is whole when it stands as it stood in the round before, or when nobody wrote to it for `QUIET`.
    """
    take: list[Found] = []
    wait: list[Found] = []
    for found in files:
        before = known.get(found.name)
        same = before is not None and (before.size, before.modified) == (found.size, found.modified)
        if same and before is not None and before.outcome != "waiting":
            continue
        quiet = now - found.modified >= QUIET
        (take if same or quiet else wait).append(found)
    return take, wait


def content(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
