"""A first mapping for files of many makes: what it must get right is who, what and when."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from periplus.collect import look
from periplus.collect.delimiter import guess_delimiter
from periplus.collect.fields import is_label
from periplus.errors import InputError
from tests.collect.conftest import Importing


def guessed(importing: Importing, name: str, content: str | bytes) -> tuple[dict[str, Any], dict[str, str]]:
    plan = importing.plan(importing.write(name, content))
    document = yaml.safe_load(plan.mapping)
    return document["tables"][0], {column["name"]: column["field"] for column in plan.columns}


def test_an_event_log(importing: Importing) -> None:
    rows = "".join(f"{i},open,a{i % 3},{1538405774195002 + i},5.{i}\n" for i in range(40))
    table, fields = guessed(
        importing, "log.csv", "event_id,event_name,user_pseudo_id,event_timestamp,load_seconds\n" + rows
    )
    assert fields == {
        "event_id": "messageId", "event_name": "event", "user_pseudo_id": "anonymousId", "event_timestamp": "time of track", "load_seconds": "properties.load_seconds",
    }  # fmt: skip
    assert table["events"][0]["event"] == {"column": "event_name"}


def test_clicks(importing: Importing) -> None:
    head = "Date\tVisitor ID\tuserId\tURL\tutm_source\tdeviceCategory\tSearch Terms\n"
    rows = "".join(
        f"2026-01-{i + 1:02d}T10:00:00Z\tv{i}\t{'u' if i % 2 else ''}\thttps://x/{i}\tgoogle\tmobile\tblue shoe\n"
        for i in range(9)
    )
    table, fields = guessed(importing, "page_views.tsv", head + rows)
    assert table["format"] == {"delimiter": "\t"}
    assert table["events"][0]["event"] == "Page Views"
    assert fields == {
        "Date": "time of Page Views", "Visitor ID": "anonymousId", "userId": "userId", "URL": "context.page.url", "utm_source": "context.campaign.source",
        "deviceCategory": "context.device.type", "Search Terms": "properties.search_terms",
    }  # fmt: skip


def test_null_words_and_other_encodings(importing: Importing) -> None:
    text = "datum;kunde;umsatz;stadt\n01.02.2026;7;1.234,50;Köln\n13.02.2026;NA;5,00;Zürich\n"
    table, fields = guessed(importing, "bestellungen.csv", text.encode("cp1252"))
    assert table["format"] == {"delimiter": ";", "encoding": "cp1252", "null": ["NA"]}
    assert (fields["datum"], fields["kunde"], fields["umsatz"]) == (
        "time of Order Completed",
        "userId",
        "properties.total",
    )


def test_json_and_parquet(importing: Importing) -> None:
    rows = [{"when": f"2026-01-0{i + 1}", "customer": {"id": i}, "action": "a"} for i in range(4)]
    _, fields = guessed(
        importing,
        "x.jsonl",
        "".join(json.dumps(row) + "\n" for row in rows).replace('"action"', '"activity"'),
    )
    assert fields["when"] == "time of track"
    assert fields["customer.id"] == "userId"
    pq.write_table(
        pa.table({"created_at": [1782900000000], "member_no": [7], "amount": [1.5]}),
        importing.folder / "x.parquet",
    )
    plan = importing.plan(importing.folder / "x.parquet")
    assert [column["field"] for column in plan.columns] == [
        "time of Order Completed",
        "userId",
        "properties.total",
    ]
    assert plan.counts["accepted"] == 1


def test_what_people_typed_is_left_out(importing: Importing) -> None:
    rows = "".join(
        f"2026-01-0{i + 1},u{i},I liked thing number {i} very much indeed,Ann {i}\n" for i in range(5)
    )
    _, fields = guessed(importing, "r.csv", "at,user_id,opinion,first_name\n" + rows)
    assert (fields["opinion"], fields["first_name"]) == ("", "")


def test_no_time_no_mapping(importing: Importing) -> None:
    with pytest.raises(InputError, match=r"No column of r\.csv looks like a time"):
        importing.plan(importing.write("r.csv", "a,b\n1,x\n"))


@pytest.mark.parametrize(
    ("head", "delimiter"),
    [
        (b"a,b\n1,2\n", ","), (b"a;b\n1,5;2,5\n2,5;3,5\n", ";"), (b'a;b\n"x,y";2\n"z,w";1\n', ";"), (b"a\tb c,d\n1\t2\n", "\t"), (b"a|b\n1|2\n", "|"),
        (b"abc\ndef\n", None), (b"", None),
    ],
)  # fmt: skip
def test_delimiters(head: bytes, delimiter: str | None) -> None:
    assert guess_delimiter(head) == delimiter


def test_names_of_labels() -> None:
    labels = [
        "order_id",
        "itemId",
        "ID",
        "ordernumber",
        "zip",
        "customerNo",
        "promo_code",
        "phone",
        "deviceid",
        "EAN",
    ]
    amounts = ["paid", "valid", "number_of_cds", "total", "numbers", "price", "grid", "codec", "android"]
    assert [name for name in labels + amounts if is_label(name)] == labels


def test_looking_reads_the_first_rows_only(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "HEAD", 64)
    rows = "at,user_id\n" + "".join(f"2026-01-01,u{i}\n" for i in range(100))
    _, fields = guessed(importing, "r.csv.gz", rows)
    assert fields["user_id"] == "userId"
