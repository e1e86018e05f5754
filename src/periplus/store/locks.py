"""Who may write: two files, locked by the kernel, so that a killed process leaves nothing locked.

`server.lock` admits one server to a workspace; `write.lock` is held while a version is published.
Readers need neither.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from periplus.errors import BusyError, StoreError


@contextmanager
def held(path: Path, *, wait: float = 0.0, who: str) -> Iterator[None]:
    """Hold the lock file `path` for the block; wait up to `wait` seconds for it.

    Raises BusyError, naming the holder, if somebody else has it still.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise StoreError(
            f"{path.parent} cannot be written: {problem.strerror}.",
            code="unwritable",
            hint="Give this user the right to write there, or move the workspace.",
        ) from None
    try:
        _lock(descriptor, path, wait, who)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who}, process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, wait: float, who: str) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
                raise BusyError(
                    f"{path.parent} is in use by {holder}.",
                    hint=f"Wait for it to end, or stop it, then start {who} again.",
                ) from None
            time.sleep(0.05)


@contextmanager
def folder(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder itself for the block; without `wait`, raise BlockingIOError if somebody has it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
