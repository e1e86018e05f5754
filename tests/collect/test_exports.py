"""Exports of other systems: every example file comes in, adds up, adds nothing twice, and fills its map."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.clock import iso
from periplus.collect.exports import EXPORTS, recognised
from periplus.collect.mapping import MappingDocument
from periplus.collect.presets import presets
from tests.collect.conftest import Importing

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Example:
    """A file in examples/exports: its rows, those withheld, the map it fills (None: no customers), who brings a time."""

    name: str
    file: str
    rows: int
    map: str | None
    time: str
    withheld: int = 0

    @property
    def files(self) -> list[Path]:
        path = EXAMPLES / "exports" / self.file
        return sorted(path.iterdir()) if path.is_dir() else [path]

    @property
    def main(self) -> Path:
        """The file whose rows are events."""
        return self.files[-1]


TABLE = [
    Example("ga4", "ga4.jsonl", 158, "shop", "event_timestamp", withheld=1),
    Example("ga4", "ga4.parquet", 158, "shop", "", withheld=1),
    Example("mixpanel", "mixpanel.jsonl", 175, "shop", "time"),
    Example("kissmetrics", "kissmetrics.json", 184, "shop", "_t"),
    Example("zendesk", "zendesk.csv", 80, "tickets", "Created at"),
    Example("freshdesk", "freshdesk.csv", 70, "tickets", "Created time"),
    Example("mailchimp", "mailchimp.csv", 120, "e-mail", "Send Date"),
    Example("klaviyo", "klaviyo.csv", 154, "e-mail", "Timestamp"),
    Example("hubspot-deals", "hubspot-deals.csv", 60, "deals", "Create Date"),
    Example("google-ads", "google-ads.csv", 60, None, "Day"),
    Example("meta-ads", "meta-ads.csv", 40, None, "Day"),
    Example("social-mentions", "social-mentions.csv", 90, "social", "Date"),
    Example("pos-receipts", "pos-receipts", 110, "store", "Date"),
    Example("shopify-orders", "shopify-orders.csv", 70, "shop", "Created at"),
    Example("woocommerce-orders", "woocommerce-orders.csv", 64, "shop", "order_date"),
    Example("ecwid-orders", "ecwid-orders.jsonl", 62, "shop", "createTimestamp"),
    Example("search-console", "search-console.csv", 98, None, "Date"),
    Example("semrush", "semrush.csv", 14, None, "Timestamp"),
    Example("ahrefs", "ahrefs.csv", 14, None, "Current date"),
]
NO_PRESET = {"shopify-customers.csv"}
"""Files whose mapping has something to fill in."""
every = pytest.mark.parametrize("example", TABLE, ids=lambda example: example.file)


def test_the_table_has_every_export_and_every_file() -> None:
    assert {example.name for example in TABLE} == {row.name for row in EXPORTS}
    assert {example.file for example in TABLE} | NO_PRESET == {
        path.name for path in (EXAMPLES / "exports").iterdir()
    }
    for row in EXPORTS:
        assert row.name in presets
        assert MappingDocument.parse(EXAMPLES / "mappings" / f"{row.name}.yaml").preset == row.name


def test_the_pages_have_a_command_for_each() -> None:
    docs = EXAMPLES.parent / "docs"
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(docs.rglob("*.md")))
    commands = set(re.findall(r"^periplus import .* --mapping (\S+)", text, re.MULTILINE))
    assert {row.name for row in EXPORTS} <= commands
    page = (docs / "bring.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[.*\| `([a-z0-9-]+)` \|.*\| ([a-z-]*) ?\|$", page, re.MULTILINE))
    maps = {example.name: example.map or "" for example in TABLE}
    assert rows == {name: maps[name] for name in rows}
    assert rows.keys() >= {row.name for row in EXPORTS} - {"shopify-customers"}


@every
def test_it_is_recognised_by_its_columns_alone(example: Example, tmp_path: Path) -> None:
    copy = tmp_path / f"download{example.main.suffix}"
    shutil.copy(example.main, copy)
    found = recognised(copy)
    assert found is not None
    assert found[0].name == example.name


@every
def test_every_event_has_its_channel_department_and_original_name(example: Example) -> None:
    document = MappingDocument.parse({"preset": example.name})
    for table in document.tables:
        for event in table.events:
            assert event.channel is not None, event.event
            assert event.department is not None, event.event
            if event.event is not None and event.event.column is not None:
                assert event.original is not None, event.event


@every
def test_it_comes_in_adds_up_adds_nothing_twice_and_fills_its_map(example: Example, tmp_path: Path) -> None:
    mapping = EXAMPLES / "mappings" / f"{example.name}.yaml"
    with periplus.init(tmp_path / "shop", shards=2) as shop:
        first = shop.import_file(example.files, mapping=mapping)
        assert (first.rows, first.withheld, first.rejected) == (example.rows, example.withheld, 0)
        assert first.accepted + first.duplicate + first.rejected + first.withheld == first.rows
        assert first.accepted == example.rows - example.withheld
        again = shop.import_file(example.files, mapping=mapping)
        assert (again.accepted, again.events, again.duplicate) == (0, 0, first.accepted)
        if example.map is None:
            assert first.events == first.accepted
            assert shop.search()["total"] == 0
            return
        document = EXAMPLES / "maps" / f"{example.map}.yaml"
        if document.exists():
            shop.add_map(document)
        answer = shop.ask({"kind": "map", "map": example.map, "now": "2026-06-01"})
        assert answer.totals["journeys"] > 20
        steps = {row["step"]: row["visits"] for row in answer.rows}
        assert all(steps[goal] for goal in shop.map(example.map).goal[:1])
        assert sum(visits > 0 for visits in steps.values()) >= 2


def spoiled(example: Example, folder: Path, row: int = 7) -> tuple[list[Path], int]:
    """The example with one time that is none, and the line on which it stands."""
    lines = example.main.read_text(encoding="utf-8").splitlines()
    if example.main.suffix == ".csv":
        header = next(n for n, line in enumerate(lines) if example.time in line.split(","))
        at = lines[header].split(",").index(example.time)
        number = header + row
        cells = next(csv.reader([lines[number]]))
        cells[at] = "soon"
        lines[number] = ",".join(f'"{cell}"' for cell in cells)
    else:
        number = row
        value = json.loads(lines[number])
        value.get("properties", value)[example.time] = "soon"
        lines[number] = json.dumps(value)
    result = []
    for path in example.files:
        copy = folder / path.name
        shutil.copy(path, copy)
        result.append(copy)
    (folder / example.main.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return result, number + 1


@pytest.mark.parametrize("example", [row for row in TABLE if row.time], ids=lambda example: example.file)
def test_a_time_that_is_none_is_said_with_its_line(
    example: Example, tmp_path: Path, importing: Importing
) -> None:
    (tmp_path / "spoiled").mkdir()
    files, line = spoiled(example, tmp_path / "spoiled")
    plan = importing.plan(*files, mapping={"preset": example.name})
    said = [row for row in [*plan.problems, *plan.unmade] if row["line"] == line]
    assert said
    assert said[0]["value"].split()[0] == "soon"
    assert said[0]["reason"] == "not a time"
    counts = plan.counts
    assert counts["rows"] == example.rows == sum(counts.values()) - counts["rows"]


@every
def test_the_suggestion_is_the_preset(example: Example, importing: Importing) -> None:
    plan = importing.plan(*example.files)
    assert plan.suggested
    document = MappingDocument.parse(plan.mapping)
    whole = MappingDocument.parse({"preset": example.name})
    assert [table.events for table in document.tables] == [table.events for table in whole.tables]
    assert plan.counts["rejected"] == 0


def test_a_known_file_beside_one_nobody_knows(importing: Importing) -> None:
    known = EXAMPLES / "exports" / "google-ads.csv"
    other = importing.write("visits.csv", "visitor_id,at,page\nv1,2026-01-01,/\nv2,2026-01-02,/cart\n")
    plan = importing.plan(known, other)
    assert dict(plan.names) == {"Ad Spend Recorded": 60, "Visits": 2}
    assert plan.counts["accepted"] == 62


def events(importing: Importing, name: str, file: str) -> list[dict[str, Any]]:
    return importing.stage(EXAMPLES / "exports" / file, mapping={"preset": name}).events


def test_ga4_rows_of_json_and_of_parquet_are_the_same_events(importing: Importing) -> None:
    json_lines, parquet = (events(importing, "ga4", f"ga4.{end}") for end in ("jsonl", "parquet"))
    left_out = {"key_hi", "key_lo", "line", "file"}

    def plain(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        loaded = [
            {key: json.loads(value) if key == "properties.products" else value for key, value in row.items()}
            for row in rows
        ]
        return [{key: value for key, value in row.items() if key not in left_out} for row in loaded]

    assert plain(json_lines) == plain(parquet)
    viewed = next(row for row in json_lines if row["event"] == "Product Viewed")
    assert viewed["original"] == "view_item"
    assert isinstance(viewed["properties.price"], float)
    assert str(viewed["properties.ga_session_number"]) == "1"
    assert viewed["context.page.url"].startswith("https://shop.example/p/")
    bought = next(row for row in json_lines if row["event"] == "Order Completed")
    (product,) = json.loads(bought["properties.products"])
    assert set(product) == {"product_id", "name", "brand", "category", "price", "quantity"}
    assert isinstance(product["quantity"], int)
    assert bought["properties.order_id"].startswith("W")
    assert bought["traits.newsletter"] in ("yes", "no")


def test_mixpanel_people_and_devices(importing: Importing) -> None:
    rows = events(importing, "mixpanel", "mixpanel.jsonl")
    assert all(row["anonymous_id"] and not row.get("user_id", "").startswith("$device") for row in rows)
    bought = next(row for row in rows if row["event"] == "Order Completed")
    assert (bought["user_id"][0], bought["original"], len(bought["message_id"])) == ("c", "Purchase", 24)
    assert not {"properties.time", "properties.distinct_id"} & bought.keys()


def test_kissmetrics_lines_are_events_identities_and_properties(importing: Importing) -> None:
    rows = events(importing, "kissmetrics", "kissmetrics.json")
    alias = next(row for row in rows if row["type"] == "alias")
    assert "@" in alias["user_id"]
    assert "@" not in alias["previous_id"]
    said = next(row for row in rows if row["type"] == "identify")
    assert said["traits.plan"] in ("club", "none")
    assert said["email"] == said["user_id"]


def test_the_answer_to_a_ticket_stands_as_long_after_it_as_was_measured(importing: Importing) -> None:
    rows = [row for row in events(importing, "zendesk", "zendesk.csv") if row["event"] != "Ticket Solved"]
    opened = {row["line"]: row["time"] for row in rows if row["event"] == "Ticket Opened"}
    answered = [row for row in rows if row["event"] == "Ticket Answered"]
    assert answered
    for row in answered:
        minutes = (row["time"] - opened[row["line"]]) / 60_000_000
        assert minutes == row["properties.reply_minutes"]


def test_a_receipt_has_its_lines(importing: Importing) -> None:
    example = next(row for row in TABLE if row.name == "pos-receipts")
    rows = importing.stage(*example.files, mapping={"preset": "pos-receipts"}).events
    for row in rows:
        if row["event"] == "Order Completed":
            lines = json.loads(row["properties.products"])
            total = sum(float(line["price"].strip("$")) for line in lines)
            assert total == pytest.approx(row["properties.total"])
    refund = next(row for row in rows if row["event"] == "Order Refunded")
    assert refund["properties.total"] > 0
    alone = importing.stage(example.main, mapping={"preset": "pos-receipts"})
    assert len(alone.events) == len(rows)  # the lines lie beside the file, so they are found
    (importing.folder / "x").mkdir()
    copy = shutil.copy(example.main, importing.folder / "x" / "transactions.csv")
    bare = importing.stage(Path(copy), mapping={"preset": "pos-receipts"})
    assert any("items*.csv" in warning for warning in bare.staged.warnings)
    assert "properties.products" not in bare.staged.columns


def test_money_spent_is_a_number_and_the_totals_are_no_rows(importing: Importing) -> None:
    result = importing.stage(EXAMPLES / "exports" / "google-ads.csv", mapping={"preset": "google-ads"})
    assert (result.staged.rows, result.rejects) == (60, [])
    first = result.events[0]
    assert (first["line"], iso(first["time"])) == (4, "2026-03-01T00:00:00Z")
    assert isinstance(first["properties.cost"], float)
    assert first["context.campaign.name"] == "Brand search"


def test_a_report_in_dollars_is_recognised_and_read_in_dollars(importing: Importing) -> None:
    text = (EXAMPLES / "exports" / "meta-ads.csv").read_text().replace("(EUR)", "(USD)").replace(",", ";")
    plan = importing.plan(importing.write("m.csv", text))
    assert plan.counts["accepted"] == 40
    assert "currency USD" in plan.rows[0]["properties"]


def test_a_preset_is_named_instead_of_a_file(importing: Importing) -> None:
    result = importing.stage(EXAMPLES / "exports" / "semrush.csv", mapping="semrush")
    assert len(result.events) == 14


def test_an_event_that_was_not_made_is_in_the_ledger_with_its_reason(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop", shards=2) as shop:
        shop.import_file(EXAMPLES / "exports" / "zendesk.csv", mapping="zendesk")
        rows = [row for row in shop.ledger(outcome="accepted") if row["reason"]]
        assert [(row["column"], row["value"], row["reason"]) for row in rows] == [
            ("Solved at", "yesterday", "no Ticket Solved: not a time")
        ]
        assert shop.ledger(outcome="rejected") == []
        assert len(shop.ledger(outcome="accepted")) == 80
        # the file of such events is part of the version: it outlives the next writer's sweep
        shop.import_file(EXAMPLES / "exports" / "semrush.csv", mapping="semrush")
        assert [row["line"] for row in shop.ledger(batch=1) if row["reason"]] == [rows[0]["line"]]
