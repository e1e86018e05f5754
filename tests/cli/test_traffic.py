"""`periplus traffic`: rules tried, adopted and shown, and what is wrong with them said plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terminal import run

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
OFFICE = {"userAgent": BROWSER, "ip": "192.0.2.17"}
EVENTS = [
    ("c1", {"userAgent": BROWSER, "ip": "198.51.100.4"}),
    ("c2", {"userAgent": BROWSER}),
    ("crawler", {"userAgent": ROBOT}),
    ("c3", OFFICE),
    ("tester", {"userAgent": "ShopProbe/1.0"}),
]
RULES = 'addresses: ["192.0.2.0/24", "2001:db8::/32"]\nuser_agents: [ShopProbe]\nstaff: [c2]\n'
QUESTION = {"kind": "funnel", "steps": [{"event": "Product Viewed"}], "now": "2026-02-01"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    lines = [
        {"event": "Product Viewed", "userId": user, "messageId": user, "context": context}
        | {"timestamp": f"2026-01-05T09:0{minute}:00Z"}
        for minute, (user, context) in enumerate(EVENTS)
    ]
    (tmp_path / "clicks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "none.yaml").write_text("bots: false\n")
    assert run("init", tmp_path / "shop").code == 0
    assert run("import", tmp_path / "clicks.jsonl", "-w", tmp_path / "shop").code == 0
    return tmp_path


def asked(shop: Path, traffic: str = "customers") -> tuple[int, int]:
    """Customers, and the events left out."""
    (shop / "question.json").write_text(json.dumps(QUESTION | {"traffic": traffic}))
    answer = json.loads(run("ask", shop / "question.json", "-w", shop / "shop").out)
    return answer["rows"][0]["reached"], answer["totals"]["left_out"]


def test_rules_are_tried_adopted_and_taken_back(shop: Path) -> None:
    assert asked(shop) == (4, 1), "a known bot is left out without any rule"
    assert asked(shop, "all") == (5, 0)
    tried = run("traffic", "try", shop / "rules.yaml", "-w", shop / "shop")
    assert tried.code == 0
    assert "4 of 5 events would be left out." in tried.out
    assert "Newly left out: 3. Counted again: 0." in tried.out
    assert "No event meets: 2001:db8::/32." in tried.out
    assert asked(shop) == (4, 1)
    assert run("traffic", "adopt", shop / "rules.yaml", "-w", shop / "shop").code == 0
    assert asked(shop) == (1, 4)
    assert asked(shop, "all") == (5, 0)
    shown = run("traffic", "show", "-w", shop / "shop").out
    assert "192.0.2.0/24" in shown
    (shop / "shown.yaml").write_text(shown)
    again = json.loads(run("traffic", "try", shop / "shown.yaml", "-w", shop / "shop", "--json").out)
    assert (again["goes"], again["returns"]) == (0, 0)
    assert run("traffic", "adopt", shop / "none.yaml", "-w", shop / "shop").code == 0
    assert asked(shop) == (5, 0)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ("adresses: [192.0.2.1]", "Did you mean 'addresses'?"),
        ("addresses: [192.0.2.300]", "192.0.2.300"),
        ("addresses: [0.0.0.0/0]", "every address"),
        ("user_agents: ['(']", "pattern"),
        ("user_agents: ['.*']", "every user agent"),
        ("emails: [shop]", "neither an e-mail address nor a domain"),
        ("staff: [17]", "not a text"),
        ("- 1", "YAML document with keys"),
    ],
)
def test_what_is_wrong_with_rules_is_said(shop: Path, rules: str, said: str) -> None:
    (shop / "wrong.yaml").write_text(rules)
    for verb in ("try", "adopt"):
        found = run("traffic", verb, shop / "wrong.yaml", "-w", shop / "shop")
        assert found.code == 1
        assert said in found.err
    assert asked(shop) == (4, 1)
