"""From a click in the example shop to a step of the map: a real server, a real browser, the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.tracker.loopback import folder, until
from tests.tracker.test_shop import FILES
from tests.tracker.walk import agree, buy

pytestmark = pytest.mark.browser

PROGRAM = str(Path(sys.executable).with_name("periplus"))

Periplus = Callable[..., Any]


@pytest.fixture
def periplus(tmp_path: Path) -> Periplus:
    """Runs the command line on a new workspace; gives its JSON, or its text."""

    def run(*words: str, text: bool = False) -> Any:
        command = [PROGRAM, *words, "--workspace", str(tmp_path / "shop")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout if text else json.loads(done.stdout)

    subprocess.run([PROGRAM, "init", str(tmp_path / "shop")], check=True, timeout=120)
    return run


def answers(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz", timeout=20, verify=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def server(periplus: Periplus, tmp_path: Path) -> Iterator[str]:
    """`periplus serve` on that workspace."""
    command = [PROGRAM, "serve", "--port", "0", "--json", "--workspace", str(tmp_path / "shop")]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    said: list[str] = []  # all of it, if the server could not start
    while not said or not said[-1].startswith('{"url"'):
        said.append(process.stdout.readline())
        assert said[-1], said
    base = str(json.loads(said[-1])["url"]).partition("/sign-in")[0]
    until(lambda: answers(base), 120, lambda: "the server did not start")
    yield base
    process.send_signal(signal.SIGTERM)
    process.wait(120)
    process.stdout.close()


def test_a_purchase_ends_on_the_map(periplus: Periplus, server: str, tmp_path: Path, visitor: Any) -> None:
    key = periplus("source", "add", "web-shop", text=True).strip().splitlines()[-1]
    question = tmp_path / "map.json"
    question.write_text(json.dumps({"kind": "map", "map": "shop"}), encoding="utf-8")

    def steps() -> dict[str, Any]:
        return {row["step"]: row for row in periplus("ask", str(question))["rows"]}

    tab = visitor.new_page()
    policy = f"default-src 'none'; script-src 'self' {server}; connect-src {server}; style-src 'self'; img-src 'self'; form-action 'self'"
    with folder(FILES, Content_Security_Policy=policy) as base:
        tab.goto(f"{base}/index.html?key={key}&url={server}&utm_source=newsletter&utm_medium=email")
        agree(tab)
        number = buy(tab, base)
        until(
            lambda: (
                tab.evaluate("Object.keys(localStorage).filter(key => key.startsWith('periplus:')).length")
                == 0
            ),
            60,
        )
        assert tab.evaluate("violations") == []
        tab.goto(f"{base}/cart.html")  # what was said as the last page closed
        tab.wait_for_timeout(2500)  # to the next flush
        until(lambda: bool(steps().get("order", {}).get("reached")), 60)
    found = steps()
    for step in ("category", "site-search", "product", "cart", "checkout", "payment", "order"):
        assert found[step]["journeys"] == found[step]["customers"] == 1, step
    assert found["order"]["reached"] == 1
    assert found["newsletter-click"]["journeys"] == 1
    assert found["order"]["value"] == 9630

    out = tmp_path / "events.jsonl"
    periplus("export", str(out), text=True)
    events = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    (order,) = [one for one in events if one.get("event") == "Order Completed"]
    assert order["properties"]["order_id"] == number
    assert order["channel"] == "email"
    assert order["context"]["arrival"] == {"campaign": {"source": "newsletter", "medium": "email"}}
    assert order["consent"] == {"analytics": True, "personalisation": True, "marketing": False}
    assert (order["context"]["browser"]["name"], order["context"]["device"]["type"]) == ("Chrome", "desktop")
    assert len({one["messageId"] for one in events}) == len(events), "nothing came in twice"
    assert {one["source"] for one in events} == {"web-shop"}
