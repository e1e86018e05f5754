"""A person erased is in no file of the workspace, in no answer, and does not come back with the same file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from periplus.people import erasure
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
    again = shop.import_file(files)
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
