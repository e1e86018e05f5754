"""What is hashed in a text, a value and a message, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from periplus.collect.hashing import Hashing
from periplus.people.hashed import plain_by
from periplus.people.identity_rules import IdentityRules
from periplus.store import door, pseudonyms, tombstones
from periplus.workspace import init
from tests.faults.shops import write
from tests.people.test_erasure import event

PLAIN = plain_by(IdentityRules(mailbox=True, region="GR"))
BOTH = Hashing(("email", "phone"), b"secret", PLAIN)
ANN, NUMBER = BOTH.email("ann@shop.example"), BOTH.phone("+306945551234")


@pytest.mark.parametrize("text", ["Ann@Shop.example ", "ann+news@shop.example", ANN])
def test_an_address_has_one_pseudonym_however_it_is_spelt(text: str) -> None:
    assert BOTH.email(text) == ANN
    assert pseudonyms.form(ANN) == "email"
    assert Hashing(("email",), b"another", PLAIN).email("ann@shop.example") != ANN


@pytest.mark.parametrize("text", ["00306945551234", "694 555 1234", "+30 (694) 555-1234", NUMBER])
def test_so_has_a_number(text: str) -> None:
    assert BOTH.phone(text) == NUMBER
    assert PLAIN("phone", NUMBER) == NUMBER  # the rules of spelling leave it alone


@pytest.mark.parametrize(
    "text",
    [
        "noreply@shop.example", "guest", "img/logo@2x.png", "jquery@3.6.0", "https://x.example/@ann", "a@b", "@",
        "2026-01-01T10:00:00+1000", "GMT+2", "+30", "12345678901",
    ],
)  # fmt: skip
def test_other_texts_stay(text: str) -> None:
    assert BOTH.text(text) == text == BOTH.id(text)


def test_an_address_inside_a_text_is_hashed_where_it_stands() -> None:
    assert BOTH.text("Ann <Ann@shop.example>, +30 694 555 1234.") == f"Ann <{ANN}>, {NUMBER}."
    assert BOTH.text("https://x.example/?to=ann%40shop.example&n=1") == f"https://x.example/?to={ANN}&n=1"
    assert Hashing(("phone",), b"secret", PLAIN).text("ann@shop.example") == "ann@shop.example"
    assert BOTH.text("x" * 200_000 + "@" + "y" * 200_000)  # neither slow nor too much


def test_an_id_is_taken_letter_by_letter() -> None:
    ids = {BOTH.id(text) for text in ("ann@shop.example", "Ann@shop.example", "ann+x@shop.example")}
    assert len(ids) == 3
    assert ANN not in ids


def test_values_are_looked_through_at_any_depth_and_numbers_where_they_are_named() -> None:
    told = BOTH.value(
        {
            "a": [{"email": "ann@shop.example"}],
            "mobile": 6945551234,
            "price": 6945551234,
            "hotel": "6945551234",
        }
    )
    assert told == {"a": [{"email": ANN}], "mobile": NUMBER, "price": 6945551234, "hotel": "6945551234"}
    assert BOTH.json('{"to":"ann\\u0040shop.example","n":1.50}') == json.dumps(
        {"to": ANN, "n": 1.5}, separators=(",", ":")
    )
    assert BOTH.json('{"n":1.50}') == '{"n":1.50}'
    assert BOTH.refused("2026,6945551234") == ""
    assert Hashing(("email",), b"secret", PLAIN).refused("1,ann@shop.example") == f"1,{ANN}"


def test_a_tombstone_of_the_clear_address_is_the_hash_itself() -> None:
    with door.opened() as connection:
        tombstones.define(connection, b"secret")
        for kind, clear, kept in (
            ("email", "ann@shop.example", ANN),
            ("phone", "+306945551234", NUMBER),
            ("user", "u1", "u1"),
        ):
            (row,) = connection.execute("SELECT keyed($1, $2), keyed($1, $3)", [kind, clear, kept]).fetchall()
            assert (
                row[0]
                == row[1]
                == tombstones.keyed(b"secret", kind, clear)
                == tombstones.keyed(b"secret", kind, kept)
            )


def test_the_shops_own_people_are_told_before_their_address_is_hashed(tmp_path: Path) -> None:
    log: list[dict[str, Any]] = [
        event("Seen", "1", 1, email="joe@Staff.example"),
        event("Seen", "2", 2, userId="kim@shop.example"),
        event("Seen", "3", 3, email="ann@shop.example"),
    ]
    with init(tmp_path / "shop", shards=2, threads=1, memory="500MB") as ws:
        ws.adopt_traffic({"emails": ["staff.example"], "staff": ["kim@shop.example"]})
        ws.hashing.keep("email")
        ws.import_file(write(tmp_path / "log.jsonl", log))
        assert ws.search()["total"] == 1
        assert ws.search("ann@shop.example")["total"] == 1
