"""A shop whose people are known: the rules alone find them, and the guards name what was planted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

import periplus
from periplus.people import decisions, guards_listed
from periplus.people.decisions import Decision
from periplus.people.linking import Linking
from periplus.simulate.households import households
from periplus.store import manifest, standing

PEOPLE = 3000
PRECISION, RECALL = 0.995, 0.95


@dataclass(frozen=True)
class Shop:
    """What was planted, the messages by their id, the customer found for each, and what is guarded against."""

    truth: dict[str, Any]
    sent: dict[str, dict[str, Any]]
    customer: dict[str, int]
    guarded: list[dict[str, Any]]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("truth")
    truth = households(folder / "events.jsonl", people=PEOPLE, seed=1)
    sent = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    with periplus.init(folder / "shop", shards=4, threads=2, memory="1GB") as ws:
        before = manifest.read(ws.path)
        card = Decision.parse({"rules": {"external": ["loyalty_number"]}})
        decided = decisions.of(ws.path, before).added(card, who="test", time=0)
        manifest.publish(ws.path, decided.save(ws.path, before))
        ws.import_file(folder / "events.jsonl", source="web")
        snapshot = ws.snapshot()
        rows = standing.narrow(snapshot.manifest, snapshot.files, ("message_id", "customer"))
        found = dict(snapshot.cursor().execute(rows).fetchall())
        listed = guards_listed.listed(snapshot, Linking(decided.force()))
    return Shop(truth, {row["messageId"]: row for row in sent}, found, listed)


def pairs(counts: Mapping[Any, int]) -> int:
    return sum(count * (count - 1) // 2 for count in counts.values())


def scored(person: Mapping[str, int], customer: Mapping[str, int]) -> tuple[float, float]:
    """Precision and recall over pairs of events: of those with one customer, those of one person, and the other way round.

    An event that is nobody's is with no other.
    """
    known = {message: found for message, found in customer.items() if found}
    both = pairs(Counter((found, person[message]) for message, found in known.items()))
    return both / pairs(Counter(known.values())), both / pairs(Counter(person.values()))


def test_the_rules_find_the_people(shop: Shop) -> None:
    person = shop.truth["person"]
    assert shop.customer.keys() == person.keys()
    precision, recall = scored(person, shop.customer)
    print(f"events {len(person):,}: precision {precision:.5f}, recall {recall:.5f}")
    assert precision >= PRECISION
    assert recall >= RECALL


def test_what_was_planted_is_there(shop: Shop) -> None:
    """The shop is as hard as it says: otherwise the figures above would prove little."""
    sent = shop.sent.values()
    family = {number for tablet in shop.truth["shared"] for number in tablet["people"]}
    assert len(family) / PEOPLE >= 0.02
    assert sum(row.get("email") == "orders@callcentre.example" for row in sent) >= 900
    typed = [
        row
        for row in sent
        if row.get("event") == "Order Completed"
        and ".example" in row.get("email", "")
        and "userId" not in row
    ]
    names = {row["traits"]["email"] for row in sent if row["type"] == "identify"}
    assert len(typed) > 1000 < len(names)
    devices: dict[int, set[str]] = {}
    for row in sent:
        if str(row.get("anonymousId")).startswith("d-"):
            devices.setdefault(shop.truth["person"][row["messageId"]], set()).add(row["anonymousId"])
    assert sum(len(known) == 3 for known in devices.values()) / PEOPLE >= 0.28
    trapped = {(trap["kind"], trap["value"]) for trap in shop.truth["traps"]}
    of_traps = {
        shop.truth["person"][row["messageId"]]
        for row in sent
        if {
            ("email", row.get("email")),
            ("phone", row.get("phone")),
            ("device", row.get("anonymousId")),
            ("user", row.get("userId")),
        }
        & trapped
    }
    assert len(of_traps) / PEOPLE >= 0.01


def test_the_guards_name_what_was_planted(shop: Shop) -> None:
    listed = {(row["kind"], row["value"]): row for row in shop.guarded}
    for trap in shop.truth["traps"]:
        row = listed[trap["kind"], trap["value"]]
        assert row["state"] == ("junk" if trap["why"] == "means nobody" else "crowded"), row
    told: dict[str, set[int]] = {}
    for message, row in shop.sent.items():
        if "userId" in row or "email" in row:
            told.setdefault(row.get("anonymousId", ""), set()).add(shop.truth["person"][message])
    tablets = [tablet["device"] for tablet in shop.truth["shared"] if len(told.get(tablet["device"], ())) > 1]
    assert len(tablets) >= 15
    for tablet in tablets:
        assert listed["device", tablet]["state"] == "shared"
    blocked = {key for key, row in listed.items() if row["state"] != "shared"}
    assert blocked == {(trap["kind"], trap["value"]) for trap in shop.truth["traps"]}, "and nothing else"


def test_a_present_makes_nobody_of_two_people_one(shop: Shop) -> None:
    """A recipient named on an order is no identifier of who ordered it, and is nobody's customer."""
    presents = [row for row in shop.sent.values() if row.get("properties", {}).get("gift")]
    assert len(presents) > 100
    wrong = sum(shop.customer[row["messageId"]] == 0 for row in presents)
    assert wrong == 0
