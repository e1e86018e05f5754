"""Notes about a customer: whose they are while identities join and part.

A note is kept under the strongest identifier that its customer had when it was written (the least user id, else
e-mail, phone, device, order or ticket number), so it goes where that identifier goes: a note on a visitor is found
after the visitor signs in, and when an alias is taken back it stays with whom it was written for. An identifier
that has come to mean several people means, for a note, the one who has the event it was written after.
"""

from __future__ import annotations

import re
from typing import Any

from periplus.clock import iso, wall
from periplus.collect.identifying import hashed, normal
from periplus.errors import InputError, NotFoundError
from periplus.people import directory, history, profile
from periplus.people.history import History
from periplus.people.orders import text_of
from periplus.store import notes as stored
from periplus.store.notes import Note
from periplus.store.snapshot import Snapshot
from periplus.store.state import State

MOST_LETTERS = 4000
REFERENCES = {"properties.order_id": "order", "properties.ticket_id": "ticket"}
_NOT_WRITTEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]")


def add(snapshot: Snapshot, state: State, customer: int, text: object, author: str) -> dict[str, Any]:
    """Write a note; returns it. Raises InputError for an empty or an overlong one."""
    plain = clean(text)
    mine = history.of(snapshot, customer)
    (kind, value), *_ = [*_identifiers(snapshot, customer, mine), ("customer", directory.shown(customer))]
    identifier = hashed(kind, value)
    written = wall()
    number = stored.add(
        state, identifier, _last_with(mine, kind, value), plain, author.strip()[:200] or "?", written
    )
    return _told(Note(number, identifier, 0, plain, author.strip()[:200] or "?", written, None))


def notes(snapshot: Snapshot, state: State | None, customer: int) -> list[dict[str, Any]]:
    """The notes about a customer, the newest first: number, text, author, written, changed."""
    if state is None:
        return []
    mine = history.of(snapshot, customer)
    known = [*_identifiers(snapshot, customer, mine), ("customer", directory.shown(customer))]
    by_hash = {hashed(kind, value): (kind, value) for kind, value in known}
    return [
        _told(note)
        for note in stored.under(state, list(by_hash))
        if _is_of(snapshot, mine, customer, *by_hash[note.identifier], note.about)
    ]


def change(state: State, number: int, text: object) -> dict[str, Any]:
    """Replace a note's text; returns the note. Raises NotFoundError."""
    stored.change(state, number, clean(text), wall())
    note = stored.get(state, number)
    if note is None:
        raise _gone(number)
    return _told(note)


def remove(state: State, number: int) -> None:
    """Delete a note; raises NotFoundError if there is none of that number."""
    if not stored.remove(state, number):
        raise _gone(number)


def clean(text: object) -> str:
    """A note's text as it is kept: lines and letters, nothing that only machines read.

    >>> clean(" calls back\\r\\nat noon\\x00 ")
    'calls back\\nat noon'
    """
    if not isinstance(text, str):
        raise InputError("A note is a text.", code="note", hint='Send {"text": "…"}.')
    whole = text.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    plain = _NOT_WRITTEN.sub("", whole).strip()
    if not plain:
        raise InputError("The note is empty.", code="note", hint="Write what the next person should know.")
    if len(plain) > MOST_LETTERS:
        raise InputError(
            f"The note has {len(plain)} letters; at most {MOST_LETTERS} fit.",
            code="note",
            hint="Shorten it, or write two.",
        )
    return plain


def _identifiers(snapshot: Snapshot, customer: int, mine: History) -> list[tuple[str, str]]:
    """(kind, value), the strongest first: by rank and kind, then the least."""
    listed = profile.identifiers(snapshot, customer)
    order = list(directory.KINDS.values())
    listed.sort(key=lambda pair: (order.index(pair[0]), pair[1]))
    for path, kind in REFERENCES.items():
        numbers = {text for each in mine.column(path) if (text := text_of(each)) is not None}
        listed += [(kind, number) for number in sorted(numbers)]
    return listed


_COLUMNS = {kind: column for column, kind in directory.KINDS.items()} | {
    kind: path for path, kind in REFERENCES.items()
}


def _last_with(mine: History, kind: str, value: str) -> int:
    """The time of the last row that carries an identifier (of any row, where none does)."""
    times = _times_with(mine, kind, value)
    return max(times) if times else int(mine.time[-1])


def _times_with(mine: History, kind: str, value: str) -> set[int]:
    if kind not in _COLUMNS:
        return set()
    return {
        int(time)
        for time, text in zip(mine.time, mine.column(_COLUMNS[kind]), strict=True)
        if text is not None
        and (normal(kind, text) if kind in directory.KINDS.values() else text_of(text)) == value
    }


def _is_of(snapshot: Snapshot, mine: History, customer: int, kind: str, value: str, about: int) -> bool:
    """Whether a note under an identifier of this customer is theirs, and not another's who uses it too."""
    if kind not in directory.KINDS.values() or about in _times_with(mine, kind, value):
        return True
    return not any((row["kind"], row["value"]) == (kind, value) for row in profile.apart(snapshot, customer))


def _told(note: Note) -> dict[str, Any]:
    return {
        "number": note.number,
        "text": note.text,
        "author": note.author,
        "written": iso(note.written),
        "changed": None if note.changed is None else iso(note.changed),
    }


def _gone(number: int) -> NotFoundError:
    return NotFoundError(
        f"There is no note {number}.",
        code="no_note",
        hint="Somebody may have deleted it; load the page again.",
    )
