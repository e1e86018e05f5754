"""A person erased is in no file of the workspace, in no answer, and does not come back with the same file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from periplus.clock import wall
from periplus.collect.wire import Request
from periplus.errors import NotFoundError
from periplus.people import directory, erasure
from periplus.people.identifiers import customer_hash
from periplus.workspace import Workspace, init
from tests.faults.shops import answers, write
from tests.people import decoded

WORDS = (
    "u-ann", "ann@shop.example", "Ann@Shop.example", "+30 694 555 1234", "+306945551234", "d-ann-phone", "Ann Pappas",
    "Odos Athinas 7", "o-ann-1", "o-ann-2", "m-ann", "Letter to Ann", "only_ann_says", "ann-favourite",
)  # fmt: skip
"""What must be nowhere: her identifiers, as they were spelt and as identity has them, and what only her events say."""
NUMBERS = [
    customer_hash(kind, value)
    for kind, value in (
        ("user", "u-ann"), ("email", "ann@shop.example"), ("phone", "+306945551234"), ("device", "d-ann-phone"),
        ("reference", "order_id:o-ann-1"),
    )
]  # fmt: skip


def event(name: str, number: str, minute: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track", "event": name, "messageId": f"m-{number}",
        "timestamp": f"2026-03-01T{8 + minute // 60:02d}:{minute % 60:02d}:00Z", **fields,
    }  # fmt: skip


def of_ann() -> list[dict[str, Any]]:
    """Ann: a phone, an account, an e-mail in capitals, a tablet that Bob uses too, an order, a carrier's message."""
    return [
        event("Product Viewed", "ann-1", 1, anonymousId="d-ann-phone", properties={"price": 2, "only_ann_says": "ann-favourite"}),
        event("Product Added", "ann-2", 2, anonymousId="d-ann-phone", properties={"price": 2}),
        {
            "type": "identify", "messageId": "m-ann-3", "timestamp": "2026-03-01T08:03:00Z", "userId": "u-ann",
            "anonymousId": "d-ann-phone",
            "traits": {"email": "Ann@Shop.example", "phone": "+30 694 555 1234", "name": "Ann Pappas", "address": {"street": "Odos Athinas 7"}},
        },
        event("Order Completed", "ann-4", 4, userId="u-ann", properties={"order_id": "o-ann-1", "total": 40, "price": 2}),
        event("Order Delivered", "ann-5", 9, properties={"order_id": "o-ann-1"}),
        event("Product Viewed", "ann-6", 30, anonymousId="d-tablet", properties={"price": 3}),
        event("Checkout Started", "ann-7", 31, anonymousId="d-tablet", userId="u-ann"),
        event("Letter to Ann", "ann-8", 32, email="Ann@Shop.example"),
        event("Order Completed", "ann-9", 33, phone="+30 694 555 1234", properties={"order_id": "o-ann-2", "total": 10}),
    ]  # fmt: skip


def of_others() -> list[dict[str, Any]]:
    """Bob, on the tablet after Ann, and a dozen people with journeys of their own."""
    listed = [
        event("Product Viewed", "bob-1", 50, anonymousId="d-tablet", userId="u-bob", properties={"price": 1}),
        event("Product Added", "bob-2", 51, anonymousId="d-tablet", properties={"price": 1}),
        event("Order Completed", "bob-3", 52, userId="u-bob", email="bob@shop.example", properties={"order_id": "o-bob", "total": 7}),
    ]  # fmt: skip
    for number in range(12):
        device = {"anonymousId": f"d-{number}"}
        listed.append(
            event("Product Viewed", f"{number}-1", number, **device, properties={"price": number % 3})
        )
        listed.append(event("Product Added", f"{number}-2", 60 + number, **device))
        if number % 3:
            listed.append(
                event("Checkout Started", f"{number}-3", 80 + number, **device, userId=f"u-{number}")
            )
    return listed


def silent(done: int, total: int, what: str) -> None:
    del done, total, what


def import_all(ws: Workspace, folder: Path, events: Sequence[dict[str, Any]], extra: str = "") -> None:
    """Two files that overlap, so that there are claims; the second has rows that are refused."""
    cut = len(events) * 2 // 3
    ws.import_file(write(folder / "first.jsonl", events[:cut]))
    second = write(folder / "second.jsonl", [dict(each) for each in events[cut // 2 :]])
    second.write_text(second.read_text() + extra)
    ws.import_file(second, source="import")


BAD = (
    '{"type": "track", "event": "Seen", "userId": "u-ann", "timestamp": "yesterday", "traits": {"name": "Ann Pappas"}}\n'
    '{"type": "track", "event": "Seen", "userId": "u-bob", "timestamp": "yesterday"}\n'
)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with init(tmp_path / "shop", shards=2, threads=1, memory="500MB") as ws:
        yield ws


def spread() -> list[dict[str, Any]]:
    """Everybody's events, mixed, so that each file has some of everybody."""
    ann, others = of_ann(), of_others()
    mixed = others[: len(others) // 2] + ann[:5] + others[len(others) // 2 :] + ann[5:]
    return mixed[::2] + mixed[1::2]


def test_no_file_holds_an_erased_person_and_answers_are_those_without(
    shop: Workspace, tmp_path: Path
) -> None:
    import_all(shop, tmp_path, spread(), BAD)
    with init(tmp_path / "without", shards=2, threads=1, memory="500MB") as without:
        (tmp_path / "files").mkdir()
        import_all(without, tmp_path / "files", of_others(), BAD.splitlines(keepends=True)[1])
        expected = answers(without)
        everybody = without.search(limit=100)["rows"]
    shop.add_note("u-ann", "Ann Pappas calls back at noon")
    shop.set_consent("u-ann", {"marketing.email": True}, source="phone call")
    before = answers(shop)
    assert before != expected
    assert decoded.places(shop.path, WORDS, NUMBERS)
    proof = erasure.erase(shop.home, shop.state, "ANN@shop.example", who="test", progress=silent, readers=0)
    assert decoded.places(shop.path, WORDS, NUMBERS) == []
    assert answers(shop) == expected
    assert shop.search(limit=100)["rows"] == everybody
    told = {each["place"]: (each["before"]["rows"], each["after"]["rows"]) for each in proof["places"]}
    assert told["events"][0] >= 9
    assert told["claims"][0] > 0
    assert told["rejects"][0] == 1
    assert (told["consents"][0], told["notes"][0]) == (4, 1)
    assert all(after == 0 for _, after in told.values())
    # The same files again bring nobody back, whatever they are taken for; the counts add up.
    files = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    tried = shop.import_file(files, dry_run=True).counts
    again = shop.import_file(files)
    assert tried == {name: getattr(again, name) for name in tried}
    assert again.withheld == 11  # two of the nine stand in both files
    assert again.accepted + again.duplicate + again.rejected + again.withheld == again.rows
    assert decoded.places(shop.path, WORDS, NUMBERS) == []
    assert answers(shop) == expected
    # Under another name they are other events: those that carry an identifier of hers are known by it.
    elsewhere = shop.import_file(files, source="elsewhere")
    assert elsewhere.withheld == 9
    assert not shop.search("u-ann")["total"]
    shop.undo(elsewhere.batch)
    assert answers(shop) == expected
    # After the erasure they may come back, as somebody new.
    later = write(
        tmp_path / "later.jsonl",
        [{**event("Seen", "ann-99", 1, userId="u-ann"), "timestamp": "2099-01-01T00:00:00Z"}],
    )
    assert shop.import_file(later).accepted == 1


def test_what_was_collected_goes_too_and_the_door_keeps_it_out(shop: Workspace) -> None:
    """Events in the store and on the way, refused messages, the memory of what came in; while the collector runs."""
    key = shop.add_source("web")
    words = [word for word in WORDS if word != "d-tablet"]
    with shop.collector() as collector:
        send = partial(sent, collector, key)
        assert send([*of_ann(), *of_others()]) == {"accepted": len(of_ann()) + len(of_others())}
        assert send(
            [
                {
                    "type": "track",
                    "event": "Seen",
                    "userId": "u-ann",
                    "timestamp": "yesterday",
                    "messageId": "m-ann-x",
                }
            ]
        ) == {"rejected": 1}
        collector.bring_in()
        assert send([event("Seen", "ann-10", 55, userId="u-ann", properties={"price": "ann-favourite"})]) == {
            "accepted": 1
        }
        proof = shop.subject("u-ann").erase(who="test")
        told = {each["place"]: each for each in proof["places"]}
        assert told["ledger"]["before"]["rows"] + told["inbox"]["before"]["rows"] >= 10
        assert all(each["after"]["rows"] == 0 for each in proof["places"])
        collector._look_at_rules()
        assert send(
            [event("Seen", "ann-11", 58, userId="u-ann"), event("Seen", "bob-9", 58, userId="u-bob")]
        ) == {
            "withheld": 1,
            "accepted": 1,
        }
        assert "u-ann" not in json.dumps(collector.recent())
    counts: Counter[str] = Counter()
    for row in shop.ledger_counts("web"):
        counts.update(
            {name: row[name] for name in ("accepted", "duplicate", "rejected", "withheld", "received")}
        )
    assert (
        counts["received"]
        == counts["accepted"] + counts["duplicate"] + counts["rejected"] + counts["withheld"]
    )
    assert (counts["rejected"], counts["withheld"]) == (1, 1)
    assert decoded.places(shop.path, words, NUMBERS) == []
    assert shop.search("u-bob")["total"] == 1


def sent(collector: Any, key: str, events: Sequence[dict[str, Any]]) -> Counter[str]:
    """Send a batch through the door; returns how many messages had which fate."""
    body = json.dumps({"batch": list(events), "writeKey": key}).encode()
    reply = collector.ask(
        Request("POST", "/v1/batch", [], {"content-type": "application/json"}, body, wall())
    )
    assert reply.status in (200, 400), reply.body
    return Counter(seen["outcome"] for seen in collector.recent(limit=len(events)))


def test_whoever_has_the_same_letters_elsewhere_stays(shop: Workspace, tmp_path: Path) -> None:
    """A number that only looks like the person's id is nobody's: 7 the customer, 7 the price, o-7 the order of another."""
    events = [
        event("Product Viewed", "1", 1, userId="7", properties={"price": 7}),
        event("Order Completed", "2", 2, userId="8", properties={"price": 7, "order_id": "7", "total": 7}),
        event(
            "Order Completed",
            "3",
            3,
            userId="7@shop.example",
            email="7@shop.example",
            properties={"total": 7},
        ),
    ]
    shop.import_file(write(tmp_path / "sevens.jsonl", events))
    shop.subject(directory.shown(customer_hash("user", "7"))).erase()
    assert {row["label"] for row in shop.search()["rows"]} == {"8", "7@shop.example"}
    assert shop.import_file(tmp_path / "sevens.jsonl").withheld == 1
    # Later events of somebody who had refused analytics stay out as well: their refusal does not turn into a yes.
    shop.set_consent("8", {"analytics": False}, source="phone call")
    assert shop.subject("8").erase()["later"]
    later = [
        {**event("Seen", f"{number}-later", 1, userId=number), "timestamp": "2099-01-01T00:00:00Z"}
        for number in "78"
    ]
    again = shop.import_file(write(tmp_path / "later.jsonl", later))
    assert (again.accepted, again.withheld) == (1, 1)
    assert shop.subject("7").erase(later=True)["later"]
    assert shop.import_file(tmp_path / "later.jsonl").withheld == 2


def test_one_of_whom_only_traces_are_left_can_be_erased(shop: Workspace, tmp_path: Path) -> None:
    bad = '{"type": "track", "event": "Seen", "email": "eve@shop.example", "timestamp": "yesterday"}\n'
    import_all(shop, tmp_path, of_others(), bad)
    with pytest.raises(NotFoundError):
        shop.subject("nobody@shop.example").erase()
    assert decoded.places(shop.path, ["eve@shop.example"])
    assert shop.subject("eve@shop.example").erase()["identifiers"] == {"user": 1, "email": 1, "device": 1}
    assert decoded.places(shop.path, ["eve@shop.example"]) == []


def test_decisions_documents_and_copies_are_told_of(shop: Workspace, tmp_path: Path) -> None:
    import_all(shop, tmp_path, spread())
    shop.export(tmp_path / "all.jsonl", who="Maria")
    shop.subject("u-ann").export(tmp_path / "ann@shop.example.json", who="Maria")
    shop.subject("u-bob").export(tmp_path / "bob.json")
    shop.state.save("map", "letters", {"name": "Letters to u-ann"})
    found = shop.subject("u-ann").preview()
    assert found["documents"] == ["map letters"]
    proof = shop.subject("u-ann").erase(reason="letter of Ann Pappas")
    assert [Path(each["path"]).name for each in proof["copies"]] == ["….json", "all.jsonl"]
    assert proof["reason"] == "letter of …"
    assert [each["files"] for each in proof["files"]] == [["first.jsonl"], ["second.jsonl"]]
    assert shop.erasures.show(1) == proof
    assert shop.erasures.listed() == [proof]
    # What people wrote is named to them, and stays until they change it.
    assert {place.partition(" ")[0] for place in decoded.places(shop.path, WORDS)} <= {
        "state.db",
        "state.db-wal",
    }
