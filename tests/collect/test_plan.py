"""The dry run: exact counts, reasons, what is in already; and nothing left behind."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import yaml

from periplus.collect.mapping import MappingDocument
from tests.collect.conftest import Importing

ORDERS = """order_no;ordered_at;delivered_at;email;client_id;total;cur;device;tracking_ok;state;memo
1042;03/01/2023 09:14;06/01/2023 13:05;a@x.org;GA1.2;148,50;EUR;mobile;1;sent;call first please at the door
1043;28/01/2023 18:40;;b@x.org;GA1.3;64,00;EUR;desktop;0;closed;
1044;00/01/2023 12:20;;;GA1.3;64,00;EUR;desktop;1;closed;
1045;26/03/2023 03:20;;;GA1.3;64,00;EUR;desktop;1;closed;
1046;2023-07-08;;;;64,00;EUR;desktop;1;closed;
1047;08/07/2023 10:00;;;;64,00;EUR;desktop;1;closed;
1048;n/a;;c@x.org;;64,00;EUR;desktop;1;closed;
1049
"""


def test_a_file_without_a_mapping_gets_one(importing: Importing) -> None:
    plan = importing.in_zone("Europe/Athens").plan(importing.write("orders.csv", ORDERS))
    assert plan.counts == {"rows": 8, "accepted": 2, "duplicate": 0, "rejected": 5, "withheld": 1}
    assert (plan.events, plan.names, plan.unidentified) == (
        3,
        [("Order Completed", 2), ("Order Delivered", 1)],
        1,
    )
    assert (plan.first, plan.last) == ("2023-01-03T09:14:00+02:00", "2023-07-08T10:00:00+03:00")
    assert {column["name"]: column["field"] for column in plan.columns} == {
        "order_no": "properties.order_id", "ordered_at": "time of Order Completed", "delivered_at": "time of Order Delivered", "email": "email",
        "client_id": "anonymousId", "total": "properties.total", "cur": "properties.currency", "device": "context.device.type",
        "tracking_ok": "consent.analytics", "state": "", "memo": "",
    }  # fmt: skip
    columns = {column["name"]: column for column in plan.columns}
    assert columns["ordered_at"]["why"] == "day first: 4 values read so, 2 with the month first"
    assert columns["delivered_at"]["why"].startswith("day and month as in ordered_at")
    assert columns["memo"]["why"] == "free text, may hold personal data"
    assert columns["order_no"]["samples"] == ["1042", "1043", "1044"]
    assert columns["total"]["filled"] == 7 / 8
    assert [(row["line"], row["column"], row["value"], row["reason"]) for row in plan.problems] == [
        (4, "ordered_at", "00/01/2023 12:20", "there is no such day or hour"), (5, "ordered_at", "26/03/2023 03:20", "the local time does not exist (skipped by a clock change)"),
        (6, "ordered_at", "2023-07-08", "another date format than the rest of the column"), (8, "ordered_at", None, "the time is empty"),
        (9, None, None, "too few columns: 1 instead of 11"),
    ]  # fmt: skip
    assert sum(count for _, count in plan.reasons) == 5
    assert (plan.zone, plan.suggested) == ("Europe/Athens", True)
    assert "display zone" in plan.zone_from
    outcomes = [(row["line"], row["outcome"]) for row in plan.rows]
    assert outcomes == [
        (2, "accepted"),
        (3, "withheld"),
        (4, "rejected"),
        (5, "rejected"),
        (6, "rejected"),
        (7, "accepted"),
        (8, "rejected"),
        (9, "rejected"),
    ]
    assert plan.rows[0]["customer"] == "a@x.org"
    assert plan.rows[0]["events"] == [
        {"event": "Order Completed", "time": "2023-01-03T09:14:00+02:00"},
        {"event": "Order Delivered", "time": "2023-01-06T13:05:00+02:00"},
    ]
    assert "nobody" in plan.rows[5]["remark"]
    assert json.loads(json.dumps(plan.to_dict()))["counts"] == plan.counts
    assert list((importing.folder / "staging").iterdir()) == []


def test_the_suggested_mapping_imports_the_same(importing: Importing) -> None:
    path = importing.write("orders.csv", ORDERS)
    plan = importing.plan(path)
    assert MappingDocument.parse(plan.mapping).document() == plan.document
    result = importing.stage(path, mapping=plan.mapping)
    assert (len(result.events), len(result.rejects), result.staged.withheld) == (
        plan.events,
        plan.counts["rejected"],
        plan.counts["withheld"],
    )
    assert result.one("properties.total")[0] == 148.5


def test_duplicates_of_what_is_in_and_of_the_file_itself(importing: Importing, table: Any) -> None:
    path = importing.write(
        "t.csv", "user,at,id\nu,2026-01-01,a\nv,2026-01-02,b\nw,2026-01-03,b\nx,2026-01-04,c\n"
    )
    first = importing.stage(path, mapping=table(messageId="id")).events[0]

    def known(high: np.ndarray, low: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        assert high.dtype == low.dtype == np.uint64
        return (high == first["key_hi"]) & (low == first["key_lo"])

    plan = importing.plan(path, mapping=table(messageId="id"), known=known)
    assert plan.counts == {"rows": 4, "accepted": 2, "duplicate": 2, "rejected": 0, "withheld": 0}
    assert [row["outcome"] for row in plan.rows] == ["duplicate", "accepted", "duplicate", "accepted"]
    assert plan.events == 2


def test_events_need_no_mapping(importing: Importing) -> None:
    rows = [
        {
            "type": "track",
            "event": f"E{i % 2}",
            "userId": "u",
            "timestamp": f"2026-01-0{i + 1}",
            "properties": {"n": i},
        }
        for i in range(4)
    ]
    plan = importing.plan(importing.write("e.jsonl", rows))
    assert (plan.counts["accepted"], plan.names, plan.suggested, plan.mapping) == (
        4,
        [("E0", 2), ("E1", 2)],
        False,
        "",
    )
    assert {column["name"] for column in plan.columns} >= {"userId", "timestamp", "properties.n"}


def test_with_a_mapping_it_says_what_columns_become(importing: Importing, table: Any) -> None:
    path = importing.write("t.csv", "user,at,x,y\nu,2026-01-01,1,2\n,2026-01-02,1,2\n")
    plan = importing.plan(path, mapping=table(properties={"x": "x"}))
    assert [(column["name"], column["field"], column["filled"]) for column in plan.columns] == [
        ("user", "userId", 0.5), ("at", "time of E", 1.0), ("x", "properties.x", 1.0), ("y", "", 1.0),
    ]  # fmt: skip
    assert plan.columns[1]["why"] == "ISO 8601: reads 2 values"
    assert (plan.zone, plan.zone_from) == ("UTC", "the mapping says so")
    assert yaml.safe_load(plan.mapping)["source"] == "s"


def test_every_row_refused(importing: Importing, table: Any) -> None:
    plan = importing.plan(importing.write("t.csv", "user,at\nu,soon\n"), mapping=table())
    assert (plan.counts["rejected"], plan.events, plan.first, plan.names) == (1, 0, None, [])
