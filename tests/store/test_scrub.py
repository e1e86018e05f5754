"""What the operational state holds of a person goes, on SQLite and on PostgreSQL, and no page of a database holds it after."""

from __future__ import annotations

from pathlib import Path

from periplus.collect.identifying import hashed
from periplus.store import consents, deviations, notes, scrub
from periplus.store.consents import Given
from periplus.store.deviations import Seen, Which
from periplus.store.state import State

ANN, BOB = hashed("email", "ann@shop.example"), hashed("email", "bob@shop.example")


def about(text: str) -> bool:
    return "ann@shop.example" in text


def test_only_what_is_about_the_person_goes(opened: State, tmp_path: Path) -> None:
    for identifier in (ANN, BOB):
        consents.add(opened, [Given(identifier, "analytics", 1, True, "form")])
        notes.add(opened, identifier, 1, f"note about {identifier}", "Maria", 1)
    deviations.add(
        opened,
        {
            Which("no e-mail", "Seen", "a"): Seen(1, 1, 1, "ann@shop.example", "m1"),
            Which("no e-mail", "Seen", "b"): Seen(2, 1, 1, "other", "m2"),
            Which("no e-mail", "Seen", "c"): Seen(3, 1, 1, "another", "m3"),
        },
    )
    opened.save("map", "letters", {"name": "to ann@shop.example"})
    tables = {"consents": 1, "notes": 1, "deviations": 2, "watches": 0}
    for remove in (False, True):
        found = scrub.state(opened, [ANN], ["m2"], about, remove=remove)
        assert (found.tables, found.documents) == (tables, ["map letters"])
    found = scrub.state(opened, [ANN], ["m2"], about, remove=False)
    assert set(found.tables.values()) == {0}
    assert [note.identifier for note in notes.under(opened, [ANN, BOB])] == [BOB]
    assert [row.identifier for row in consents.history(opened, [ANN, BOB])] == [BOB]
    kept = {
        row["property"]: (row["count"], row["value"], row["message_id"]) for row in deviations.listed(opened)
    }
    assert kept == {"a": (1, "", ""), "b": (2, "", ""), "c": (3, "another", "m3")}
    if opened.engine.dialect.name == "sqlite":
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
        assert ANN.encode() not in raw
        assert BOB.encode() in raw
