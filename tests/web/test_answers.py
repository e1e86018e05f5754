"""Answers kept for pages: the same while data, question and documents are, and never of another version."""

from __future__ import annotations

import json

import periplus
from periplus.web.answers import Answers

EVENTS = [
    {
        "type": "track",
        "event": name,
        "userId": "u1",
        "messageId": f"m{place}",
        "timestamp": f"2026-01-01T00:00:0{place}Z",
    }
    for place, name in enumerate(("Product Viewed", "Product Added", "Order Completed"))
]
FUNNEL = {"kind": "funnel", "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}]}
MAP = {"name": "Mine", "id": "mine", "goal": ["bought"], "stages": [
    {"name": "All", "steps": [{"id": "seen", "name": "Seen", "rule": {"event": "Product Viewed"}},
                              {"id": "bought", "name": "Bought", "rule": {"event": "Order Completed"}}]}]}  # fmt: skip


def shop(folder, events):
    path = folder / "events.jsonl"
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return path


def test_an_answer_is_kept_until_the_data_changes(tmp_path):
    with periplus.init(tmp_path / "shop") as ws:
        ws.import_file(shop(tmp_path, EVENTS[:2]))
        answers = Answers(ws)
        first = answers.ask(FUNNEL)
        again = answers.ask(FUNNEL)
        assert again.rows is first.rows
        assert again.people({"step": 0}, "reached") == first.people({"step": 0}, "reached") != []
        ws.import_file(shop(tmp_path, EVENTS))
        after = answers.ask(FUNNEL)
        assert [row["reached"] for row in first.rows] == [1, 0]
        assert (
            [row["reached"] for row in after.rows]
            == [1, 1]
            == [row["reached"] for row in ws.ask(FUNNEL).rows]
        )


def test_a_map_that_was_edited_is_asked_anew(tmp_path):
    with periplus.init(tmp_path / "shop") as ws:
        ws.import_file(shop(tmp_path, EVENTS))
        ws.add_map(MAP)
        answers = Answers(ws)
        asked = {"kind": "map", "map": "mine"}
        before = answers.ask(asked)
        ws.add_map({**MAP, "goal": ["seen"]})
        after = answers.ask(asked)
        assert after.rows != before.rows
        assert after.rows == ws.ask(asked).rows
