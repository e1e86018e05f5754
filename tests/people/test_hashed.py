"""Identifiers kept hashed: in no file of the workspace do they stand in clear, and all else is as without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from periplus.errors import InputError, NotFoundError
from periplus.people.collector import Collector
from periplus.store import pseudonyms, tombstones
from periplus.workspace import Workspace, init
from tests.faults.shops import write
from tests.people import decoded
from tests.people.test_erasure import event, sent

WORDS = (
    "ann@shop.example", "ann%40shop.example", "bob@home.example", "cleo@home.example", "dora@home.example",
    "eve@home.example", "6945551234", "694 555 1234", "2105550001", "210 555 0001",
)  # fmt: skip
"""What must be nowhere: addresses and numbers of the test's people, as they are compared and as they are spelt."""
SPELT = {
    "email": ["ann@shop.example", "Ann@Shop.EXAMPLE", " ANN@shop.example\t"],
    "phone": ["+306945551234", "0030 694 555 1234", "+30 (694) 555-1234"],
}

LINES: list[dict[str, Any]] = [
    {
        "type": "identify", "messageId": "1", "timestamp": "2026-03-01T08:00:00Z", "userId": "u-ann", "anonymousId": "d-1",
        "traits": {"email": "Ann@Shop.example", "phone": "+30 694 555 1234", "name": "Ann"},
    },
    event("Seen", "2", 2, email=" ann@shop.example", properties={"price": 3, "url": "https://x.example/?to=ann%40shop.example"}),
    event("Seen", "3", 3, phone="00306945551234", properties={"gift": [{"to": "Bob <bob@home.example>", "mobile": 306945551234}]}),
    event("Seen", "4", 4, userId="bob@home.example", properties={"contact_phone": 306945551234, "price": 4}),
    {**event("Seen", "5", 5, userId="u-cleo", context={"traits": {"email": "cleo@home.example"}}), "messageId": "to cleo@home.example"},
    event("Mail to dora@home.example", "6", 6, anonymousId="d-6", properties={"note": "call +30 694 555 1234"}),
    {**event("Seen", "7", 7, userId="eve@home.example", phone="2105550001"), "timestamp": "never"},
]  # fmt: skip
BROKEN = '{"userId": "eve@home.example", \n'
TABLE = "when,who,mail,tel\n2026-03-02 08:00,u-ann,ANN@shop.example,0030 694 555 1234\nnever,u-eve,eve@home.example,210 555 0001\n"
MAPPING = {
    "source": "till",
    "tables": [
        {
            "files": "till.csv",
            "events": [{"event": "Bought", "time": "when", "userId": "who", "email": "mail", "phone": "tel"}],
        }
    ],
}


def fill(ws: Workspace, folder: Path) -> list[Path]:
    """Files of every sort, imported; some rows are refused, some come twice."""
    lines = write(folder / "lines.jsonl", LINES)
    lines.write_text(lines.read_text() + BROKEN)
    table = folder / "till.csv"
    table.write_text(TABLE)
    flat = folder / "flat.parquet"
    pq.write_table(
        pa.table(
            {
                "type": ["track"], "event": ["Seen"], "messageId": ["p"], "timestamp": ["2026-03-03T08:00:00Z"],
                "email": ["dora@home.example"], "traits.phone": [302105550001],
            }
        ),
        flat,
    )  # fmt: skip
    ws.import_file(lines)
    ws.import_file(table, mapping=MAPPING)
    ws.import_file(flat)
    ws.import_file(lines)  # every event once more: claims
    return [lines, table, flat]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, list[Path]]]:
    folder = tmp_path_factory.mktemp("hashed")
    with init(folder / "shop", shards=2, threads=1, memory="500MB") as ws:
        assert ws.hashing.keep("phone", "email") == {"kinds": ["email", "phone"], "events": 0, "clear": []}
        yield ws, fill(ws, folder)


@contextmanager
def collecting(ws: Workspace) -> Iterator[Collector]:
    """A collector that brings in what came when it stops: until then no file of the workspace comes or goes."""
    collector = Collector(ws.home, ws.state)
    try:
        yield collector
    finally:
        collector.stop()


def partition(ws: Workspace) -> set[frozenset[str]]:
    """The customers as sets of their events, each by its time."""
    found = []
    for row in ws.search(limit=1000)["rows"]:
        told = ws.timeline(row["customer"])
        found.append(frozenset(f"{each['timestamp']} {each['type']}" for each in told))
    return set(found)


def test_nothing_stands_in_clear_whatever_the_file(made: tuple[Workspace, list[Path]]) -> None:
    ws, _ = made
    assert decoded.places(ws.path, WORDS) == []
    ann = ws.search("u-ann")["rows"][0]
    assert ann["events"] == 4
    assert {pseudonyms.form(each) for each in ann["identifiers"]} == {None, "email", "phone"}
    refused = ws.ledger(outcome="rejected")
    assert {row["file"] for row in refused} == {"lines.jsonl", "till.csv"}


def test_people_are_found_by_what_they_are_called(made: tuple[Workspace, list[Path]]) -> None:
    ws, _ = made
    for text in (*SPELT["email"], *SPELT["phone"]):
        assert [row["label"] for row in ws.search(text)["rows"]] == ["u-ann"], text
        assert ws.timeline(text.strip())
    assert ws.search("bob@home.example")["total"] == 1
    assert ws.search("nobody@home.example")["total"] == 0
    links = ws.identity.merges("ann@shop.example")
    assert {row["with"]["value"] for row in links} >= {"u-ann"}
    for where in (
        {"properties.contact_phone": 306945551234},
        {"properties.contact_phone": {"in": ["306945551234"]}},
        {"properties.url": {"contains": "ann@shop.example"}},
    ):
        answer = ws.ask({"kind": "funnel", "steps": [{"event": "Seen", "where": where}, {"event": "Bought"}]})
        assert answer.rows[0]["reached"] == 1, where
        assert "5551234" not in json.dumps(answer.question)
    made_ = ws.identity.block("email: CLEO@home.example", why="cleo@home.example rang")
    assert pseudonyms.form(made_["identifier"]["value"]) == "email"
    assert decoded.places(ws.path, WORDS) == []
    ws.identity.undo(made_["id"])


def test_the_same_files_again_add_nothing_nor_does_an_export(
    made: tuple[Workspace, list[Path]], tmp_path: Path
) -> None:
    ws, files = made
    again = [ws.import_file(path, mapping=MAPPING if path.suffix == ".csv" else None) for path in files]
    ws.export(tmp_path / "out.jsonl")
    again.append(ws.import_file(tmp_path / "out.jsonl"))
    assert [result.accepted for result in again] == [0] * 4
    assert decoded.places(ws.path, WORDS) == []


def test_the_customers_are_those_of_clear_identifiers(tmp_path: Path) -> None:
    """A random log with spellings, user ids that are addresses, junk: hashed from the start, later, and never."""
    random = Random(4)
    log = []
    for number in range(160):
        who = random.randrange(9)
        fields: dict[str, Any] = {}
        if random.random() < 0.4:
            fields["userId"] = random.choice(
                [f"u-{who}", f"user{who}@home.example", f"User{who}@home.example"]
            )
        if random.random() < 0.5:
            fields["email"] = random.choice(
                [f"p{who}@home.example", f"P{who}@Home.example ", "noreply@shop.example"]
            )
        if random.random() < 0.4:
            fields["phone"] = random.choice(
                [f"+30694555000{who}", f"0030 694 555 000{who}", "+30 (694) 555-9999"]
            )
        if random.random() < 0.5:
            fields["anonymousId"] = f"d-{random.randrange(20)}"
        log.append(
            {
                **event("Seen", str(number), 0, **fields),
                "timestamp": f"2026-03-01T08:{number // 60:02d}:{number % 60:02d}Z",
            }
        )
    path = write(tmp_path / "log.jsonl", log)
    with init(tmp_path / "clear", shards=2, threads=1, memory="500MB") as ws:
        ws.import_file(path)
        expected = partition(ws)
        assert len(expected) > 8
        ws.identity.join("email:p1@home.example", "email:p2@home.example", why="twins")
        joined = partition(ws)
        said = ws.hashing.keep("email", "phone", readers=0)
        assert said["events"] == len(log)
        assert partition(ws) == joined != expected
        ws.identity.undo(1)
        assert partition(ws) == expected
        assert (
            decoded.places(ws.path, [f"p{who}@home.example" for who in range(9)] + ["694555000", "user1@"])
            == []
        )
        assert ws.import_file(path).accepted == 0
    with init(tmp_path / "hashed", shards=2, threads=1, memory="500MB") as ws:
        ws.hashing.keep("email", "phone")
        ws.import_file(path)
        assert partition(ws) == expected


def test_asked_for_later_what_is_stored_is_hashed_and_erasing_by_the_clear_address_works(
    tmp_path: Path,
) -> None:
    with init(tmp_path / "shop", shards=2, threads=1, memory="500MB") as ws:
        files = fill(ws, tmp_path)
        key = ws.add_source("web")
        with collecting(ws) as collector:
            sent(collector, key, [event("Seen", "door", 9, anonymousId="d-9", email="dora@home.example")])
        ws.set_consent("cleo@home.example", {"analytics": False}, source="phone call")
        ws.add_note("u-cleo", "rang us", author="me")
        assert decoded.places(ws.path, WORDS) != []
        before = partition(ws)
        ws.subject("dora@home.example").erase()
        ws.hashing.keep("email", "phone", readers=0)
        assert decoded.places(ws.path, WORDS) == []
        assert ws.consent("u-cleo")["purposes"]["analytics"]["given"] is False
        assert [note["text"] for note in ws.notes("u-cleo")] == ["rang us"]
        with collecting(ws) as collector:
            late = [
                event("Seen", "late-1", 9, email="cleo@home.example"),
                event("Seen", "late-2", 9, email="DORA@home.example"),
                event("Seen", "late-3", 9, anonymousId="d-1", properties={"text": "ann@shop.example"}, phone="+306945551234"),
                {**event("Seen", "late-4", 9, email="eve@home.example"), "type": "nothing"},
                {"type": "track", "event": "Seen", "userId": "eve@home.example", "timestamp": "2026-03-01T08:00:00Z"},
            ]  # fmt: skip
            fates = sent(collector, key, late)
            assert fates == {"withheld": 2, "accepted": 2, "rejected": 1}
            assert decoded.places(ws.path, WORDS) == []  # nor in the inbox
            assert sent(collector, key, [late[2], late[4]]) == {"duplicate": 2}
        assert decoded.places(ws.path, WORDS) == []
        assert len(partition(ws)) == len(before)  # without dora, with eve
        proof = ws.subject(" ANN@shop.example").erase()
        assert proof["identifiers"]["email"] == proof["identifiers"]["phone"] == 1
        with pytest.raises(NotFoundError):
            ws.timeline("ann@shop.example")
        assert ws.import_file(files[0]).accepted == 0
        told = ws.hashing.keep()
        assert told["clear"] == ["email", "phone"]
        assert ws.import_file(files[0], source="again").withheld == 3
        with pytest.raises(InputError, match="emial"):
            ws.hashing.keep("emial")
    assert tombstones.keyed(b"k", "email", pseudonyms.written("email", "ab" * 16)) == "ab" * 16
