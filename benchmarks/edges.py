"""What a person waits for: the command line from cold, and a page of a warm server."""

from __future__ import annotations

import http.cookiejar
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from questions import funnel

COMMAND = [str(Path(sys.executable).with_name("periplus"))]


def cold(workspace: Path, repeat: int) -> float:
    """Seconds of `periplus ask` as a process of its own, median, after one run that is not counted."""
    question = workspace.with_suffix(".json")
    question.write_text(json.dumps(funnel(0)), encoding="utf-8")
    # As installed: with its modules compiled, wherever the benchmark itself is run.
    installed = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds = []
    for _ in range(repeat + 1):
        begun = time.perf_counter()
        subprocess.run(
            [*COMMAND, "ask", str(question), "--workspace", str(workspace)],
            check=True,
            capture_output=True,
            env=installed,
        )
        seconds.append(time.perf_counter() - begun)
    question.unlink()
    return statistics.median(seconds[1:])


def page(workspace: Path, repeat: int, address: str = "/map/shop") -> tuple[float, int]:
    """Seconds of GET `address` from a warm server, median, and the bytes of the page."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--workspace", str(workspace), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stdout is not None
        link = next(line.strip() for line in server.stdout if line.startswith("http"))
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        root = "/".join(link.split("/")[:3])
        _wait(root + "/healthz")
        with browser.open(link) as answer:
            answer.read()
        seconds, size = [], 0
        for _ in range(repeat + 1):
            begun = time.perf_counter()
            with browser.open(root + address) as answer:
                body = answer.read()
                if not answer.url.startswith(root + address):
                    raise RuntimeError(f"{address} led to {answer.url}")
            seconds.append(time.perf_counter() - begun)
            size = len(body)
        return statistics.median(seconds[1:]), size
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def _wait(address: str, most: float = 30.0) -> None:
    """Until the server answers."""
    until = time.monotonic() + most
    while True:
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
