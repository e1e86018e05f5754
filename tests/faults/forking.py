"""The command line in processes that may be killed: each command is a fork of one warm Python, so it starts at once.

Run as a script this reads a line of JSON orders on standard input and writes a line of JSON answers. An order is
`{"words": [...], "folder": path, "kill_after": seconds, "kill_at": n, "under": path, "file_size": bytes,
"user": number, "set": {"module:name": value}}`: the command, and when to kill it (SIGKILL): after so many seconds,
or just before it changes the files below `under` for the n-th time.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a command ended: `killed`, or its exit code; what it said; how often it changed files below `under`."""

    code: int
    killed: bool
    out: str
    err: str
    changes: int
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal:
    """One warm process that runs commands in forks of itself."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.forking"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, *words: object, **order: Any) -> Ended:
        """Run one command to its end."""
        return self.together([words], **order)[0]

    def together(self, commands: Sequence[Sequence[object]], **order: Any) -> list[Ended]:
        """Run commands at the same time, each to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        orders = [{"words": [str(word) for word in words], **order} for words in commands]
        self._process.stdin.write(json.dumps(orders) + "\n")
        return [Ended(**ended) for ended in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@contextlib.contextmanager
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    try:
        yield opened
    finally:
        opened.close()


def _changes(under: str, kill_at: int | None, counter: int) -> None:
    """Count changes of files below `under` in the file `counter`; die before the one numbered `kill_at`."""
    done = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event == "open":
            writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not writes:
                return
        elif event not in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"):
            return
        if not str(arguments[0]).startswith(under):
            return
        if done == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        os.pwrite(counter, str(done).encode(), 0)

    sys.addaudithook(hook)


def _child(order: dict[str, Any], out: int, err: int, counter: int) -> None:
    """Be the command."""
    import importlib

    from periplus import cli

    os.dup2(out, 1)
    os.dup2(err, 2)
    sys.stdout = io.TextIOWrapper(os.fdopen(1, "wb"), write_through=True)
    sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb"), errors="backslashreplace", write_through=True)
    if order.get("folder"):
        os.chdir(order["folder"])
    for name, value in order.get("set", {}).items():
        module, attribute = name.split(":")
        setattr(importlib.import_module(module), attribute, value)
    if order.get("user") is not None:
        os.setgroups([])
        os.setgid(order["user"])
        os.setuid(order["user"])
    if order.get("file_size"):
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_size"], order["file_size"]))
    if order.get("under"):
        _changes(order["under"], order.get("kill_at"), counter)
    sys.argv = ["periplus", *order["words"]]
    code: Any = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


class _Child:
    """A command under way in a fork."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order = order
        self.streams = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115  closed in `end`
        self.started = time.monotonic()
        self.process = os.fork()
        if self.process == 0:
            _child(order, *(stream.fileno() for stream in self.streams))

    def end(self) -> dict[str, Any]:
        if (delay := self.order.get("kill_after")) is not None:
            until = self.started + delay
            while time.monotonic() < until and os.waitid(os.P_PID, self.process, _LOOK) is None:
                time.sleep(0.002)
            os.kill(self.process, signal.SIGKILL)  # not waited for yet: the number is still its own
        _, status = os.waitpid(self.process, 0)
        for stream in self.streams:
            stream.seek(0)
        out, err, changes = (stream.read().decode() for stream in self.streams)
        for stream in self.streams:
            stream.close()
        return {
            "code": os.waitstatus_to_exitcode(status),
            "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
            "out": out,
            "err": err,
            "changes": int(changes or 0),
            "seconds": time.monotonic() - self.started,
        }


_LOOK = os.WEXITED | os.WNOHANG | os.WNOWAIT


def _serve() -> None:
    import importlib
    import pkgutil

    import periplus

    # All at once, so that no fork needs to, not even one that may not read the installation.
    for module in pkgutil.walk_packages(periplus.__path__, "periplus."):
        if not module.name.startswith("periplus.store.migrations"):
            importlib.import_module(module.name)
    for name in (
        "sqlite3",
        "alembic.command",
        "sqlalchemy.dialects.sqlite.pysqlite",
        "rich.console",
        "rich.progress",
        "rich.table",
    ):
        importlib.import_module(name)

    from periplus.store import compiled

    codecs.lookup("utf-8-sig")
    compiled.warm()
    for line in sys.stdin:
        children = [_Child(order) for order in json.loads(line)]
        print(json.dumps([child.end() for child in children]), flush=True)


if __name__ == "__main__":
    _serve()
