"""All that is held about one person comes out, as JSON and as tables, and nothing of anybody else."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from periplus.errors import InputError, NotFoundError
from periplus.workspace import Workspace, init
from tests.people.test_erasure import BAD, import_all, spread


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("subject")
    with init(folder / "shop", shards=2, threads=1, memory="500MB") as ws:
        import_all(ws, folder, spread(), BAD)
        ws.add_note("u-ann", "calls back at noon", author="Maria")
        ws.set_consent("u-ann", {"marketing.email": True}, source="phone call")
        yield ws


@pytest.mark.parametrize(
    "named", ["u-ann", "ann@SHOP.example", "00 30 694 555 1234".replace("00 ", "+"), "d-ann-phone", "o-ann-1"]
)
def test_a_person_is_meant_by_any_identifier(shop: Workspace, named: str) -> None:
    assert shop.subject(named).person().label == "u-ann"


def test_what_means_nobody_or_several_is_said(shop: Workspace) -> None:
    with pytest.raises(NotFoundError):
        shop.subject("nobody@shop.example").person()
    with pytest.raises(InputError, match="2 customers") as told:
        shop.subject("d-tablet").person()
    assert len(told.value.allowed) == 2


def test_everything_is_in_the_document_and_in_the_tables(shop: Workspace, tmp_path: Path) -> None:
    found = shop.subject("u-ann").export(tmp_path / "ann.json", who="Maria")
    written: dict[str, Any] = json.loads((tmp_path / "ann.json").read_text())
    assert written == json.loads(json.dumps(found))
    assert (tmp_path / "ann.json").stat().st_mode & 0o77 == 0
    assert [event["messageId"] for event in found["events"]] == [
        f"m-ann-{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9)
    ]
    assert {(row["kind"], row["value"], row["used_by_others"]) for row in found["identifiers"]} == {
        ("user", "u-ann", False), ("email", "ann@shop.example", False), ("phone", "+306945551234", False),
        ("device", "d-ann-phone", False), ("device", "d-tablet", True),
        ("order", "o-ann-1", False), ("order", "o-ann-2", False),
    }  # fmt: skip
    assert {(row["trait"], row["value"]) for row in found["traits_history"]} >= {
        ("name", "Ann Pappas"),
        ("address.street", "Odos Athinas 7"),
    }
    assert [order["order_id"] for order in found["orders"]] == ["o-ann-2", "o-ann-1"]
    assert found["notes"][0]["text"] == "calls back at noon"
    assert found["consents"]["marketing.email"]["given"]
    assert [row["line"] is not None for row in found["refused"]] == [True]
    assert "bob" not in json.dumps(found)
    shop.subject("u-ann").export(tmp_path / "ann.zip")
    with zipfile.ZipFile(tmp_path / "ann.zip") as archive:
        tables = {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode())))
            for name in archive.namelist()
        }
    assert len(tables["events.csv"]) == 9
    assert len(tables["identifiers.csv"]) == 7
    assert {row["purpose"] for row in tables["consents.csv"]} == {"marketing.email"}
    assert tables["person.csv"][0]["label"] == "u-ann"
    with pytest.raises(InputError, match="ending"):
        shop.subject("u-ann").export(tmp_path / "ann.pdf")
    log = shop.erasures.actions()
    assert [(row["who"], row["action"]) for row in log][-2:] == [
        ("a program", "person export"),
        ("Maria", "person export"),
    ]
    assert "u-ann" not in json.dumps([{**row, "path": ""} for row in log])
