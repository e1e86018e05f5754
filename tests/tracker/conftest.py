"""A shop whose pages carry the tracker, a collector that records, and tabs that complain of nothing."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.tracker.loopback import Pages, Recorder, recording, serving

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
"""Of a person's browser: one that says it is headless counts as a bot."""

WATCH = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.blockedURI + " " + event.violatedDirective));
"""


@pytest.fixture
def collector() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture
def shop() -> Iterator[Pages]:
    with serving() as pages:
        yield pages


Put = Callable[..., str]


@pytest.fixture
def put(shop: Pages, collector: Recorder) -> Put:
    """Puts up a page with the tracker in its head: `put("/p/1", "<h1>Cup</h1>", consent="required")`."""

    def one(path: str, body: str = "", *, title: str = "A page", extra: str = "", **options: str) -> str:
        data = {"key": "test-key", **options}
        attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
        return shop.add(
            path,
            f"<!doctype html><meta charset=utf-8><title>{title}</title>"
            f'<script src="{collector.base}/periplus.js" {attributes}></script>{extra}<body>{body}',
        )

    return one


@pytest.fixture
def visitor(chromium: Any) -> Iterator[Any]:
    """A browser with empty storage; fails the test for an error of the page's scripts."""
    context = chromium.new_context(locale="en-GB", timezone_id="Europe/Athens", user_agent=AGENT)
    context.set_default_timeout(60_000)
    context.add_init_script(WATCH)
    failed: list[str] = []
    context.on("weberror", lambda problem: failed.append(str(problem.error)))
    context.on("console", lambda said: failed.append(said.text) if said.text.startswith("periplus") else None)
    context.failed = failed
    yield context
    context.close()
    assert failed == []


@pytest.fixture
def tab(visitor: Any) -> Any:
    return visitor.new_page()
