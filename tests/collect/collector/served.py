"""A real server on loopback, in a process of its own, that can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

import periplus

COMMAND = "from periplus.cli import main; main()"


class Served:
    """`periplus serve` for a workspace; `url` once it answers."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.log = workspace.parent / "serve.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "serve", "--workspace", str(self.workspace), "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("http"):
                self.url = line.partition("/sign-in")[0]
                break
        else:
            raise AssertionError(self.log.read_text())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{self.url}/healthz", timeout=5, verify=False)
                return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """As the power goes: nothing is said, nothing is written."""
        self.process.send_signal(signal.SIGKILL)
        self._gone()

    def stop(self) -> int:
        """As a service is stopped; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._gone()

    def _gone(self) -> int:
        code = self.process.wait(120)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


def made(path: Path) -> str:
    """A new workspace with a source; returns its write key."""
    with periplus.init(path) as ws:
        return ws.add_source("web")
