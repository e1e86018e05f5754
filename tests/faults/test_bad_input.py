"""Bad input is one plain message with a hint and exit code 1; what was accepted before stays, and the next import works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import shops
from tests.faults.bad_files import BAD, MAPPING, ORDERS, BadFile
from tests.terminal import Said, run


def refused(said: Said, *words: str) -> None:
    """One plain message on standard error with a hint, exit code 1, and nothing of our insides."""
    assert said.code == 1, said
    message, hint, *more = said.err.splitlines()
    assert message.startswith("Problem: ")
    assert hint.startswith("   Hint: ")
    assert len(hint) > 15
    assert more == []
    for word in words:
        assert word in said.err
    for inside in ("Traceback", "Errno", "duckdb", "sqlalche", "Exception", "import-"):
        assert inside not in said.err


def imported(shop: Path, name: str, content: str | bytes, mapping: str | bytes | None = MAPPING) -> Said:
    path = shop.parent / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    words: list[Any] = ["import", path, "-w", shop]
    if mapping is not None:
        document = shop.parent / "mapping.yaml"
        document.write_bytes(mapping.encode() if isinstance(mapping, str) else mapping)
        words += ["--mapping", document]
    return run(*words)


# -- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_a_file_or_mapping_that_cannot_be_read(shop: Path, case: BadFile) -> None:
    before = [row["id"] for row in run("batch", "list", "-w", shop, "--json").json]
    refused(imported(shop, case.name, case.content, case.mapping), *case.said)
    assert [row["id"] for row in run("batch", "list", "-w", shop, "--json").json] == before
    assert list((shop / "spill").iterdir()) == []


def test_a_mapping_nested_without_end(shop: Path) -> None:
    refused(imported(shop, "deep.csv", ORDERS, "[" * 5000))


def test_a_zero_character_in_the_name_of_a_property(shop: Path) -> None:
    event = {**shops.log(1, prefix="zero")[0], "properties": {"odd\0name": 1}}
    assert imported(shop, "zero.jsonl", json.dumps(event), None).code == 0


def test_events_no_one_would_send_are_rejected_one_by_one_or_kept(shop: Path) -> None:
    kept = shops.log(1, prefix="odd")[0]
    lines = [
        json.dumps(kept),
        json.dumps({**kept, "messageId": "odd-surrogate", "event": "A\ud800", "userId": "\udfff"}),
        json.dumps({**kept, "messageId": "odd-long", "event": "B" * 1_000_000, "userId": "u" * 1_000_000}),
        '{"type": "track", "event": "A", "userId": "u", "timestamp": "2026-01-01", "properties": {"a": NaN}}',
        '{"type": "track", "event": 1e999, "userId": {"a": 1}, "messageId": [1], "timestamp": 1e30}',
        '{"type": "track", "event": "A", "userId": "u", "timestamp": "9999999-01-01T00:00:00Z"}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 50_000 + "]" * 50_000,
        '"only a text"',
        "{",
    ]
    path = shop.parent / "odd.jsonl"
    path.write_text("\n".join(lines) + "\n")
    said = run("import", path, "-w", shop, "--json")
    assert said.code == 0, said
    assert (said.json["rows"], said.json["accepted"], said.json["rejected"]) == (10, 3, 7)
    reasons = run("ledger", "--batch", said.json["batch"], "--outcome", "rejected", "-w", shop, "--json").json
    assert all(row["reason"] for row in reasons)
    assert run("batch", "undo", said.json["batch"], "-w", shop).code == 0


def test_times_without_a_zone_are_taken_in_a_named_one(shop: Path) -> None:
    said = imported(shop, "naive.csv", ORDERS, "zone: Europe/Athens\n" + MAPPING)
    assert said.code == 0, said
    first = run("ask", "-", "-w", shop, stdin=json.dumps({**QUESTION, "now": "2026-01-05T08:00:00Z"})).json
    assert first["totals"]["entered"] == 1  # 10:00 in Athens
    earlier = run("ask", "-", "-w", shop, stdin=json.dumps({**QUESTION, "now": "2026-01-05T07:59:59Z"})).json
    assert earlier["totals"]["entered"] == 0
    batch = run("batch", "list", "-w", shop, "--json").json[0]["id"]
    assert run("batch", "undo", batch, "-w", shop).code == 0


def test_the_plan_names_the_zone(shop: Path) -> None:
    (shop.parent / "naive.csv").write_text(ORDERS)
    (shop.parent / "mapping.yaml").write_text("zone: Europe/Athens\n" + MAPPING)
    words = [
        "import",
        shop.parent / "naive.csv",
        "--mapping",
        shop.parent / "mapping.yaml",
        "-w",
        shop,
        "--dry-run",
    ]
    said = run(*words)
    assert said.code == 0, said
    assert "Europe/Athens" in said.out


QUESTION = {"kind": "funnel", "steps": [{"event": "Order Completed"}, {"event": "Never"}], "within": "14d"}


def test_local_times_that_do_not_exist_are_rejected(shop: Path) -> None:
    content = ORDERS.replace("2026-01-05 10:00", "2026-03-29 03:30").replace("1,c1", "77,c77")
    said = imported(shop, "clock.csv", content, "zone: Europe/Athens\n" + MAPPING)
    assert said.code == 0, said
    assert "1 rejected" in said.out
    row = run("ledger", "--outcome", "rejected", "-w", shop, "--json").json[-1]
    assert (row["file"], row["line"], row["value"]) == ("clock.csv", 2, "2026-03-29 03:30")
    assert "does not exist" in row["reason"]


def test_dates_in_two_formats_are_read_in_one(shop: Path) -> None:
    dates = [
        "2026-01-05 10:00",
        "05/01/2026 10:00",
        "2026-01-06 10:00",
        "13/01/2026 10:00",
        "2026-01-07 10:00",
    ]
    rows = "".join(f"two{number},c{number},{date},5\n" for number, date in enumerate(dates))
    said = imported(shop, "two.csv", ORDERS.splitlines()[0] + "\n" + rows)
    assert said.code == 0, said
    assert "3 accepted" in said.out
    assert "2 rejected" in said.out
    rejected = run("ledger", "--outcome", "rejected", "-w", shop, "--json").json
    assert [row["line"] for row in rejected if row["file"] == "two.csv"] == [3, 5]


def test_after_all_that_nothing_is_lost_and_an_import_works(shop: Path) -> None:
    shops.healthy(shop)
    shops.counts_add_up(shop)
    ids = shops.standing_ids(shop)
    assert {f"m{number}" for number in range(20)} <= set(ids)
    said = run("import", shops.write(shop.parent / "next.jsonl", shops.log(5, prefix="next")), "-w", shop)
    assert said.code == 0, said
    assert "5 accepted" in said.out
