"""The mapping document: what it means, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from periplus.collect import fields, presets, times
from periplus.collect.mapping import (
    EventRow,
    Field_,
    Format,
    Join,
    MappingDocument,
    Part,
    Plus,
    Table,
    Time,
    Unfold,
    When,
)  # fmt: skip
from periplus.errors import DocumentError

EVENT = "events: [{event: E, time: at}]"


def test_the_document_of_the_semantics() -> None:
    document = MappingDocument.parse("""
source: olist              # the space of event keys
zone: America/Sao_Paulo
consent: {analytics: true}
tables:
- files: "olist_orders*.csv.gz"
  format: {delimiter: ",", quote: '"', encoding: utf-8, "null": ["", NA]}
  join: [{file: "olist_customers*.csv.gz", on: customer_id}]
  events:
  - event: Order Completed
    userId: customer_unique_id
    time: {column: order_purchase_timestamp, format: "%Y-%m-%d %H:%M:%S"}
    properties: {order_id: order_id}
  - event: Order Delivered
    userId: customer_unique_id
    time: order_delivered_customer_date
""")
    table = document.tables[0]
    assert document.source == "olist"
    assert table.format.null == ("", "NA")
    assert table.join[0].on == ("customer_id",)
    assert [event.event.value for event in table.events if event.event] == [
        "Order Completed",
        "Order Delivered",
    ]
    assert MappingDocument.parse(document.document()) == document


def test_words_of_yaml_are_text() -> None:
    document = MappingDocument.parse("""
tables:
- files: t.csv
  join: [{file: u.csv, on: [left, right]}, {file: w.csv, on: [[a, b], [c]]}]
  events: [{event: E, time: at, userId: 7, properties: {x: {column: "no", map: {true: 1, 1: yes, null: 2024-01-01}}}}]
""")
    table = document.tables[0]
    assert [join.on for join in table.join] == [(("left", "right"),), (("a", "b"), "c")]
    assert table.events[0].properties["x"].map == {"true": 1, "1": "yes", "null": "2024-01-01"}
    assert table.events[0].userId is not None
    assert table.events[0].userId.column == "7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tabels: []", "'tables'"),
        ("tables: []", "tables"),
        ("tables: [{files: a, evnts: []}]", "'events'"),
        (f"tables: [{{file: a, {EVENT}}}]", "'files'"),
        ("tables: [{files: a, events: [{event: E, time: at, userid: u}]}]", "'userId'"),
        ("tables: [{files: a, events: [{event: E, time: {colum: at}}]}]", "'column'"),
        ("tables: [{files: a, events: [{event: E, time: {column: at, unit: min}}]}]", "'s', 'ms' or 'us'"),
        (
            "tables: [{files: a, events: [{event: E, time: {column: at, unit: s, format: iso}}]}]",
            "`format` or `unit`",
        ),
        ("tables: [{files: a, events: [{event: E, time: at, email: {type: text}}]}]", "`column` or `value`"),
        (
            "tables: [{files: a, events: [{event: E, time: at, email: {column: e, value: f}}]}]",
            "`column` or `value`",
        ),
        ("tables: [{files: a, events: [{time: at}]}]", "`event`"),
        ("tables: [{files: a, events: [{event: E}]}]", "time"),
        (f"tables: [{{files: a, format: {{delimiter: '||'}}, {EVENT}}}]", "delimiter"),
        (f"preset: odrers\ntables: [{{files: a, {EVENT}}}]", "'orders'"),
        ("tables: [{files: a, files: b}]", "stands twice"),
        ("tables: [", "not readable YAML"),
        ("5", "`tables`"),
    ],
)
def test_a_wrong_document_names_the_right_word(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        MappingDocument.parse(text)
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="cannot be read"):
        MappingDocument.parse(tmp_path / "m.yaml")


def test_presets_state_the_consent_and_what_the_document_says_wins() -> None:
    assert {row["name"] for row in presets.listed()} >= {"segment", "orders", "clickstream", "app-log"}
    text = "preset: orders\nconsent: {marketing: true}\ntables: [{files: a, events: [{time: at}, {event: Order Refunded, time: back}]}]"
    document = MappingDocument.parse(text)
    assert document.consent == {"analytics": True, "marketing": True}
    assert [event.event.value for event in document.tables[0].events if event.event] == [
        "Order Completed",
        "Order Refunded",
    ]


def test_the_page_has_every_key_preset_and_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    parts: list[type[BaseModel]] = [
        Field_, Part, Plus, Time, When, EventRow, Format, Join, Unfold, Table, MappingDocument,
    ]  # fmt: skip
    keys = {row.alias or name for part in parts for name, row in part.model_fields.items()} - {"name"}
    words = set(re.findall(r"[A-Za-z]+", page))
    assert keys <= words
    assert {f"`{name}`" for name in presets.presets} <= set(re.findall(r"`[a-z0-9-]+`", page))
    reasons = [
        times.NO_SUCH_LOCAL,
        times.OUT_OF_RANGE,
        times.OTHER_FORMAT,
        times.NO_SUCH_DAY,
        times.NOT_A_TIME,
    ]
    assert [reason for reason in reasons if reason.split(" (")[0] not in page] == []
    assert {f"`{form}`" for form in fields.NUMBER_FORMATS} >= set(re.findall(r"`1[^`]*5`", page))


def test_the_example_of_the_page_is_a_mapping() -> None:
    page = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert len(MappingDocument.parse(example).tables[0].events) == 2


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[2] / "examples" / "mappings").glob("*.yaml")),
    ids=lambda path: path.stem,
)
def test_the_examples_are_mappings(path: Path) -> None:
    assert MappingDocument.parse(path).source
