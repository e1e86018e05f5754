"""Found by what a customer says on the phone: an e-mail in capitals, a number however spelled, an order, a ticket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import periplus
from periplus.people import directory

ROWS = [
    {"userId": "ann", "email": "ann@example.org", "phone": "+30 694-123 4567", "anonymousId": "d1"},
    {"userId": "ann-marie", "email": "marie@example.org"},
    {"userId": "ben", "properties": {"order_id": "o-10482", "total": 5}},
    {"userId": "cleo", "properties": {"order_id": 10482}},
    {"userId": "dan", "properties": {"ticket_id": "4471"}},
    {"userId": "eve", "properties": {"order_id": "ÜX/7 a", "nested": {"order_id": "4471"}}},
]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("search")
    with periplus.init(folder / "shop") as shop:
        for place in (0, 1):  # in several files, whose columns differ
            rows = [
                {"type": "track", "event": "Seen", "timestamp": f"2026-05-0{1 + number}T00:00:00Z", **row}
                for number, row in enumerate(ROWS)
                if number % 2 == place
            ]
            path = folder / f"{place}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            shop.import_file(path)
        yield shop


@pytest.mark.parametrize(
    ("text", "found", "matched"),
    [
        ("ANN@EXAMPLE.ORG", ["ann"], "exact"),
        (" ann@example.org ", ["ann"], "exact"),
        ("0030 6941234567", ["ann"], "exact"),
        ("+30 (694) 123-45-67", ["ann"], "exact"),
        ("d1", ["ann"], "exact"),
        ("ann", ["ann"], "exact"),
        ("o-10482", ["ben"], "exact"),
        ("10482", ["cleo"], "exact"),
        ("4471", ["dan"], "exact"),
        ("ÜX/7 a", ["eve"], "exact"),
        ("marie@", ["ann-marie"], "part"),
        ("ANN-M", ["ann-marie"], "part"),
        ("example.org", ["ann-marie", "ann"], "part"),
        ("o-1048", [], "part"),
        ("nobody' OR 1=1 --", [], "part"),
        ("", ["eve", "dan", "cleo", "ben", "ann-marie", "ann"], "all"),
    ],
)
def test_who_is_found(ws: Any, text: str, found: list[str], matched: str) -> None:
    answer = ws.search(text)
    assert [row["label"] for row in answer["rows"]] == found
    assert (answer["total"], answer["matched"]) == (len(found), matched)


def test_parts_are_found_where_asked_for(ws: Any) -> None:
    assert [row["label"] for row in ws.search("ann", part=True)["rows"]] == ["ann-marie", "ann"]


def test_the_own_number_of_a_customer(ws: Any) -> None:
    number = ws.customer("ben")["customer"]
    assert [row["label"] for row in ws.search(number.upper())["rows"]] == ["ben"]


def test_page_by_page(ws: Any) -> None:
    for text in ("", "example.org"):
        whole = ws.search(text)["rows"]
        turned = [
            row for offset in range(len(whole)) for row in ws.search(text, limit=1, offset=offset)["rows"]
        ]
        assert turned == whole


def test_a_customer_with_many_ids_is_listed_once(tmp_path: Path) -> None:
    """The first rows by their last event may all be one person's; then everybody is grouped."""
    rows = [{"userId": "one", "anonymousId": f"d{n}", "at": n} for n in range(300)] + [
        {"userId": "two", "at": 0}
    ]
    path = tmp_path / "many.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "type": "track",
                    "event": "Seen",
                    "timestamp": f"2026-05-01T01:{n // 60:02d}:{n % 60:02d}Z",
                    **row,
                }
            )
            + "\n"
            for n, row in enumerate(rows)
            if row.pop("at") is not None
        ),
        encoding="utf-8",
    )
    with periplus.init(tmp_path / "shop") as shop:
        shop.import_file(path)
        assert [row["label"] for row in shop.search("", limit=2)["rows"]] == ["two", "one"]
        assert shop.search("", limit=1)["total"] == 2


def test_the_event_that_linked_an_id(ws: Any) -> None:
    links = {row["kind"]: row["linked"] for row in ws.customer("ann")["identifiers"]}
    assert links["user"] is None
    assert links["email"]["with"] == {"kind": "user", "value": "ann"}
    assert (links["device"]["event"], links["device"]["time"]) == ("Seen", "2026-05-01T00:00:00Z")


def test_buyer_and_recipient_stay_two(tmp_path: Path) -> None:
    order = {"order_id": "g1", "total": 20, "recipient": {"name": "Ben", "email": "ben@example.org"}}
    rows = [
        {"type": "track", "event": "Order Completed", "email": "ann@example.org", "properties": order},
        {"type": "track", "event": "Page Viewed", "email": "ben@example.org"},
    ]
    path = tmp_path / "gift.jsonl"
    path.write_text(
        "".join(json.dumps({**row, "timestamp": "2026-05-01T00:00:00Z"}) + "\n" for row in rows),
        encoding="utf-8",
    )
    with periplus.init(tmp_path / "shop") as shop:
        shop.import_file(path)
        assert shop.customer("ann@example.org")["customer"] != shop.customer("ben@example.org")["customer"]
        assert shop.dealings("ann@example.org")["orders"][0]["recipient"] == "Ben"
        assert shop.dealings("ben@example.org")["orders"] == []


def test_two_accounts_under_one_e_mail_are_not_joined_and_said(tmp_path: Path) -> None:
    rows = [
        {"userId": user, "email": mail, "anonymousId": "till", "timestamp": f"2026-05-01T0{hour}:00:00Z"}
        for hour, (user, mail) in enumerate([("ann", "Home@example.org"), ("ben", "Home@example.org")])
    ]
    path = tmp_path / "home.jsonl"
    path.write_text(
        "".join(json.dumps({"type": "track", "event": "Seen", **row}) + "\n" for row in rows),
        encoding="utf-8",
    )
    with periplus.init(tmp_path / "shop") as shop:
        shop.import_file(path)
        other = {"customer": shop.customer("ben")["customer"], "label": "ben"}
        assert shop.apart("ann") == [
            {"kind": "email", "value": "home@example.org", "others": [other]},
            {"kind": "device", "value": "till", "others": [other]},
        ]


def test_labels_are_those_of_lists(ws: Any) -> None:
    snapshot = ws.snapshot()
    for row in ws.search("")["rows"]:
        number = int(row["customer"], 16)
        assert (
            ws.customer(row["customer"])["label"]
            == row["label"]
            == directory.labels(snapshot, [number])[number]
        )


def test_a_label_is_told_anew_with_each_version_and_only_then(tmp_path: Path) -> None:
    rows = [
        {
            "type": "track",
            "event": "Seen",
            "timestamp": "2026-05-01T00:00:00Z",
            "messageId": f"m{number}",
            **row,
        }
        for number, row in enumerate(
            [
                {"anonymousId": "d1"},
                {"anonymousId": "d2", "email": "Bea@Example.org"},
                {"userId": "cy", "email": "a@b.org"},
            ]
        )
    ]
    late = {"type": "identify", "timestamp": "2026-05-02T00:00:00Z", "messageId": "late", "anonymousId": "d1"}
    (tmp_path / "first.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "late.jsonl").write_text(json.dumps({**late, "userId": "ann"}) + "\n", encoding="utf-8")
    with periplus.init(tmp_path / "shop") as shop:
        shop.import_file(tmp_path / "first.jsonl")
        snapshot = shop.snapshot()
        ids = [int(row["customer"], 16) for row in shop.search()["rows"]]
        told = directory.labels(snapshot, ids)
        assert sorted(told.values()) == ["bea@example.org", "cy", "d1"]
        with mock.patch.object(directory, "_told", side_effect=AssertionError("asked again")):
            assert directory.labels(snapshot, ids[:1]) == {ids[0]: told[ids[0]]}
            assert directory.labels(snapshot, ids) == told
        assert directory.labels(snapshot, [7]) == {}
        shop.import_file(tmp_path / "late.jsonl")
        named = directory.labels(shop.snapshot(), [directory.find(shop.snapshot(), "d1")])
        assert list(named.values()) == ["ann"]
