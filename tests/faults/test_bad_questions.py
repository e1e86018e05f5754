"""Questions that make no sense, or are none: one plain message."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_bad_input import refused
from tests.terminal import run

FUNNEL: dict[str, Any] = {
    "kind": "funnel",
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
    "within": "14d",
}
LONG = "x" * 1_000_000


def _nested(depth: int) -> dict[str, Any]:
    condition: dict[str, Any] = {"event": "A"}
    for _ in range(depth):
        condition = {"not": condition}
    return condition


def _step(**where: Any) -> dict[str, Any]:
    return {**FUNNEL, "steps": [{"where": where}, {"event": "Order Completed"}]}


@pytest.mark.parametrize(
    "question",
    [
        *(
            {**FUNNEL, "within": value}
            for value in (LONG, -5, float("nan"), "99999999999999999999d", [], {"sessions": 0})
        ),
        *(
            {**FUNNEL, "steps": value}
            for value in (5, [], [5], [[]], "x", [{"event": 5}], [{"event": []}], None)
        ),
        *(
            {**FUNNEL, "steps": [{"event": value}, {"event": "A"}]}
            for value in (LONG, [5], {"a": 1}, float("nan"))
        ),
        {**FUNNEL, "steps": [_nested(300), {"event": "A"}]},
        {**FUNNEL, "steps": [{"event": "A"}, {"event": "B", "within": 5, "optional": "maybe"}]},
        *({**FUNNEL, "order": value} for value in (5, ["ordered"], "orderd", LONG)),
        *({**FUNNEL, "period": {"from": value}} for value in (5e300, float("nan"), "2026-13-45", 10**30, [])),
        {**FUNNEL, "period": 5},
        *({**FUNNEL, "now": value} for value in ("yesterday", float("inf"), 10**30, {}, LONG)),
        *({**FUNNEL, "breakdown": value} for value in (5, {"x": 1}, [])),
        *({**FUNNEL, "breakdown_step": value} for value in (10**30, -1, 1.5, "one")),
        *({**FUNNEL, "hold": value} for value in (5, [5], "x")),
        *({**FUNNEL, "exclude": value} for value in (5, [5], [{"event": "A", "from": 10**30}])),
        *({**FUNNEL, "map": value} for value in (5, LONG, {"x": 1}, [], "shpo")),
        *({**FUNNEL, "zone": value} for value in (5, "../../etc/passwd", LONG, "\0")),
        {**FUNNEL, "unit": "x"},
        {**FUNNEL, "wihtin": "14d"},
        {**FUNNEL, "\ud800": 1},
        *({"kind": value} for value in (5, None, [], "funel", LONG)),
        {"kind": "funnel"},
        {"kind": "map"},
        {"kind": "flow"},
        {"kind": "map", "map": {"stages": []}},
        *({"kind": "flow", "map": "shop", "top": value} for value in (-1, float("nan"), "many")),
        *({"kind": "flow", "map": "shop", "from": value} for value in (5, "nowhere")),
        _step(price={"gte": float("nan")}),
        _step(price={"mathces": "x"}),
        _step(price={"matches": "(((("}),
        _step(price={"eq": {"a": 1}}),
        {},
    ],
    ids=lambda question: (
        json.dumps(question).replace(LONG, "LONG").replace(json.dumps(FUNNEL)[1:-1], "…")[:70]
    ),
)
def test_a_question_that_makes_no_sense(shop: Path, question: dict[str, Any]) -> None:
    said = run("ask", "-", "-w", shop, stdin=json.dumps(question))
    assert (said.code, said.out) == (1, ""), said
    assert said.err.startswith("Problem: ")
    assert "Traceback" not in said.err
    assert len(said.err) < 5000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "nul",
        "5",
        '"x"',
        "{" * 100_000,
        "[" * 100_000,
        '{"a":' * 100_000,
        "\0",
        '{"x":' + "9" * 5000 + "}",
    ],
    ids=lambda text: text[:8],
)
def test_a_question_that_is_not_json(shop: Path, text: str) -> None:
    refused(run("ask", "-", "-w", shop, stdin=text), "JSON")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_question_from_a_file(shop: Path, encoding: str) -> None:
    path = shop.parent / "question.json"
    path.write_text(json.dumps(FUNNEL), encoding=encoding)
    assert run("ask", path, "-w", shop).code == 0


def test_a_question_file_in_another_encoding(shop: Path) -> None:
    path = shop.parent / "question.json"
    path.write_bytes(json.dumps(FUNNEL).encode("utf-16"))
    refused(run("ask", path, "-w", shop), "not JSON")
