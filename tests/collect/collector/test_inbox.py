"""The inbox: what is acknowledged survives, comes into the store once, and is counted once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from periplus.people import admission, flush
from periplus.store import inbox, inbox_file, ledger
from tests.collect.collector.conftest import Shop, track


def test_a_restart_finds_what_was_left(shop: Shop) -> None:
    shop.send(track("m1"), track("m2"))
    shop.restart()
    assert shop.collector.inbox.waiting == 2
    assert shop.send(track("m2"), track("m3")).status == 200
    shop.flush()
    assert shop.ids() == ["m1", "m2", "m3"]
    assert shop.counts() == {"accepted": 3, "duplicate": 1, "rejected": 0, "withheld": 0, "received": 4}


def test_duplicates_are_known_before_and_after_the_flush(shop: Shop) -> None:
    shop.send(track("m1"), track("m1"))
    shop.send(track("m1"))
    shop.flush()
    shop.send(track("m1"))
    shop.restart()
    shop.send(track("m1"), track("m2"))
    shop.flush()
    shop.send(track("m2"))
    assert shop.ids() == ["m1", "m2"]
    assert shop.counts() == {"accepted": 2, "duplicate": 5, "rejected": 0, "withheld": 0, "received": 7}


def test_what_the_store_gets_while_the_inbox_looks_at_it_stays_known(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send(track("m1"))
    inbox = shop.collector.inbox
    look = inbox._seen.refresh

    def look_too_early() -> int:
        number = look()
        shop.collector.flush.once()
        inbox._cursor = shop.collector.flush.cursor
        return number

    with monkeypatch.context() as patched:
        patched.setattr(inbox._seen, "refresh", look_too_early)
        inbox._forget_keys()
    assert [len(keys) for _, keys in inbox._fresh] == [1]
    inbox._forget_keys()
    assert inbox._fresh == []
    shop.send(track("m1"))
    assert shop.counts()["duplicate"] == 1


def test_a_file_goes_when_the_store_has_it(shop: Shop) -> None:
    shop.send(track("m1"), track("m2", event=""))
    folder = shop.ws.path / "inbox"
    assert [path.name for path in inbox_file.files(folder)] == ["000001.db"]
    before = shop.counts()
    shop.restart()
    shop.collector.inbox.forget_stored()
    assert inbox_file.files(folder), "the store has not got it yet"
    shop.flush()
    shop.collector.inbox.forget_stored()
    assert list(folder.iterdir()) == []
    assert shop.counts() == before
    shop.send(track("m3"))
    assert [path.name for path in inbox_file.files(folder)] == ["000002.db"]
    shop.flush()
    assert shop.ids() == ["m1", "m3"]


def test_a_crash_between_ledger_and_unlinking_counts_nothing_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.send(track("m1"), track("m2", event=""))
    before = shop.counts()
    shop.restart()
    shop.flush()

    def killed(path: Path) -> None:
        raise KeyboardInterrupt(str(path))

    with monkeypatch.context() as patched:
        patched.setattr(inbox_file, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.collector.inbox.forget_stored()
    assert shop.counts() == before
    shop.restart()
    shop.collector.inbox.forget_stored()
    assert inbox_file.files(shop.ws.path / "inbox") == []
    assert shop.counts() == before
    assert len(shop.ws.rejects()) == 1


def test_a_crash_after_the_publication_brings_nothing_in_twice(shop: Shop) -> None:
    shop.send(track("m1"))
    shop.collector.flush.once()  # and nobody says so to the inbox
    shop.restart()
    shop.send(track("m1"), track("m2"))
    shop.flush()
    assert shop.ids() == ["m1", "m2"]
    assert shop.counts()["duplicate"] == 1


def test_a_crash_before_the_publication_loses_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.send(track("m1"))

    def killed(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(admission.manifest, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.collector.flush.once()
    shop.restart()
    shop.flush()
    assert shop.ids() == ["m1"]


def test_sequence_numbers_are_never_given_again(shop: Shop) -> None:
    for number in range(3):
        shop.send(track(f"m{number}"))
        shop.flush()
        shop.restart()
        shop.collector.inbox.forget_stored()
    shop.send(track("m9"))
    assert [event.seq for event in inbox_file.read(shop.ws.path / "inbox", 0, 10, 1 << 20)] == [4]


def test_a_new_file_is_begun_by_size(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "FILE_BYTES", 1)
    for number in range(4):
        shop.send(track(f"m{number}"))
    assert len(inbox_file.files(shop.ws.path / "inbox")) >= 3
    shop.flush()
    assert shop.ids() == ["m0", "m1", "m2", "m3"]
    assert shop.counts()["accepted"] == 4


def test_the_order_is_that_of_receipt(shop: Shop) -> None:
    same = "2026-07-01T10:00:00Z"
    order = ["c", "a", "b", "e", "d"]
    shop.send(*[track(name, timestamp=same) for name in order], track("z", timestamp="2026-06-30T10:00:00Z"))
    shop.flush()
    shop.send(track("f", timestamp=same))
    shop.flush()
    assert [event["messageId"] for event in shop.events()] == ["z", *order, "f"]


def test_a_file_that_is_no_database_is_said(shop: Shop) -> None:
    shop.collector.inbox.close()
    (shop.ws.path / "inbox" / "000009.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(Exception, match=r"inbox.* cannot be (written|read)"):
        shop.ws.collector()
    (shop.ws.path / "inbox" / "000009.db").unlink()
    shop.collector = shop.ws.collector()


def test_two_collectors_are_refused(shop: Shop) -> None:
    with pytest.raises(Exception, match="Another server"):
        shop.ws.collector()


def test_the_store_s_refusals_are_counted_once(shop: Shop) -> None:
    shop.send(track("m1"), track("m2"))
    event = inbox_file.read(shop.ws.path / "inbox", 0, 1, 1 << 20)[0]
    refused = flush.refused_as(event, "because")
    for _ in range(2):
        ledger.refuse(shop.ws.path, [refused])
    assert shop.counts() == {"accepted": 1, "duplicate": 0, "rejected": 1, "withheld": 0, "received": 2}
    assert json.loads(shop.ws.rejects()[0]["payload"])["messageId"] == "m1"


def test_one_poisoned_event_does_not_hold_up_the_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    real = flush.stage

    def stage(paths: list[Path], **options: Any) -> Any:
        if b"poison" in paths[0].read_bytes():
            raise ValueError("cannot be read")
        return real(paths, **options)

    monkeypatch.setattr(flush, "stage", stage)
    shop.send(track("m1"), track("m2"), track("m3", event="poison"), track("m4"))
    shop.flush()
    assert shop.ids() == ["m1", "m2", "m4"]
    assert shop.counts() == {"accepted": 3, "duplicate": 0, "rejected": 1, "withheld": 0, "received": 4}


def test_readers_of_the_inbox_need_nobody(shop: Shop) -> None:
    shop.send(track("m1"))
    path = inbox_file.files(shop.ws.path / "inbox")[0]
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as reader:
        assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
    reader.close()


def test_a_file_of_the_first_form_is_rewritten(shop: Shop) -> None:
    """It had a row for each event; what an older server left is brought in by a newer one."""
    shop.send(track("m1"), track("m2"))
    shop.collector.inbox.close()
    path = inbox_file.files(shop.ws.path / "inbox")[0]
    waiting = inbox_file.read(path.parent, 0, 10, 1 << 20)
    with inbox_file.connect(path) as database:
        (keys,) = database.execute("SELECT keys FROM events").fetchone()
        database.execute("DROP TABLE events")
        database.execute(
            "CREATE TABLE events (seq INTEGER PRIMARY KEY, key BLOB, dialect TEXT, source TEXT, received INTEGER, again INTEGER, message BLOB)"
        )
        for place, event in enumerate(waiting):
            row = (
                event.seq,
                keys[16 * place : 16 * place + 16],
                "segment",
                "web",
                event.received,
                0,
                event.message,
            )
            database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    database.close()
    shop.collector = shop.ws.collector()
    assert inbox_file.read(path.parent, 0, 10, 1 << 20) == waiting
    assert shop.send(track("m2"), track("m3")).status == 200
    shop.flush()
    assert shop.ids() == ["m1", "m2", "m3"]
    assert shop.counts()["duplicate"] == 1


def test_a_piece_is_read_from_the_middle(shop: Shop) -> None:
    shop.send(*[track(f"m{number}") for number in range(5)])
    folder = shop.ws.path / "inbox"
    assert [event.seq for event in inbox_file.read(folder, 2, 2, 1 << 20)] == [3, 4]
    with inbox_file.connect(inbox_file.files(folder)[0]) as database:
        assert len(inbox_file.keys_after(database, 3)) == 2
        inbox_file.blank(database, [2])
        assert [seq for seq, _ in inbox_file.messages(database, 4)] == [1, 3, 4]
    database.close()
    assert b"m2" in inbox_file.read(folder, 2, 1, 1 << 20)[0].message
