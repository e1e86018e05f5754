"""Files by a mapping: how a row is known again, and where among rows of one instant it stands."""

from __future__ import annotations

from periplus.collect import keys
from tests.collect.conftest import Importing
from tests.collect.test_mapped import Table


def test_keys_of_rows(importing: Importing, table: Table) -> None:
    rows = "user,at,x\nu,2026-01-01,NA\nu,2026-01-01,\nu,2026-01-01,NA\nv,2026-01-01,1\n"
    result = importing.text(rows, table(format={"null": ["NA"]}))
    found = [row["key_hi"] << 64 | row["key_lo"] for row in result.events]
    same = {"user": "u", "at": "2026-01-01"}
    expected = [keys.of_row("s", same, 0, before) for before in range(3)] + [
        keys.of_row("s", {"user": "v", "at": "2026-01-01", "x": "1"})
    ]
    assert found == expected
    # the order of columns, an unmapped constant and another mapping of the same rows change no key
    again = importing.text(
        "x,at,user\n,2026-01-01,u\n1,2026-01-01,v\n", table(event="Other", properties={"c": {"value": 1}})
    )
    assert [row["key_hi"] << 64 | row["key_lo"] for row in again.events] == [expected[0], expected[3]]
    other = importing.text(rows, table(format={"null": ["NA"]}), source="t")
    assert not {row["key_hi"] for row in other.events} & {row["key_hi"] for row in result.events}


def test_keys_of_message_ids(importing: Importing, table: Table) -> None:
    rows = "user,at,id\nu,2026-01-01,m1\nw,2026-01-02,m1\nv,2026-01-01,\n"
    result = importing.text(rows, table(messageId="id"))
    found = [row["key_hi"] << 64 | row["key_lo"] for row in result.events]
    assert found == [keys.of_message("s", "m1")] * 2 + [keys.of_row("s", {"user": "v", "at": "2026-01-01"})]
    mapping = table(messageId="id")
    mapping["tables"][0]["events"].append({"event": "F", "userId": "user", "time": "at", "messageId": "id"})
    both = importing.text(rows, mapping)
    assert len({(row["key_hi"], row["key_lo"]) for row in both.events if row["line"] == 2}) == 2


def test_two_tables_over_one_file_share_no_keys(importing: Importing, table: Table) -> None:
    mapping = table(files="t.csv")
    mapping["tables"].append(
        {**mapping["tables"][0], "events": [{"event": "F", "userId": "user", "time": "at"}]}
    )
    result = importing.text("user,at\nu,2026-01-01\n", mapping)
    assert [row["place"] for row in result.events] == [0, 1]
    assert len({row["key_lo"] for row in result.events}) == 2
    assert [file.name for file in result.staged.files] == ["t.csv", "t.csv"]


def test_sequence_is_the_position_among_rows_of_equal_time(importing: Importing, table: Table) -> None:
    rows = "user,at\nu,2026-01-01\nu,2026-01-02\nu,2026-01-01\nu,2026-01-01\n"
    result = importing.text(rows, table())
    assert [(row["line"], row["sequence"]) for row in result.events] == [
        (2, 0),
        (3, 0),
        (4, 1 << 8),
        (5, 2 << 8),
    ]


def test_a_file_that_is_newest_first_is_counted_from_its_end(importing: Importing, table: Table) -> None:
    rows = "user,at\nu,2026-01-03\nu,2026-01-03\nu,\nu,2026-01-01\nu,2026-01-01\n"
    result = importing.text(rows, table())
    assert [row["sequence"] >> 8 for row in result.events] == [1, 0, 1, 0]
    flat = importing.text("user,at\nu,2026-01-03\nu,2026-01-03\n", table())
    assert [row["sequence"] >> 8 for row in flat.events] == [0, 1]


def test_sequence_of_several_events_counts_rows_then_places(importing: Importing, table: Table) -> None:
    mapping = table()
    mapping["tables"][0]["events"] += [
        {"event": "F", "userId": "user", "time": "at"},
        {"event": "G", "userId": "user", "time": "b"},
    ]
    result = importing.text("user,at,b\nu,2026-01-01,2026-01-02\nu,2026-01-02,2026-01-02\n", mapping)
    found = {(row["line"], row["event"]): row["sequence"] for row in result.events}
    assert found == {
        (2, "E"): 0,
        (2, "F"): 1,
        (2, "G"): 2,
        (3, "E"): 1 << 8,
        (3, "F"): (1 << 8) + 1,
        (3, "G"): (1 << 8) + 2,
    }


def test_each_file_counts_for_itself(importing: Importing, table: Table) -> None:
    first, second = (
        importing.write(f"t{i}.csv", text)
        for i, text in enumerate(("user,at\nu,2026-01-01\n", "at,user\n2026-01-01,u\n"))
    )
    result = importing.stage(first, second, mapping=table())
    assert [(row["file"], row["line"], row["sequence"], row["key_lo"]) for row in result.events] == [
        (0, 2, 0, result.events[0]["key_lo"]), (1, 2, 0, result.events[0]["key_lo"]),
    ]  # fmt: skip
    assert [(file.name, file.rows) for file in result.staged.files] == [("t0.csv", 1), ("t1.csv", 1)]
