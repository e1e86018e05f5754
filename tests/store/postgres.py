"""A PostgreSQL server of our own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server of our own, on loopback."""

    port: int

    def url(self, database: str = "postgres", *, port: int | None = None, password: str = PASSWORD) -> str:
        return f"postgresql://periplus:{password}@127.0.0.1:{port or self.port}/{database}"

    def fresh(self, name: str) -> str:
        """The URL of a new, empty database."""
        engine = sa.create_engine(
            self.url().replace("postgresql", "postgresql+psycopg", 1), isolation_level="AUTOCOMMIT"
        )
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _user() -> int | None:
    """The server refuses to run as root: then it runs as this user."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no other user here")


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of loopback that the system gives to nobody else within the block, but to whoever asks for just this one.

    So Linux has it where both say SO_REUSEADDR, as servers do, and only one listens.
    """
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        yield place.getsockname()[1]


@contextmanager
def running() -> Iterator[Server]:
    """A server that runs within the block; skips where none is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed here (no /usr/lib/postgresql/*/bin/initdb)")
    pytest.importorskip("psycopg")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="periplus-postgres-"))
    try:
        (folder / "password").write_text(PASSWORD)
        if user is not None:
            os.chown(folder, user, -1)
            os.chown(folder / "password", user, -1)
        data = folder / "data"
        words = ["-D", data, "-U", "periplus", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
        subprocess.run(
            [programs / "initdb", *words, "--no-sync", "--no-locale", "-E", "UTF8"],
            check=True, user=user, capture_output=True, cwd=folder,
        )  # fmt: skip
        with kept_port() as port:
            options = ["-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"]
            with (folder / "log").open("wb") as log:
                process = subprocess.Popen(
                    [programs / "postgres", *options], user=user, stdout=log, stderr=log, cwd=folder
                )
            try:
                started = Server(port)
                _wait(started, process, folder / "log")
                yield started
            finally:
                process.send_signal(signal.SIGINT)  # a fast shutdown: it waits for no client
                process.wait(120)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", server.port)) == 0 and b"ready to accept" in log.read_bytes():
                return
        time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-500:]}")
