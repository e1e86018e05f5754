"""Why one person, what a decision would change, and that nobody ever sees half of one."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.errors import NotFoundError, PeriplusError

ROUNDS = int(os.environ.get("PERIPLUS_ROUNDS", "3"))
"""Merges and undos under readers: a thousand are `PERIPLUS_ROUNDS=500 pytest tests/people/test_identity_book.py`."""
MAP = {"kind": "map", "map": "shop", "now": "2026-06-01"}


def event(number: int, name: str, **carried: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": name,
        "messageId": f"m{number}",
        "timestamp": f"2026-03-01T10:{number % 60:02d}:00Z",
        **carried,
    }


def told(folder: Path, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def family() -> list[dict[str, Any]]:
    """Two accounts that share an address, a visitor on a phone, an order, and somebody else."""
    mail = {"traits": {"email": "Family@Shop.example"}}
    return [
        event(1, "Product Viewed", anonymousId="phone-1"),
        event(2, "Product Viewed", userId="ann", context=mail),
        event(3, "Product Added", userId="ann", anonymousId="phone-1"),
        event(4, "Order Completed", userId="ann", properties={"order_id": "o-1", "total": 20}),
        event(5, "Product Viewed", userId="bob", context=mail),
        event(6, "Product Viewed", context=mail),
        event(7, "Product Viewed", userId="zoe"),
    ]


def everything(ws: periplus.Workspace) -> Any:
    people = sorted((row["customer"], row["label"], row["events"]) for row in ws.search()["rows"])
    answers = [
        ws.ask(MAP),
        ws.ask({"kind": "funnel", "steps": [{"event": "Product Viewed"}, {"event": "Product Added"}]}),
    ]
    return people, [(answer.rows, answer.totals) for answer in answers]


@pytest.fixture
def shop(tmp_path):
    with periplus.init(tmp_path / "shop", threads=1, shards=4) as ws:
        ws.import_file(told(tmp_path, family()))
        yield ws


def test_a_merge_is_explained_previewed_undone_and_had_back(shop, tmp_path):
    book, before = shop.identity, everything(shop)
    links = book.merges("ann")
    phone = next(row for row in links if row["identifier"]["value"] == "phone-1")
    assert (phone["event"], phone["with"], phone["counts"]) == (
        "Product Added",
        {"kind": "user", "value": "ann"},
        True,
    )
    assert phone["time"].startswith("2026-03-01T10:03")
    seen = book.preview({"separate": phone["id"]})
    assert seen["customers"] == {"before": 1, "after": 2, "gone": 0, "new": 1}
    assert seen["events"] == 1
    assert [(row["from_label"], row["to_label"]) for row in seen["examples"]] == [("ann", "phone-1")]
    assert everything(shop) == before
    numbers = [path.name for path in (shop.path / "spill").iterdir()]
    assert numbers == []
    made = book.separate(phone["id"], why="a shared phone", who="carla")
    assert {row["label"]: row["events"] for row in shop.search("phone-1")["rows"]} == {"ann": 3, "phone-1": 1}
    (answer,) = seen["answers"]
    now = shop.ask(answer["question"])
    assert {name: now.totals[name] for name in answer["after"]} == answer["after"]
    (cut,) = (row for row in book.merges("ann") if row["identifier"]["value"] == "phone-1")
    assert (cut["counts"], cut["decision"], cut["why"], cut["who"]) == (
        False,
        made["id"],
        "a shared phone",
        "carla",
    )
    back = book.preview(made["id"])
    assert back["customers"] == {"before": 2, "after": 1, "gone": 1, "new": 0}
    assert book.undo(made["id"], who="dora")["undone"]["who"] == "dora"
    assert everything(shop) == before
    # Late events find the same customers, whatever was decided and taken back.
    shop.import_file(told(tmp_path, [event(8, "Product Viewed", anonymousId="phone-1")]))
    assert {row["label"] for row in shop.search()["rows"]} == {label for _, label, _ in before[0]}


def test_accounts_that_share_an_address_are_proposed_and_joined_or_declined_by_hand(shop):
    book, before = shop.identity, everything(shop)
    (proposal,) = book.proposals()["rows"]
    assert [each["value"] for each in proposal["accounts"]] == ["ann", "bob"]
    assert proposal["shared"] == [{"kind": "email", "value": "family@shop.example"}]
    assert [(row["account"], row["events"]) for row in proposal["evidence"]] == [("ann", 1), ("bob", 1)]
    declined = book.dismiss("user:ann", "user:bob", why="a couple")
    assert book.proposals() == {"total": 0, "rows": []}
    assert everything(shop) == before
    book.undo(declined["id"])
    joined = book.join("user:ann", "user:bob")
    assert book.proposals()["total"] == 0
    assert shop.customer("bob")["customer"] == shop.customer("ann")["customer"]
    assert any(row["by"] == "hand" and row["decision"] == joined["id"] for row in book.merges("bob"))
    blocked = book.block("email:family@shop.example")
    assert [row["value"] for row in book.blocked()] == ["family@shop.example"]
    assert shop.ask(MAP).totals["unidentified"] == 1
    for decision in (joined, blocked):
        book.undo(decision["id"])
    assert everything(shop) == before
    assert [row["in_force"] for row in book.log()] == [False] * 3


def test_a_rule_is_previewed_in_customers_and_numbers_and_taken_back(shop):
    book, before = shop.identity, everything(shop)
    seen = book.preview({"rules": {"device": False}}, [MAP])
    assert seen["customers"]["after"] - seen["customers"]["before"] == 1
    made = book.set_rules({"device": False}, why="many shared tablets")
    assert book.rules().device is False
    assert len(shop.search()["rows"]) == len(before[0]) + 1
    with pytest.raises(PeriplusError, match="hold already"):
        book.set_rules({"device": False})
    book.undo(made["id"])
    assert everything(shop) == before


def test_loyalty_numbers_mailboxes_and_national_numbers_join_where_a_rule_says_so(shop, tmp_path):
    shop.import_file(
        told(
            tmp_path,
            [
                {"type": "identify", "messageId": "i1", "timestamp": "2026-03-02T10:00:00Z", "userId": "eve",
                 "traits": {"loyalty_number": 4711, "email": "eve.b@gmail.com"}},
                {"type": "identify", "messageId": "i2", "timestamp": "2026-03-02T10:00:00Z", "anonymousId": "till",
                 "traits": {"loyalty_number": "4711"}},
                event(11, "Product Viewed", anonymousId="till"),
                event(12, "Product Viewed", traits={"email": "E.v.e.b+shop@googlemail.com"}),
                event(13, "Product Viewed", userId="fay", traits={"phone": "+30 691 234 5678"}),
                event(14, "Product Viewed", traits={"phone": "6912345678"}),
            ],
        )
    )  # fmt: skip
    before = everything(shop)
    made = shop.identity.set_rules({"external": ["loyalty_number"], "mailbox": True, "region": "GR"})
    assert {
        row["label"]: row["events"] for row in shop.search()["rows"] if row["label"] in ("eve", "fay")
    } == {
        "eve": 4,
        "fay": 2,
    }
    shop.identity.undo(made["id"])
    assert everything(shop) == before


def test_nobody_and_nothing_known_is_said_with_the_nearest(shop):
    book, before = shop.identity, everything(shop)
    with pytest.raises(NotFoundError, match=r"Did you mean 'family@shop.example'"):
        book.join("email:famly@shop.example", "user:ann")
    with pytest.raises(NotFoundError, match=r"No event carries 'user:nobody-at-all'"):
        book.block("user:nobody-at-all")
    for wrong in ({"undo": "first"}, {"undo": 9}, {"join": ["user:ann"]}, {}, {"rules": {"e-mail": 1}}):
        with pytest.raises(PeriplusError) as problem:
            book.decide(wrong)
        assert problem.value.hint
    assert everything(shop) == before


@pytest.mark.timeout(600 + 10 * ROUNDS)
def test_readers_never_see_half_of_a_merge(shop):
    """Two customers become one and part again, many times; whoever asks sees all of one version."""
    apart = {row["label"]: row["events"] for row in shop.search()["rows"]}
    joined = dict(apart)
    joined["ann"] += joined.pop("bob")
    seen: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.wait(0.2):
            snapshot = shop.snapshot()
            found = {
                row["label"]: row["events"] for row in periplus.people.directory.search(snapshot, "")["rows"]
            }
            if found not in (apart, joined):
                seen.append(repr(found))
            total = sum(len(snapshot.shard(index).time) for index in range(snapshot.shard_count))
            if total != sum(apart.values()):
                seen.append(f"{total} events")

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(ROUNDS):
            made = shop.identity.join("user:ann", "user:bob")
            shop.identity.undo(made["id"])
    finally:
        done.set()
        for reader in readers:
            reader.join(60)
    assert seen == []
    assert len(shop.identity.log()) == ROUNDS
