"""Consent: who says no is counted and known again, and stands nowhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import periplus
from periplus.collect.anonymous import stripped
from periplus.collect.consent import Consents
from periplus.collect.identifying import JUNK, hashed, identifiers, normal
from periplus.collect.purposes import PURPOSES, YES, allows, by_purpose, purpose, refuses_sql, stated
from periplus.errors import DocumentError, InputError, StoreError
from periplus.people import identifiers as identity
from periplus.settings import Settings
from periplus.store import consents as stored
from periplus.store.state import State

NO = {"consent": {"analytics": False}}
YES_ = {"consent": {"analytics": True}}
LATE = 10**16


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path, Settings())


def track(**more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "E", **more}


# -- at the door --------------------------------------------------------------------------------


def test_own_consent_then_what_was_said_then_the_source(state: State) -> None:
    door = Consents(state, defaults={"strict": False})
    assert door.decide(track(userId="u"), "web") == "keep"
    assert door.decide(track(userId="u"), "strict") == "withhold"
    assert door.decide(track(userId="u", **YES_), "strict") == "keep"
    assert door.decide(track(userId="u", **NO), "web") == "withhold"
    door.record(track(userId="u", anonymousId="d", **NO), "web", LATE)
    assert door.decide(track(userId="u"), "web") == "withhold"
    assert door.decide(track(anonymousId="d"), "web") == "withhold"
    assert door.decide(track(anonymousId="e"), "web") == "keep"
    assert door.decide(track(userId="u", **YES_), "web") == "keep"
    door.record(track(userId="v", **YES_), "web", LATE)
    assert door.decide(track(userId="v"), "strict") == "keep"


def test_the_newest_word_counts_whatever_the_order_of_arrival(state: State) -> None:
    door = Consents(state)
    said = [("2026-01-03", False), ("2026-01-01", True), ("2026-01-02", True)]
    for day, given_ in said:
        door.record(
            track(userId="u", timestamp=f"{day}T00:00:00Z", consent={"analytics": given_}), "web", LATE
        )
    assert door.decide(track(userId="u"), "web") == "withhold"
    door.record(track(anonymousId="d", timestamp="2026-01-04T00:00:00Z", **YES_), "web", LATE)
    assert door.decide(track(userId="u", anonymousId="d"), "web") == "keep", "newest over the identifiers"
    door.record(track(userId="u", timestamp="2026-01-04T00:00:00Z", **NO), "web", LATE)
    assert door.decide(track(userId="u", anonymousId="d"), "web") == "withhold", "at one instant a no wins"


def test_a_time_in_the_future_is_when_it_was_received(state: State) -> None:
    door = Consents(state)
    door.record(track(userId="u", timestamp="2190-01-01T00:00:00Z", **YES_), "web", 1_000_000)
    door.record(track(userId="u", timestamp="1970-01-01T00:00:02Z", **NO), "web", 3_000_000)
    assert door.decide(track(userId="u"), "web") == "withhold"


def test_what_was_recorded_is_there_after_a_restart_and_for_others(state: State) -> None:
    door, other = Consents(state), Consents(state)
    door.record(track(userId="u", **NO), "web", LATE)
    assert door.save() == 1
    assert door.save() == 0
    assert other.decide(track(userId="u"), "web") == "keep"
    other.refresh()
    assert other.decide(track(userId="u"), "web") == "withhold"
    assert Consents(state).decide(track(userId="u"), "web") == "withhold"
    other.record(track(userId="u", **NO), "app", LATE + 1)
    assert other.save() == 0, "saying the same again is no change"


def test_nothing_waiting_is_lost_where_the_state_cannot_be_written(state: State, monkeypatch) -> None:
    door = Consents(state)
    door.record(track(userId="u", **NO), "web", LATE)

    def fail(*_: object) -> None:
        raise StoreError("no")

    with monkeypatch.context() as broken:
        broken.setattr(stored, "add", fail)
        with pytest.raises(StoreError):
            door.save()
    assert door.save() == 1


def test_a_word_said_again_counts_from_then_on_also_after_a_restart(state: State) -> None:
    door = Consents(state)
    for who, day, given_ in (
        ("u", 1, False),
        ("v", 2, True),
        ("u", 3, False),
        ("v", 3, True),
        ("u", 4, False),
    ):
        said = {"timestamp": f"2026-01-0{day}T00:00:00Z", "consent": {"analytics": given_}}
        door.record(
            track(userId="u" if who == "u" else None, anonymousId="d" if who == "v" else None, **said),
            "web",
            LATE,
        )
        door.save()
    for one in (door, Consents(state)):
        assert one.decide(track(userId="u", anonymousId="d"), "web") == "withhold"
    assert len(stored.history(state, [hashed("user", "u")])) == 1


def test_junk_identifiers_carry_nobodys_refusal(state: State) -> None:
    door = Consents(state)
    door.record(track(userId="guest", anonymousId="00000000-0000-0000-0000-000000000000", **NO), "web", LATE)
    assert door.decide(track(userId="guest"), "web") == "keep"
    assert door.save() == 0


def test_who_refuses_is_not_written_into_the_state(state: State, tmp_path: Path) -> None:
    door = Consents(state)
    door.record(track(userId="needle-user", email="needle@example.org", **NO), "web", LATE)
    door.save()
    state.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"needle" not in raw
    assert hashed("user", "needle-user").encode() in raw


# -- kept without a name ------------------------------------------------------------------------


def test_as_set_the_event_stays_and_nobody_with_it(state: State) -> None:
    door = Consents(state, no_analytics="anonymous")
    assert door.decide(track(userId="u", **NO), "web") == "strip"
    assert door.decide({"type": "identify", "userId": "u", **NO}, "web") == "withhold"
    with pytest.raises(DocumentError):
        periplus.init(Path("/nonexistent"), no_analytics="maybe")


def test_nothing_that_leads_to_a_person_is_left() -> None:
    ids = [f"needle{number}" for number in range(30)]
    fresh = iter(ids)

    def secret() -> str:
        return next(fresh)

    message = {
        "type": "track", "event": "Order Completed", "messageId": "needle-orders/1001", "timestamp": "2026-01-01T00:00:00Z",
        "userId": secret(), "anonymousId": secret(), "previousId": secret(), "groupId": secret(),
        "email": secret(), "phone": secret(), "traits": {"x": secret()}, "unknown": secret(), **NO,
        "context": {
            "ip": secret(), "traits": {"email": secret()}, "userAgent": secret(), "network": {"ip": secret()},
            "device": {"type": "mobile", "id": secret(), "advertisingId": secret(), "token": secret()},
            "page": {"path": "/cart", "url": f"https://shop.example/cart?mail={secret()}#{secret()}", "search": f"?q={secret()}"},
            "consent": {"categoryPreferences": {"Analytics": secret()}}, "clientId": secret(), "groupId": secret(),
        },
        "properties": {
            "order_id": secret(), "transaction_id": secret(), "cartId": secret(), "shipping_address": {"street": secret()},
            "note": f"write to {secret()}@example.org", "products": [{"product_id": "p1", "price": 3, "customer_email": secret()}],
            "total": 30, "category": "shoes", "first_name": secret(), "sessionId": secret(), "reply_to": f"{secret()}@example.org",
        },
    }  # fmt: skip
    kept = stripped(message)
    assert "needle" not in json.dumps(kept)
    assert kept["messageId"] == stripped(message)["messageId"], "it stays the same event when it comes again"
    assert kept["context"] == {
        "device": {"type": "mobile"},
        "page": {"path": "/cart", "url": "https://shop.example/cart", "search": ""},
        "anonymous": True,
    }
    assert kept["properties"] == {
        "products": [{"product_id": "p1", "price": 3}],
        "total": 30,
        "category": "shoes",
    }
    assert stated(kept) == {}, "nobody said it: the event stays where it is imported again"
    assert list(identifiers(kept)) == []


# -- purposes -----------------------------------------------------------------------------------


def test_names_of_other_tools_are_purposes_of_ours() -> None:
    assert purpose("Advertising") == "marketing.ads"
    assert purpose("C0002") == "analytics"
    assert purpose("functionality_storage") == "personalisation"
    assert purpose("C0001") is None
    assert by_purpose({"Analytics": True, "performance": "denied", "Newsletter": "yes", "x": ""}) == {
        "analytics": False,
        "marketing.email": True,
    }
    assert stated({"context": {"consent": {"analytics": "no"}}}) == {"analytics": False}
    for name in PURPOSES:
        assert purpose(name) == name


def test_the_narrower_word_counts_before_the_wider() -> None:
    said = {"marketing": False, "marketing.email": True}
    assert allows(said, "marketing.email") is True
    assert allows(said, "marketing.sms") is False
    assert allows(said, "analytics") is None


names = st.sampled_from(
    ["analytics", "Analytics", "statistics", "C0002", "marketing", "ad_storage", "necessary", "other"]
)
words = (
    st.none()
    | st.booleans()
    | st.sampled_from(
        [0, 1, 1.0, 0.5, 7, "", " ", "no", "NO", "granted", " Yes ", "hm", [], {}, {"a": 1}, *YES]
    )
)


@settings(max_examples=120, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.dictionaries(names, words, max_size=4).filter(
        lambda said: not {"analytics", "Analytics"} <= said.keys()
    )
)
def test_imports_read_a_refusal_as_the_door_does(said) -> None:
    text = json.dumps(said)
    (found,) = duckdb.execute(f"SELECT {refuses_sql('c')} FROM (SELECT ? AS c)", [text]).fetchone()
    assert found is (by_purpose(said).get("analytics") is False)


@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.sampled_from(["user", "email", "phone"]),
    st.text("aA@ 0+-.x\t", max_size=8)
    | st.sampled_from(
        [
            *JUNK,
            "GUEST ",
            "0-0",
            "00301234567",
            "+30 (1) 23456",
            "0012345678",
            "555-5555",
            "+30 0000000",
            "Test@x",
            "a@A.com ",
        ]
    ),
)
def test_an_identifier_is_normalised_as_identity_does_it(kind, text) -> None:
    sql = {"user": identity.usable, "email": identity.email, "phone": identity.phone}[kind]("v")
    (found,) = duckdb.execute(f"SELECT {sql} FROM (SELECT ?::VARCHAR AS v)", [text]).fetchone()
    assert normal(kind, text) == found


# -- imports, and the customer ------------------------------------------------------------------


def everything(folder: Path) -> str:
    """All that a workspace holds, decoded."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if path.suffix == ".parquet":
            rows = duckdb.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
            found.append(repr(rows))
        found.append(path.read_bytes().decode("latin-1"))
    return "\n".join(found)


def test_a_withheld_row_is_counted_and_its_identifiers_stand_nowhere(tmp_path: Path) -> None:
    rows = [
        track(userId="kept", messageId="1", timestamp="2026-01-01T00:00:00Z", **YES_),
        track(userId="needle1", messageId="needle2", timestamp="2026-01-01T00:00:00Z", **NO),
        track(anonymousId="needle3", email="needle4@x.org", timestamp="2026-01-01T00:00:00Z",
              context={"consent": {"categoryPreferences": {"statistics": "denied"}}}, properties={"order_id": "needle5"}),
        track(userId="needle6", timestamp="2026-01-01T00:00:00Z", context={"consent": {"performance": "no", "x'y": True}}),
        track(userId="needle7", timestamp="2026-01-01T00:00:00Z", context={"consent": {"analytics": 0}}),
        track(userId="kept", messageId="2", timestamp="2026-01-01T00:00:00Z", consent={"marketing": False}),
    ]  # fmt: skip
    path = tmp_path / "e.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with periplus.init(tmp_path / "shop", shards=2) as ws:
        done = ws.import_file(path)
        assert (done.rows, done.accepted, done.withheld, done.rejected) == (6, 2, 4, 0)
        ws.state.names("map")
    found = everything(tmp_path / "shop")
    assert "kept" in found
    assert "needle" not in found


def test_a_customers_consent_over_all_identifiers_with_its_history(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    rows = [
        track(userId="u", anonymousId="d", messageId="1", timestamp="2026-01-01T00:00:00Z", consent={"Analytics": True, "Advertising": True}),
        track(userId="u", messageId="2", timestamp="2026-01-02T00:00:00Z", consent={"Analytics": True}),
        track(userId="other", messageId="3", timestamp="2026-01-02T00:00:00Z", consent={"Analytics": True}),
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with periplus.init(tmp_path / "shop", shards=2) as ws:
        ws.import_file(path, source="file")
        door = Consents(ws.state)
        door.record(track(anonymousId="d", timestamp="2026-01-03T00:00:00Z", **NO), "web", LATE)
        door.save()
        assert ws.set_consent("u", {"marketing.email": True}, source="phone call", time="2026-01-04") == 2
        found = ws.consent("u")
        assert {
            name: (row["given"], row["time"][:10], row["source"], row["kind"])
            for name, row in found["purposes"].items()
        } == {
            "analytics": (False, "2026-01-03", "web", "device"),
            "marketing.ads": (True, "2026-01-01", "file", "event"),
            "marketing.email": (
                True,
                "2026-01-04",
                "phone call",
                found["purposes"]["marketing.email"]["kind"],
            ),
        }
        assert [(row["purpose"], row["given"]) for row in found["history"]] == [
            ("marketing.email", True), ("analytics", False), ("marketing.ads", True), ("analytics", True),
        ]  # fmt: skip
        assert ws.consent("other")["purposes"]["analytics"]["given"] is True
        door.refresh()
        with pytest.raises(InputError, match="analytics"):
            ws.set_consent("u", {"analitics": True})
        assert ws.set_consent("u", {"analytics": True}) == 2
        door.refresh()
        assert door.decide(track(anonymousId="d"), "web") == "keep"
