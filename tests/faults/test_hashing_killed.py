"""Hashing of what is stored, killed (kill -9) at any moment, is asked for again and ends as if it had not been stopped."""

from __future__ import annotations

from pathlib import Path

from periplus.store import manifest
from periplus.workspace import init, open_workspace
from tests.faults import processes, shops
from tests.faults.test_killed import spread, tear
from tests.people import decoded
from tests.people.test_hashed import WORDS, fill, partition

HASH = ("identity", "hash", "email", "phone")


def test_whatever_a_kill_leaves_is_hashed_by_asking_again(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    with init(shop, shards=2, threads=1, memory="500MB") as ws:
        fill(ws, tmp_path)
        ws.add_note("cleo@home.example", "rang us", author="me")
        ws.set_consent("cleo@home.example", {"analytics": False}, source="phone call")
        before, expected = partition(ws), shops.answers(ws)
    first = manifest.live_number(shop)
    ended = processes.run_all([(*HASH, "-w", shop)], under=str(shop), photos=str(tmp_path / "photos"))
    assert ended.said[0].code == 0, ended
    photos = sorted((tmp_path / "photos").iterdir())
    switched = next(n for n, photo in enumerate(photos) if manifest.live_number(photo) > first)
    assert decoded.places(photos[switched], WORDS) != []  # the files of before are there yet
    for number in sorted({*spread(len(photos)), switched - 1, switched, switched + 1}):
        photo = photos[number]
        if number % 2:
            tear(photo, photos[number - 1])
        assert shops.answers(photo) == expected, ended.changes[number]
        with open_workspace(photo) as ws:
            ws.hashing.keep("email", "phone", readers=0)
            assert decoded.places(photo, WORDS) == [], ended.changes[number]
            assert partition(ws) == before
            assert shops.answers(ws) == expected
            assert [note["text"] for note in ws.notes("cleo@home.example")] == ["rang us"]
            assert ws.consent("cleo@home.example")["purposes"]["analytics"]["given"] is False
