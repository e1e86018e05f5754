"""A Python that becomes the command line and may die of it: run as a script by `processes.py`.

Standard input is one order in JSON; standard output a line `{"said": [code, out, err]}` for each command that ended, then
one `{"changes": [...]}` for all.
An order has `commands` (lists of words) and may have

    under       folder whose changes are counted: files opened to write, renamed, removed, folders made, removed
    die_at      kill -9 just before the change of that number, or before the first one that a pattern matches
    photos      folder for copies of `under`, one before each change: what a kill -9 there would have left
    file_sizes  for each command: the kernel refuses to let any file grow beyond so many bytes
    user        number of the user to become, once everything is loaded
    set         {"module:name": value}: constants of ours to be other ones
    looks       file that whoever looks on makes longer by a byte with each look: no command begins before two more, of which
                the second has seen all that the commands before did

Whatever becomes of its parent, it ends: an alarm of the kernel kills it after LIMIT seconds.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import resource
import shutil
import signal
import sys
import threading
import time
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

LIMIT = 480
LOADED_LATE = (
    "sqlite3",
    "alembic.command",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "rich.console",
    "rich.progress",
    "rich.table",
    "encodings.utf_8_sig",
)


class Watch:
    """Counts changes below a folder, as Python tells of them; photographs them, or dies before one."""

    def __init__(self, under: str, die_at: int | str | None, photos: str | None) -> None:
        self.under, self.die_at, self.photos = under, die_at, photos
        self.changes: list[str] = []
        self._turn, self._busy = threading.RLock(), False
        sys.addaudithook(self._told)

    def _told(self, event: str, arguments: tuple[Any, ...]) -> None:
        path = _changed(event, arguments)
        if path is not None and path.startswith(self.under + "/"):
            with self._turn:  # what another thread is about to change waits for the photograph
                if not self._busy:
                    self._met(f"{event} {path[len(self.under) + 1 :]}")

    def _met(self, change: str) -> None:
        number = len(self.changes)
        if self.die_at == number or (isinstance(self.die_at, str) and re.match(self.die_at, change)):
            os.kill(os.getpid(), signal.SIGKILL)
        self.changes.append(change)
        if self.photos is not None:
            self._busy = True
            shutil.copytree(self.under, Path(self.photos) / f"{number:04d}", copy_function=_copied)
            self._busy = False


def _copied(source: str, target: str) -> None:
    """Copy a file, unless the engine, which asks nobody, has just removed it."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def _changed(event: str, arguments: tuple[Any, ...]) -> str | None:
    """The path that an event is about to change, whole; of a renaming the new one."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        return os.fsdecode(path) if writes and isinstance(path, str | bytes) else None
    if event == "os.truncate":
        return str(arguments[0])
    if event == "os.rename":
        return _placed(arguments[1], arguments[3])
    if event in ("os.remove", "os.rmdir", "os.mkdir"):
        return _placed(arguments[0], arguments[-1])
    return None


def _placed(path: Any, folder: int) -> str:
    """A path told beside an open folder (as `rmtree` does), whole."""
    return os.fsdecode(path) if folder < 0 else f"{Path(f'/proc/self/fd/{folder}').readlink()}/{path}"


def load_modules() -> None:
    """Import every module of ours: all loops are known then."""
    import periplus

    for module in pkgutil.walk_packages(periplus.__path__, "periplus."):
        if not module.name.startswith("periplus.store.migrations"):
            importlib.import_module(module.name)


def load_everything() -> None:
    """Import every module of ours, and what it imports late, and make all loops ready: from here on nothing is compiled."""
    from periplus.store import compiled

    load_modules()
    for name in LOADED_LATE:
        importlib.import_module(name)
    compiled.warm()


def _looked_at(looks: Path) -> None:
    """Wait for two more looks: the first may have begun before this."""
    known = looks.stat().st_size
    while looks.stat().st_size < known + 2:
        time.sleep(0.005)


def _become(user: int) -> None:
    """Be another user, who may not be allowed to read the installation: everything is loaded before."""
    load_everything()
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def main() -> None:
    signal.alarm(LIMIT)
    order = json.loads(sys.stdin.read())
    from tests.terminal import run

    for name, value in order.get("set", {}).items():
        module, attribute = name.split(":")
        setattr(importlib.import_module(module), attribute, value)
    if (user := order.get("user")) is not None:
        _become(user)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    watch = Watch(order["under"], order.get("die_at"), order.get("photos")) if "under" in order else None
    for words, size in zip_longest(order["commands"], order.get("file_sizes", ())):
        if size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        if "looks" in order:
            _looked_at(Path(order["looks"]))
        said = run(*words)
        print(json.dumps({"said": [said.code, said.out, said.err]}), flush=True)
    print(json.dumps({"changes": watch.changes if watch else []}), flush=True)


if __name__ == "__main__":
    main()
