"""A workspace folder: where its parts lie, and how a new one is laid out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from periplus import settings as setting
from periplus.errors import NotFoundError, StoreError
from periplus.settings import Settings
from periplus.store import door, locks, manifest
from periplus.store.files import os_problem, write_durably

WAIT_FOR_WRITER = 600.0
"""Seconds a command waits for another writer before it says that somebody else is writing."""
STAGING = "staging-"
"""How the folders in `spill` begin that are swept where nobody works in them."""


@dataclass(frozen=True)
class Home:
    """A workspace folder with its settings; holds nothing open."""

    root: Path
    settings: Settings

    @property
    def spill(self) -> Path:
        """Where work larger than memory goes, and where imports prepare their events."""
        return self.root / "spill"

    def connect(self) -> door.Connection:
        return door.connect(memory=self.settings.memory, threads=self.settings.threads, spill=self.spill)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A fresh folder for one piece of work, gone after the block, or swept later if that was killed.

        While it is in use its folder is locked, so that what a dead process left can be told from what
        a living one needs, whatever their process numbers and whichever container they run in.
        """
        try:
            self.spill.mkdir(exist_ok=True)
            with locks.folder(self.spill):
                folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=self.spill))
                lock = ExitStack()
                lock.enter_context(locks.folder(folder))
        except OSError as problem:
            raise os_problem(problem, self.spill / "staging") from None
        with lock:
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def clear_spill(self) -> None:
        """Remove what work that was killed left in `spill`; the caller holds write.lock."""
        with suppress(OSError), locks.folder(self.spill):
            for left in self.spill.glob(f"{STAGING}*"):
                with suppress(BlockingIOError, FileNotFoundError), locks.folder(left, wait=False):
                    shutil.rmtree(left, ignore_errors=True)


def find(start: Path) -> Path:
    """The workspace one stands in: `start` or the nearest folder above it with a periplus.toml."""
    for folder in (start, *start.parents):
        if (folder / "periplus.toml").is_file():
            return folder
    raise NotFoundError(
        f"There is no workspace in {start} or above it.",
        code="no_workspace",
        hint="Make one with `periplus init DIR`, or name one with --workspace DIR.",
    )


def create(root: Path, settings: Settings) -> Home:
    """Lay out a new, empty workspace in `root`, which may exist if it is empty."""
    setting.check(settings)
    if (root / "periplus.toml").exists():
        raise StoreError(
            f"{root} is a workspace already.", code="exists", hint="Use it, or name another folder."
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(root.iterdir()):
            raise StoreError(f"{root} is not empty.", code="not_empty", hint="Name a new or an empty folder.")
        for part in ("inbox", "shards", "runs", "keys", "masks", "batches", "manifests", "spill"):
            (root / part).mkdir()
    except OSError as problem:
        raise os_problem(problem, root) from None
    manifest.publish(root, manifest.Manifest(shards=settings.shards))
    # Last, because this file is what makes the folder a workspace.
    write_durably(root / "periplus.toml", setting.dump(settings).encode())
    return Home(root, settings)


def open_home(root: Path) -> Home:
    """An existing workspace; raises if it is none, or was made by a newer version."""
    if not (root / "periplus.toml").is_file():
        raise NotFoundError(
            f"{root} is not a workspace.",
            code="no_workspace",
            hint=f"Make one with `periplus init {root}`.",
        )
    return Home(root, setting.load(root))
