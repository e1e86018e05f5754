"""A note stays with the person it was written for, whatever becomes of their ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.errors import InputError, NotFoundError
from periplus.people.notes import MOST_LETTERS


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Any]:
    with periplus.init(tmp_path / "shop") as shop:
        yield shop


def bring(ws: Any, *rows: dict[str, Any]) -> int:
    """Import events, numbered from the first of May by `at` minutes; returns the batch."""
    path = ws.path.parent / f"{len(ws.batches())}.jsonl"
    lines = []
    for row in rows:
        at = row.pop("at")
        sent = {"type": "track", "timestamp": f"2026-05-01T{at // 60:02d}:{at % 60:02d}:00Z", **row}
        lines.append(json.dumps(sent | ({"event": "Page Viewed"} if sent["type"] == "track" else {})))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(ws.import_file(path).batch)


def texts(ws: Any, who: str) -> list[str]:
    return [note["text"] for note in ws.notes(who)]


def test_write_change_delete(ws: Any) -> None:
    bring(ws, {"at": 1, "userId": "ann"})
    assert ws.notes("ann") == []
    note = ws.add_note("ann", "  Likes <b>narrow</b> shoes\r\nand calls\x00 ", author="browser")
    (kept,) = ws.notes("ann")
    assert kept == note
    assert (kept["text"], kept["author"], kept["changed"]) == (
        "Likes <b>narrow</b> shoes\nand calls",
        "browser",
        None,
    )
    ws.add_note("ann", "second")
    assert texts(ws, "ann") == ["second", "Likes <b>narrow</b> shoes\nand calls"]
    assert ws.change_note(note["number"], "wide ones")["changed"] is not None
    assert texts(ws, "ann") == ["second", "wide ones"]
    ws.remove_note(note["number"])
    assert texts(ws, "ann") == ["second"]
    for number in (note["number"], 0, -1, 1 << 63, 10**40):
        for again in (ws.remove_note, lambda number: ws.change_note(number, "x")):
            with pytest.raises(NotFoundError, match="There is no note"):
                again(number)


@pytest.mark.parametrize("text", ["", "  \n\x00 ", "x" * (MOST_LETTERS + 1), 7, None])
def test_what_is_no_note(ws: Any, text: Any) -> None:
    bring(ws, {"at": 1, "userId": "ann"})
    with pytest.raises(InputError):
        ws.add_note("ann", text)
    assert ws.notes("ann") == []


def test_letters_no_database_takes(ws: Any) -> None:
    bring(ws, {"at": 1, "userId": "ann"})
    ws.add_note("ann", "half a letter \ud800, σαν αυτό \U0001f60a")
    assert texts(ws, "ann") == ["half a letter ?, σαν αυτό \U0001f60a"]


def test_a_visitor_s_note_is_found_after_signing_in(ws: Any) -> None:
    bring(ws, {"at": 1, "anonymousId": "d1"})
    ws.add_note("d1", "asked in the chat")
    bring(ws, {"at": 5, "anonymousId": "d1", "userId": "ann"})
    assert texts(ws, "ann") == ["asked in the chat"]


def test_a_device_that_two_come_to_share(ws: Any) -> None:
    """The note was about who held the tablet then; who takes it later gets a new history, and no note."""
    bring(ws, {"at": 1, "anonymousId": "d1"})
    ws.add_note("d1", "in the shop")
    bring(
        ws, {"at": 5, "anonymousId": "d1", "userId": "ann"}, {"at": 9, "anonymousId": "d1", "userId": "ben"}
    )
    assert texts(ws, "ann") == ["in the shop"]
    assert texts(ws, "ben") == []


def test_joined_and_parted(ws: Any) -> None:
    bring(ws, {"at": 1, "userId": "ann"}, {"at": 2, "userId": "anna"})
    ws.add_note("ann", "of ann")
    ws.add_note("anna", "of anna")
    alias = bring(ws, {"at": 3, "type": "alias", "userId": "ann", "previousId": "anna"})
    assert ws.customer("ann")["customer"] == ws.customer("anna")["customer"]
    assert sorted(texts(ws, "anna")) == ["of ann", "of anna"]
    ws.undo(alias)
    assert (texts(ws, "ann"), texts(ws, "anna")) == (["of ann"], ["of anna"])


def test_e_mail_before_an_account(ws: Any) -> None:
    bring(ws, {"at": 1, "email": "Ann@Example.org"})
    ws.add_note("Ann@Example.org", "wrote a letter")
    bring(ws, {"at": 2, "email": "ann@example.org", "userId": "ann"})
    assert texts(ws, "ann") == ["wrote a letter"]


def test_who_is_known_by_an_order_alone(ws: Any) -> None:
    bring(ws, {"at": 1, "properties": {"order_id": "o-1"}})
    (row,) = ws.search("o-1")["rows"]
    ws.add_note(row["customer"], "parcel came back")
    bring(ws, {"at": 2, "userId": "ann", "properties": {"order_id": "o-1"}})
    assert texts(ws, "ann") == ["parcel came back"]


def test_nobody_gets_no_note(ws: Any) -> None:
    with pytest.raises(NotFoundError):
        ws.add_note("nobody", "hello")
