"""Identifiers as no client should send them, and as they do: nothing breaks, and whom they mean is what the rules say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.errors import NotFoundError, PeriplusError
from tests.terminal import run
from tests.web.conftest import Served, _serve

LONG = "x" * 1_000_000


def seen(number: int, event: str = "Seen", **fields: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "messageId": f"m{number}", "timestamp": f"2026-03-01T{number:02d}:00:00Z", **fields,
    }  # fmt: skip


def alias(number: int, user: str, previous: str) -> dict[str, Any]:
    who = {"userId": user, "previousId": previous}
    return {"type": "alias", "messageId": f"m{number}", "timestamp": f"2026-03-01T{number:02d}:00:00Z", **who}


def bring(ws: periplus.Workspace, rows: list[dict[str, Any]]) -> Any:
    """Import rows as a file of their own."""
    path = ws.path.parent / f"{len(list(ws.path.parent.iterdir()))}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ws.import_file(path, source="test")


def who(ws: periplus.Workspace) -> dict[str, int]:
    """Events of each customer, by label."""
    return {row["label"]: row["events"] for row in ws.search()["rows"]}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[periplus.Workspace]:
    with periplus.init(tmp_path / "shop", shards=2, threads=1) as ws:
        yield ws


ODD = [
    seen(1, userId="a"), seen(2, userId="b"), seen(3, userId="c"), seen(4, userId="z"),
    alias(5, "a", "b"), alias(6, "b", "c"), alias(7, "c", "a"),
    alias(8, "z", "z"),
    seen(9, userId=LONG), seen(10, userId="q", email=f"{LONG}@shop.example"), seen(11, anonymousId=LONG),
    seen(12, properties={"order_id": LONG}),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ring of aliases, an alias to oneself, and identifiers of a megabyte."""
    with periplus.init(tmp_path_factory.mktemp("odd") / "shop", shards=2, threads=1) as ws:
        assert bring(ws, ODD).accepted == len(ODD)
        yield from _serve(ws)


def test_a_ring_of_aliases_is_one_person_and_an_alias_to_oneself_says_nothing(served: Served) -> None:
    assert who(served.ws) == {"a": 6, "z": 2, "q": 1}
    assert [row["identifier"]["value"] for row in served.ws.identity.merges("z")] == []
    for row in served.ws.customer("a")["identifiers"]:
        assert (row["by"], row["linked"]["type"]) == ("alias", "alias")


def test_an_identifier_of_a_megabyte_means_nobody_and_is_refused_in_one_sentence(served: Served) -> None:
    ws = served.ws
    assert ws.ask({"kind": "map", "map": "shop"}).totals["unidentified"] == 3
    junk = [row for row in ws.identity.guards() if row["state"] == "junk"]
    assert {row["kind"] for row in junk} == {"user", "email", "device", "order"}
    assert all(len(row["value"]) <= 1001 for row in junk)
    assert [row["label"] for row in ws.search(LONG)["rows"]] == ["q"], (
        "it stands in an event of q, and means nobody"
    )
    for refused in (
        lambda: ws.customer(LONG),
        lambda: ws.identity.merges(LONG),
        lambda: ws.identity.join(f"user:{LONG}", "user:a"),
        lambda: ws.identity.preview({"block": f"email:{LONG}@shop.example"}),
    ):
        with pytest.raises(PeriplusError) as problem:
            refused()
        assert len(str(problem.value)) < 600
    for words in (
        ("why", LONG),
        ("join", f"user:{LONG}", "user:a"),
        ("block", f"device:{LONG}", "--dry-run"),
    ):
        said = run("identity", *words, "-w", ws.path)
        assert (said.code, len(said.err) < 700) == (1, True)
    with served.signed_in() as client:
        for address in ("/people/q", "/people", "/people/identity", "/people/identity.json"):
            page = client.get(address)
            assert (page.status_code, len(page.content) < 400_000) == (200, True), address
        csrf = served.csrf(client)
        for form in (
            {"act": "block", "one": f"user:{LONG}"},
            {"act": "join", "one": f"user:{LONG}", "other": "user:a"},
        ):
            page = client.post("/people/identity/say", data={"csrf": csrf, "action": "try", **form})
            assert (page.status_code < 500, len(page.content) < 100_000) == (True, True)


def test_two_users_claim_one_order(shop: periplus.Workspace) -> None:
    """They stay two; a message that carries only the number belongs to who claimed it last, else to who does first."""
    order = {"order_id": "o-1", "total": 20, "currency": "EUR"}
    number = {"order_id": "o-1"}
    rows = [
        seen(1, "Order Packed", properties=number),
        seen(2, "Order Completed", userId="ann", properties=order),
        seen(3, "Order Shipped", properties=number),
        seen(4, "Order Completed", userId="bob", properties=order),
        seen(5, "Order Delivered", properties=number),
    ]
    for part in (rows[3:], rows[2:3], rows[:2]):
        bring(shop, part)
    told = {name: [event["event"] for event in shop.timeline(name)] for name in ("ann", "bob")}
    assert told == {
        "ann": ["Order Packed", "Order Completed", "Order Shipped"],
        "bob": ["Order Completed", "Order Delivered"],
    }
    assert sorted(row["label"] for row in shop.search("o-1")["rows"]) == ["ann", "bob"]
    assert [shop.dealings(name)["orders"][0]["state"] for name in told] == ["shipped", "delivered"]
    assert shop.identity.proposals()["total"] == 0, "sharing an order is no reason to be one person"
    said = run("identity", "why", "ann", "-w", shop.path)
    assert (said.code, "bob" in said.out) == (0, False)
    with pytest.raises(PeriplusError, match="number of an order"):
        shop.identity.join("order:o-1", "user:ann")
    shop.identity.block("order:o-1")
    assert who(shop) == {"ann": 1, "bob": 1}
    assert shop.ask({"kind": "map", "map": "shop"}).totals["unidentified"] == 3
    shop.identity.undo(1)
    assert who(shop) == {"ann": 3, "bob": 2}


def test_a_ring_of_joins_is_taken_apart_in_any_order_and_an_undo_is_undone_by_deciding_again(
    shop: periplus.Workspace,
) -> None:
    bring(shop, [seen(1, userId="a"), seen(2, userId="b"), seen(3, userId="c")])
    apart = who(shop)
    pairs = [("user:a", "user:b"), ("user:b", "user:c"), ("user:c", "user:a")]
    made = [shop.identity.join(*pair)["id"] for pair in pairs]
    assert who(shop) == {"a": 3}
    shop.identity.undo(made[1])
    assert who(shop) == {"a": 3}, "the other two joins of the ring hold all three"
    assert shop.identity.preview(made[2])["customers"] == {"before": 1, "after": 2, "gone": 0, "new": 1}
    shop.identity.undo(made[2])
    assert who(shop) == {"a": 2, "c": 1}
    for again in (
        lambda: shop.identity.undo(made[2]),
        lambda: shop.identity.preview(made[2]),
        lambda: shop.identity.decide({"undo": made[2]}),
    ):
        with pytest.raises(PeriplusError, match="taken back already") as problem:
            again()
        assert "Decide it again" in problem.value.hint
    said = run("identity", "undo", made[2], "-w", shop.path)
    assert (said.code, "taken back already" in said.err) == (1, True)
    shop.identity.undo(made[0])
    assert who(shop) == apart
    assert run("identity", "join", "user:a", "user:c", "-w", shop.path).code == 0
    assert who(shop) == {"a": 2, "b": 1}


@pytest.mark.parametrize("mailbox", [False, True])
def test_spellings_of_one_address_in_imports_of_their_own(shop: periplus.Workspace, mailbox: bool) -> None:
    """Capitals and space never count; tags, and dots at Gmail, count unless the rule says otherwise."""
    spellings = [
        "ann.b@gmail.com", " ANN.B@Gmail.com\t", "Ann.B+News@gmail.com", "annb@GOOGLEMAIL.com",
        "eva.k@shop.example", "EVA.K@Shop.Example ", "eva.k+x.y@shop.example", "evak@shop.example",
    ]  # fmt: skip
    if mailbox:
        shop.identity.set_rules({"mailbox": True})
    rows = [seen(number, email=spelling) for number, spelling in enumerate(spellings, 1)]
    for part in (rows[::3], rows[1::3], rows[2::3]):
        bring(shop, part)
    if mailbox:
        assert sorted(who(shop).values()) == [1, 3, 4]
        assert shop.customer("ann.b@gmail.com")["events"] == 4
    else:
        assert sorted(who(shop).values()) == [1, 1, 1, 1, 2, 2]
    with periplus.init(shop.path.parent / "at once", shards=2, threads=1) as once:
        if mailbox:
            once.identity.set_rules({"mailbox": True})
        bring(once, rows)
        assert {row["customer"]: row["events"] for row in once.search()["rows"]} == {
            row["customer"]: row["events"] for row in shop.search()["rows"]
        }


def test_an_alias_that_comes_late_joins_two_customers_who_are_there_already(tmp_path: Path) -> None:
    """In whichever import it comes, before, between or after those it joins; and its batch can be undone."""
    rows = [[seen(1, userId="guest-7"), seen(2, anonymousId="d", userId="guest-7")], [seen(3, userId="ann")], [alias(4, "ann", "guest-7")]]  # fmt: skip
    found = set()
    orders = (rows, [rows[0], rows[2], rows[1]], rows[::-1])
    for place, order in enumerate(orders):
        with periplus.init(tmp_path / str(place) / "shop", shards=2, threads=1) as ws:
            batches = [bring(ws, each).batch for each in order]
            assert who(ws) == {"ann": 4}
            assert {row["value"] for row in ws.customer("guest-7")["identifiers"]} == {"ann", "guest-7", "d"}
            found.add(ws.customer("guest-7")["customer"])
            if order[2] == rows[2]:
                ws.undo(batches[2])
                assert who(ws) == {"ann": 1, "guest-7": 2}
                with pytest.raises(NotFoundError):
                    ws.identity.join("user:ann", "user:guest-8")
    assert len(found) == 1
