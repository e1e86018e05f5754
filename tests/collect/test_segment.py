"""Segment-spec JSON Lines: fields, times, contacts, consent, keys, the rest; `Event.from_segment` is the oracle."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from periplus.collect import jsonl, keys, segment, tape
from periplus.errors import InputError
from periplus.event import Event, flatten, unflatten
from tests.collect.conftest import Importing, Result

AT = "2026-07-01T10:00:00Z"
IDS = st.none() | st.sampled_from(["u1", "", "é", "0"]) | st.integers(0, 99)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-99, 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["x", "", "5"])
    | st.lists(st.integers(0, 3), max_size=2)
)
OBJECTS = st.dictionaries(
    st.sampled_from(["a", "b.c", "email", "d"]),
    LEAVES | st.dictionaries(st.sampled_from(["e", "f"]), LEAVES, max_size=2),
    max_size=3,
)
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]), "event": st.sampled_from(["A", "Café"]),
     "timestamp": st.sampled_from([AT, "2026-07-01T13:00:00.5+03:00", "2026-07-02"])},
    optional={
        "userId": IDS, "anonymousId": IDS, "previousId": IDS, "properties": OBJECTS, "context": OBJECTS, "traits": OBJECTS,
        "messageId": st.sampled_from(["m1", "m2", ""]), "channel": st.sampled_from(["web", ""]), "department": st.just("shop"),
    },
)  # fmt: skip


def nested(row: dict[str, Any], kinds: dict[str, str]) -> dict[str, Any]:
    """An event's properties, context and traits as sent, from its columns and its rest."""
    leaves = json.loads(row.get("rest", "{}"))
    leaves |= {
        path: json.loads(row[path]) if kind == "JSON" else row[path]
        for path, kind in kinds.items()
        if path in row
    }
    return unflatten(leaves)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MESSAGES, min_size=1, max_size=12))
def test_as_the_collector_reads_it(importing: Importing, messages: list[dict[str, Any]]) -> None:
    result = importing.lines(messages)
    assert result.rejects == []
    for row, message in zip(result.events, messages, strict=True):
        event = Event.from_segment(message, received=0)
        for name in (
            "type",
            "event",
            "time",
            "user_id",
            "anonymous_id",
            "previous_id",
            "message_id",
            "channel",
            "department",
            "phone",
        ):
            assert row.get(name) == getattr(event, name), name
        assert row["section"] == (2 if event.type in ("identify", "group", "alias") else 0)
        found = nested(row, result.staged.columns)
        for root in ("properties", "context", "traits"):
            assert flatten(found.get(root, {}), root) == flatten(getattr(event, root), root)


def test_contacts(importing: Importing) -> None:
    result = importing.lines([
        {"type": "identify", "userId": "1", "traits": {"email": "a@x", "phone": 5}, "timestamp": AT},
        {"type": "track", "event": "E", "context": {"traits": {"email": "b@x", "phone": "6"}}, "timestamp": AT},
        {"type": "group", "traits": {"email": "office@x"}, "timestamp": AT, "groupId": "g"},
        {"type": "track", "event": "E", "email": "c@x", "phone": "7", "properties": {"email": "not@x"}, "timestamp": AT},
    ])  # fmt: skip
    assert result.one("email") == ["a@x", "b@x", None, "c@x"]
    assert result.one("phone") == ["5", "6", None, "7"]
    assert result.one("context.groupId") == [None, None, "g", None]
    assert result.one("traits.email")[2] == "office@x"


def test_pages_keep_their_name(importing: Importing) -> None:
    result = importing.lines([
        {"type": "page", "name": "Home", "category": "Docs", "timestamp": AT}, {"type": "screen", "name": "Cart", "properties": {"name": "Own"}, "timestamp": AT},
        {"type": "page", "timestamp": AT},
    ])  # fmt: skip
    assert result.one("event") == ["Page Viewed", "Screen Viewed", "Page Viewed"]
    assert result.one("properties.name") == ["Home", "Own", None]
    assert result.one("properties.category") == ["Docs", None, None]


def test_times(importing: Importing) -> None:
    track = {"type": "track", "event": "E"}
    given = [{"timestamp": AT}, {"timestamp": 1782900000}, {"timestamp": 1782900000123}, {"timestamp": 1782900000123456},
             {"originalTimestamp": AT}, {"sentAt": AT}, {"receivedAt": AT}, {"timestamp": "2026-07-01 13:00", "receivedAt": "2026-07-01T10:00:01Z"}]  # fmt: skip
    result = importing.in_zone("Europe/Athens").lines([track | extra for extra in given])
    ten = 1782900000000000
    assert result.one("time") == [ten, ten, ten + 123000, ten + 123456, ten, ten, ten, ten]
    assert result.one("received_at") == [None] * 6 + [ten, ten + 1000000]
    assert result.events[7]["sequence"] == (ten + 1000000) << 10


def test_sequence_with_and_without_receipt(importing: Importing) -> None:
    track: dict[str, Any] = {"type": "track", "event": "E", "timestamp": AT}
    late = {"receivedAt": "2026-07-01T10:00:02Z"}
    result = importing.lines(
        [track, track | late, track, track | late, track | {"receivedAt": "2026-07-01T10:00:01Z"}]
    )
    received = 1782900002000000
    assert result.one("sequence") == [
        0,
        received << 10,
        1 << 8,
        (received << 10) + 1,
        (received - 1000000) << 10,
    ]


def test_consent(importing: Importing) -> None:
    track: dict[str, Any] = {"type": "track", "event": "E", "timestamp": AT}
    said = [
        {"consent": {"analytics": True, "ads": False}}, {"consent": {"analytics": False}}, {"context": {"consent": {"categoryPreferences": {"Analytics": False}}}},
        {"context": {"consent": {"categoryPreferences": {"analytics": True}, "id": "c1"}}}, {"context": {"consent": {"analytics": False}}}, {},
        {"context": {"consent": {"analytics": True}}},
    ]  # fmt: skip
    result = importing.lines([track | extra for extra in said])
    assert (result.staged.withheld, result.staged.rows) == (3, 7)
    assert [json.loads(text) if text else None for text in result.one("consent")] == [
        {"analytics": True, "ads": False},
        {"analytics": True},
        None,
        {"analytics": True},
    ]
    assert result.one("context.consent.id")[1] == "c1"


def test_keys(importing: Importing) -> None:
    track: dict[str, Any] = {"type": "track", "event": "E", "timestamp": AT}
    ids = [
        {"messageId": "m"},
        {"messageId": "m", "source": "app"},
        {"messageId": "6ca71602-387e-4a84-7e3e-675e343e9304"},
        {"messageId": "key:" + "ab" * 16},
        {},
        {},
        {"source": "app"},
        {"messageId": ""},
        {"messageId": ""},
    ]
    result = importing.lines([track | extra for extra in ids], source="shop")
    columns = {"type": "track", "event": "E", "timestamp": AT}
    expected = [
        keys.of_message("shop", "m"), keys.of_message("app", "m"), keys.of_message("shop", "6ca71602-387e-4a84-7e3e-675e343e9304"), int("ab" * 16, 16),
        keys.of_row("shop", columns), keys.of_row("shop", columns, 0, 1), keys.of_row("app", columns | {"source": "app"}),
        keys.of_row("shop", columns | {"messageId": ""}), keys.of_row("shop", columns | {"messageId": ""}, 0, 1),
    ]  # fmt: skip
    assert [row["key_hi"] << 64 | row["key_lo"] for row in result.events] == expected
    assert result.one("source") == ["shop", "app", "shop", "shop", "shop", "shop", "app", "shop", "shop"]
    assert result.one("message_id")[3:] == [None] * 6


def test_what_is_refused(importing: Importing) -> None:
    lines = [
        {"type": "trck", "event": "E", "timestamp": AT}, {"type": "track", "timestamp": AT}, {"type": "track", "event": " ", "timestamp": AT},
        {"type": "track", "event": "E"}, {"type": "track", "event": "E", "timestamp": "soon"}, {"event": "E", "timestamp": AT},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + "{broken\n\n[]\n"
    result = importing.stage(importing.write("e.jsonl", text))
    assert result.reasons == {
        1: "the type is none of track, page, screen, identify, group, alias", 2: "a track event without a name", 3: "a track event without a name",
        4: "the time is empty", 5: "not a time", 7: "the line is not valid JSON", 9: "the line is not a JSON object",
    }  # fmt: skip
    assert result.rejects[0]["payload"] == json.dumps(lines[0])
    assert [(row["line"], row["type"]) for row in result.events] == [(6, "track")]
    assert result.staged.rows == 8


def test_only_the_most_frequent_paths_get_a_column(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "COLUMN_CAP", 2)
    rows = [
        {
            "type": "track",
            "event": "E",
            "timestamp": AT,
            "properties": {"often": i, f"rare{i}": {"x": [i]}, **({"some": "y"} if i else {})},
        }
        for i in range(3)
    ]
    result = importing.lines(rows)
    assert set(result.staged.columns) == {"properties.often", "properties.some"}
    assert [nested(row, result.staged.columns)["properties"] for row in result.events] == [
        row["properties"] for row in rows
    ]
    assert result.staged.rest == ("properties.rare0.x", "properties.rare1.x", "properties.rare2.x")


def test_fields_of_the_delivery_are_left_out_and_unknown_ones_are_kept(importing: Importing) -> None:
    result = importing.lines(
        [
            {
                "type": "track",
                "event": "E",
                "timestamp": AT,
                "integrations": {"All": True},
                "_metadata": {"x": 1},
                "extra": {"y": 2},
                "writeKey": "w",
            }
        ]
    )
    assert result.events[0]["rest"] == '{"extra.y":2}'


@pytest.mark.parametrize(
    "content",
    ["user,at\nu,2026-01-01\n", '{"a": 1}\n', "[1, 2]\n", '{"evnt": "E", "timestamp": "2026-01-01"}\n'],
)
def test_a_file_of_something_else(importing: Importing, content: str) -> None:
    with pytest.raises(InputError, match=r"e\.jsonl.*mapping"):
        importing.stage(importing.write("e.jsonl", content))


def test_two_files_share_their_columns(importing: Importing) -> None:
    one = importing.write(
        "a.jsonl", [{"type": "track", "event": "E", "timestamp": AT, "properties": {"x": 1}}]
    )
    two = importing.write(
        "b.jsonl.gz",
        json.dumps({"type": "track", "event": "E", "timestamp": AT, "properties": {"x": 2.5, "y": "z"}}),
    )
    result = importing.stage(one, two)
    assert result.staged.columns == {"properties.x": "DOUBLE", "properties.y": "VARCHAR"}
    assert [(row["file"], row["line"]) for row in result.events] == [(0, 1), (1, 1)]
    assert [(file.name, file.rows) for file in result.staged.files] == [("a.jsonl", 1), ("b.jsonl.gz", 1)]


def big(importing: Importing) -> Result:
    return importing.lines(
        [{"type": "track", "event": "E", "timestamp": AT, "messageId": str(i)} for i in range(3)]
    )


def test_staging_leaves_only_what_it_hands_over(importing: Importing) -> None:
    result = big(importing)
    assert {path.name for path in result.staged.folder.iterdir()} == {
        path.name for path in result.staged.events
    }


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_large_file_is_read_in_runs_by_a_glance(
    importing: Importing, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(jsonl, "ALONE", 100)
    monkeypatch.setattr(jsonl, "GLANCED", 100)
    monkeypatch.setattr(tape, "GLANCE", 10)
    monkeypatch.setattr(tape, "GLANCES", 2)
    monkeypatch.setattr(tape, "BLOCK", 500)
    settings = replace(importing.settings, threads=threads)
    rows = [
        {"type": "track", "event": "E", "timestamp": AT, "userId": f"u{i}", "properties": {"kind": i if i < 50 else f"k{i}", **({"late": [i]} if 100 < i < 150 else {})}}
        for i in range(200)
    ]  # fmt: skip
    lines = [json.dumps(row) for row in rows]
    lines[20:20] = ["", "{broken"]
    lines[120:120] = ["[]", ""]
    result = replace(importing, settings=settings).stage(importing.write("e.jsonl", "\n".join(lines)))
    good = [number for number, line in enumerate(lines, 1) if line.startswith('{"')]
    assert [row["line"] for row in result.events] == good
    assert list(result.reasons) == [22, 121]
    assert [nested(row, result.staged.columns)["properties"] for row in result.events] == [
        row["properties"] for row in rows
    ]
    # what a glance at the first rows took for numbers is text in most rows, and what it missed is frequent
    assert result.staged.columns == {"properties.kind": "VARCHAR", "properties.late": "JSON"}
    assert result.one("sequence") == [i << 8 for i in range(200)]
