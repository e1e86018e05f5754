"""`periplus vocabulary`, `plan` and `consent`: the commands in the order in which people use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terminal import run

EVENTS = [
    {"event": "bought", "userId": "ann", "messageId": "1", "properties": {"nr": "N1", "sum": 12.5}},
    {"event": "bought", "userId": "bob", "messageId": "2", "properties": {"nr": "N2", "sum": "12"}},
]
MINE = "name: mine\nevents: {bought: {to: Order Completed, properties: {sum: total}}}\nproperties: {nr: order_id}\n"
PLAN = "events:\n  Order Completed:\n    properties: {total: number, coupon: {type: text, required: true}}\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    lines = (json.dumps(event | {"timestamp": "2026-01-05T09:00:00Z"}) for event in EVENTS)
    (tmp_path / "e.jsonl").write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "mine.yaml").write_text(MINE)
    (tmp_path / "plan.yaml").write_text(PLAN)
    assert run("init", tmp_path / "shop", "--shards", "1").code == 0
    assert run("import", tmp_path / "e.jsonl", "-w", tmp_path / "shop").code == 0
    return tmp_path


def test_a_vocabulary_is_tried_adopted_and_applied(shop: Path) -> None:
    at = ("-w", shop / "shop")
    tried = run("vocabulary", "try", shop / "mine.yaml", *at)
    assert tried.code == 0
    assert "2 events looked at, would change 2." in tried.out
    assert "Nothing was changed." in tried.out
    assert "Adopted mine, version 1." in run("vocabulary", "adopt", shop / "mine.yaml", *at).out
    assert json.loads(run("vocabulary", "apply", "--dry-run", "--json", *at).out)["changed"] == 2
    assert "changed 2." in run("vocabulary", "apply", *at).out
    assert "changed 0." in run("vocabulary", "apply", *at).out
    assert run("vocabulary", "show", "mine", *at).out == (
        "name: mine\nevents:\n  bought:\n    to: Order Completed\n    properties:\n      sum: total\n"
        "properties:\n  nr: order_id\n"
    )
    listed = json.loads(run("vocabulary", "list", "--json", *at).out)
    assert {"mine": "own", "ga4": "built in"}.items() <= {row["name"]: row["kind"] for row in listed}.items()
    lost = run("vocabulary", "show", "mien", *at)
    assert lost.code == 1
    assert "Did you mean 'mine'?" in lost.err


def test_a_plan_is_suggested_adopted_and_checked(shop: Path) -> None:
    at = ("-w", shop / "shop")
    none = run("plan", "check", *at)
    assert none.code == 1
    assert "periplus plan suggest" in none.err
    suggested = run("plan", "suggest", *at).out
    assert "bought:" in suggested
    (shop / "suggested.yaml").write_text(suggested)
    assert "as planned" in run("plan", "check", shop / "suggested.yaml", *at).out
    run("vocabulary", "adopt", shop / "mine.yaml", *at)
    run("vocabulary", "apply", *at)
    assert "Adopted version 1" in run("plan", "adopt", shop / "plan.yaml", *at).out
    found = json.loads(run("plan", "check", "--json", *at).out)
    assert [(row["wrong"], row["property"], row["events"]) for row in found] == [
        ("missing property", "coupon", 2),
        ("wrong type", "total", 1),
    ]


def test_consent_is_set_by_hand_and_shown(shop: Path) -> None:
    at = ("-w", shop / "shop")
    assert "Nothing was said." in run("consent", "show", "ann", *at).out
    assert run("consent", "set", "ann", *at).code == 2
    assert run("consent", "set", "ann", "--refuse", "analytics", "--allow", "newsletter", *at).code == 0
    found = json.loads(run("consent", "show", "ann", "--json", *at).out)["purposes"]
    assert {name: row["given"] for name, row in found.items()} == {
        "analytics": False,
        "marketing.email": True,
    }
    lost = run("consent", "set", "ann", "--allow", "analitics", *at)
    assert lost.code == 1
    assert "Did you mean 'analytics'?" in lost.err
