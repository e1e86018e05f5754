"""What is older than its source is kept leaves, and every answer is as if it had never come."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from periplus.clock import UNITS, instant, zone
from periplus.errors import DocumentError
from periplus.people.retention_rules import RetentionRules
from periplus.store import manifest
from periplus.workspace import init
from tests.faults.shops import answers, log, standing_ids, write

UTC = zone("UTC")
NOW = instant("2026-03-20", UTC)
RULES = "sources:\n  web: 12d\n  '*': 365d\n"
LIMIT = "2026-03-08T00:00:00Z"


@pytest.mark.parametrize(
    ("document", "said"),
    [("sources: {web: 1h}", "a day"), ("sources: {web: often}", "duration"), ("source: {web: 9d}", "source")],
)
def test_wrong_rules_are_told(document: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        RetentionRules.parse(document)


def test_old_events_leave_and_answers_are_those_of_a_fresh_import_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-ins that leave take with them whom a device was known to be: identity is settled anew."""
    monkeypatch.setattr("periplus.people.retention.READERS", 0.0)
    web, shop = log(120), log(40, seed=1, prefix="s")
    young = [event for event in web if event["timestamp"] >= LIMIT]
    assert 0 < len(young) < len(web)
    with (
        init(tmp_path / "kept", shards=2, threads=1, memory="500MB") as kept,
        init(tmp_path / "fresh", shards=2, threads=1, memory="500MB") as fresh,
    ):
        kept.import_file(write(tmp_path / "web.jsonl", web[:80]), source="web")
        kept.import_file(write(tmp_path / "more.jsonl", web[60:]), source="web")
        kept.import_file(write(tmp_path / "shop.jsonl", shop), source="shop")
        fresh.import_file(write(tmp_path / "young.jsonl", young), source="web")
        fresh.import_file(tmp_path / "shop.jsonl", source="shop")
        expected = answers(fresh)
        tried = kept.retention.trial(RULES, now=NOW)
        assert tried["sources"] == {"web": len(web) - len(young)}
        before = manifest.live_number(kept.path)
        assert kept.retention.adopt(RULES, who="Maria") == 1
        told = kept.retention.run(now=NOW, who="server")
        assert told["sources"] == tried["sources"]
        assert manifest.live_number(kept.path) == before + 2
        assert answers(kept) == expected
        assert standing_ids(kept.path) == standing_ids(fresh.path)
        # Nothing more to do; and what is too old does not come in again.
        assert kept.retention.run(now=NOW)["events"] == 0
        assert manifest.live_number(kept.path) == before + 2
        old = {**web[0], "messageId": "old", "timestamp": "2001-01-01T00:00:00Z"}
        again = kept.import_file(write(tmp_path / "old.jsonl", [old]), source="web")
        assert (again.accepted, again.withheld) == (0, 1)
        noted = kept.erasures.actions()
        assert [(row["who"], row["action"]) for row in noted] == [("server", "retention"), ("Maria", "rules")]
        assert noted[0]["events"] == len(web) - len(young)
        assert json.dumps(kept.retention.rules().document()) == json.dumps(
            {"sources": {"*": "365d", "web": "12d"}}
        )
    assert UNITS["d"] < RetentionRules.parse(RULES).limit("web", NOW)  # type: ignore[operator]
