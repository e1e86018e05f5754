"""Segments in a workspace: kept, counted, used; and conditions on customers over real files, after merges."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import periplus
from periplus import clock
from periplus.condition import Condition, Life
from periplus.errors import PeriplusError
from periplus.journeys import customer_condition
from periplus.journeys.customer_condition import When
from periplus.people import history, segments
from periplus.people.segments import SegmentDocument
from periplus.question import kinds
from tests.terminal import run

DAY = 86_400_000_000
BEGIN = clock.instant("2026-03-01", clock.zone("UTC"))
NOW = "2026-03-20"


def log(seed: int) -> list[dict[str, Any]]:
    """Segment-spec messages: devices that become users, statements with traits, some of them marked."""
    dice = random.Random(seed)
    found = []
    for number in range(260):
        who = dice.randrange(12)
        time = BEGIN + dice.randrange(15) * DAY + dice.randrange(4) * 1_000_000
        message: dict[str, Any] = {
            "messageId": f"{seed}-{number}",
            "timestamp": clock.iso(time),
            "anonymousId": f"device {who}",
        }
        if dice.random() < 0.4:
            message["userId"] = f"user {who // 2}"
        if dice.random() < 0.2:
            traits = {"country": dice.choice(["GR", "DE"]), "age": dice.choice([20, 30])}
            message |= {"type": "identify", "traits": traits}
        else:
            properties = {"total": dice.choice([5, 19.99, "7", None]), "v": dice.choice(["1", "2"])}
            message |= {
                "type": "track",
                "event": dice.choice(
                    ["Viewed", "Viewed", "Added", "Order Completed" if who > 3 else "Viewed"]
                ),
                "properties": {key: each for key, each in properties.items() if each is not None},
            }
            if dice.random() < 0.1:
                message["context"] = {"bot": True}
        found.append(message)
    return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three imports, of which one is taken back."""
    folder = tmp_path_factory.mktemp("segments")
    with periplus.init(folder / "shop", shards=4) as ws:
        batches = []
        for seed in (1, 2, 3):
            path = folder / f"{seed}.jsonl"
            path.write_text("".join(json.dumps(line) + "\n" for line in log(seed)))
            batches.append(ws.import_file(path).batch)
        ws.undo(batches[1])
        ws.segments.add("{name: buyer, condition: {did: {event: Order Completed}}}")
        ws.segments.add(
            {"name": "greek buyer", "condition": {"segment": "buyer", "trait": {"country": "GR"}}}
        )
        yield ws


TREES: list[dict[str, Any]] = [
    {"did": {"event": "Order Completed", "count": {"gte": 2}, "within": "5d"}},
    {"did": {"event": "Order Completed", "sum": {"total": {"gte": 45.0}}, "min": {"total": {"lt": 7}}}},
    {"did": {"event": "Order Completed", "mean": {"total": {"gt": 10}}, "last": {"v": "1"}}},
    {"did": {"event": "Viewed", "before": {"event": "Added", "within": "1d"}}},
    {"did": {"event": "Added", "after": {"event": "Order Completed"}, "first": {"v": {"in": ["1"]}}}},
    {"did_not": {"between": {"from": "2026-03-03", "to": "2026-03-06"}}},
    {"trait": {"country": "GR"}},
    {"trait": {"age": {"gte": 25}, "country": {"ne": "GR"}}},
    {"any": [{"trait": {"age": {"exists": False}}}, {"event": "Viewed", "did": {"count": {"lt": 3}}}]},
    {"segment": "greek buyer"},
    {"not": {"segment": "greek buyer"}, "as_of": "now"},
]


@pytest.mark.parametrize("traffic", ["customers", "all"])
def test_files_and_histories_say_the_same(shop: Any, traffic: str) -> None:
    """Every event of everybody, over base and runs, with customers that have moved."""
    snapshot = shop.snapshot() if traffic == "customers" else shop.snapshot().everything
    now = clock.instant(NOW, clock.zone("UTC"))
    when = When(now, clock.zone("UTC"), shop.document, shop.names)
    conditions = [Condition.parse(tree) for tree in TREES]
    rows = [customer_condition.by_row(snapshot, condition, when) for condition in conditions]
    plain = [customer_condition.segments.resolved(each, shop.document, shop.names) for each in conditions]
    met = np.zeros(len(TREES), np.int64)
    checked = 0
    for index in range(snapshot.shard_count):
        shard = snapshot.shard(index)
        got = [each(shard) for each in rows]
        for owner, customer in enumerate(shard.customers.tolist()):
            mine = history.of(snapshot, customer)
            facts = [each | {"time": each["micros"]} for each in mine.events()]
            places = mine.happened.tolist()
            begin = int(shard.offsets[owner])
            assert int(shard.offsets[owner + 1]) - begin == len(places)
            for offset, place in enumerate(places):
                life = Life(facts, now, event=place, start=place, default="event")
                for number, condition in enumerate(plain):
                    wanted = condition.holds(life)
                    assert bool(got[number][begin + offset]) is wanted, (TREES[number], facts[place])
                    met[number] += wanted
                checked += 1
    assert checked > 250
    assert (met > 0).all(), met
    assert (met < checked).all(), met


def test_segments_are_counted_and_listed(shop: Any) -> None:
    found = shop.segments.count("buyer", NOW)
    assert 0 < found["customers"] < found["of"] == shop.search()["total"]
    assert found["now"] == "2026-03-20T00:00:00Z"
    members = shop.segments.members("buyer", NOW)
    assert len(members) == found["customers"]
    for each in members:
        bought = [event for event in shop.timeline(each["customer"]) if event["event"] == "Order Completed"]
        assert bought
    assert shop.segments.count("buyer", "2026-03-01")["customers"] == 0
    assert shop.segments.count("greek buyer", NOW)["customers"] < found["customers"]
    (buyer, greek) = shop.segments.listed()
    assert (buyer["name"], buyer["version"], greek["of"]) == ("buyer", 1, ["buyer"])
    assert greek["says"] == "the customer’s country is “GR” and the customer is in the segment buyer"


def test_a_question_takes_a_segment_as_of_the_start(shop: Any) -> None:
    funnel = {"kind": "funnel", "steps": [{"event": "Viewed"}, {"event": "Order Completed"}], "now": NOW}
    whole, buyers = shop.ask(funnel), shop.ask({**funnel, "customers": {"segment": "buyer"}})
    assert 0 < buyers.rows[0]["reached"] < whole.rows[0]["reached"]
    assert buyers.question["customers"] == {"segment": "buyer"}
    assert len(buyers.people({"step": 1}, "reached")) == buyers.rows[1]["reached"]


def test_a_step_of_a_map_may_speak_of_the_customer(shop: Any) -> None:
    steps = [
        {"id": "again", "name": "Again", "rule": {"event": "Viewed", "segment": "buyer"}},
        {"id": "order", "name": "Order", "rule": {"event": "Order Completed"}},
    ]
    document = {"name": "Again", "goal": ["order"], "stages": [{"name": "All", "steps": steps}]}
    shop.add_map(document)
    found = shop.ask({"kind": "map", "map": "again", "now": NOW})
    (row,) = (row for row in found.rows if row["step"] == "again")
    assert row["visits"] > 0
    (someone, *_) = found.people({"step": "again"}, "visits")
    told = shop.timeline(someone["customer"], "again", now=NOW)
    places = [event["step"] for event in told]
    first = [event["event"] for event in told].index("Order Completed")
    assert "again" in places[first:]
    assert "again" not in places[: first + 1]


def test_a_funnel_by_segment_adds_up(shop: Any) -> None:
    funnel = {"kind": "funnel", "steps": [{"event": "Viewed"}, {"event": "Order Completed"}], "now": NOW}
    funnel |= {
        "attempts": "every",
        "within": "2d",
    }  # the best attempt of a customer starts before they bought
    whole = shop.ask(funnel)
    split = shop.ask({**funnel, "breakdown": "segment.buyer"})
    assert {row["breakdown"] for row in split.rows} == {True, False}
    assert not split.warnings
    for step, row in enumerate(whole.rows):
        mine = [each for each in split.rows if each["step"] == step]
        assert sum(each["reached"] for each in mine) == row["reached"]
        for each in mine:
            assert (
                len(split.people({"step": step, "breakdown": each["breakdown"]}, "reached"))
                == each["reached"]
            )


def test_answers_are_events_of_the_survey(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = {
        "voice": lambda name, documents: Condition.parse({"event": "Answered"}) if name == "nps" else None
    }
    monkeypatch.setattr(segments.surveys, "_entries", reader)

    def meant(said: dict[str, Any]) -> dict[str, Any]:
        condition = Condition.parse({"answered": said, "as_of": "start"})
        return segments.resolved(condition, lambda kind, name: None, lambda kind: ["nps", "csat"]).document()

    assert meant({"survey": "nps"}) == {"did": {"event": "Answered"}, "as_of": "start"}
    last = {"event": "Answered", "last": {"score": {"lte": 6}}}
    assert meant({"survey": "nps", "score": {"lte": 6}}) == {"did": last, "as_of": "start"}
    with pytest.raises(PeriplusError, match="Did you mean 'nps'"):
        meant({"survey": "npss"})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"name": "a", "condition": {"segment": "a"}}, "made of itself: a → a"),
        ({"name": "buyer", "condition": {"segment": "greek buyer"}}, "buyer → greek buyer → buyer"),
        ({"name": "a", "condition": {"segment": "byer"}}, "Did you mean 'buyer'"),
        ({"name": "a", "condition": {"event": "Viewed"}}, "speaks of an event, and a customer is meant"),
        ({"name": "a", "condition": {"did": {}, "as_of": "start"}}, "no moment of its own"),
        ({"name": "a", "condition": {"did": {"touchpoint": "cart"}}}, "of a map"),
        ({"name": "a", "condition": {"answered": {"survey": "nps"}}}, "no survey 'nps'"),
        ({"name": "a/b", "condition": {"did": {}}}, "not of the form"),
        ({"name": "a", "conditions": {}}, "Did you mean 'condition'"),
        ({"name": "a"}, "has no `condition`"),
        ("[]", "YAML document with keys"),
    ],
)
def test_a_segment_that_makes_no_sense_is_refused(shop: Any, document: Any, said: str) -> None:
    with pytest.raises(PeriplusError) as caught:
        shop.segments.add(document)
    assert said in str(caught.value)
    assert [each["name"] for each in shop.segments.listed()] == ["buyer", "greek buyer"]


def test_unknown_words_are_said(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PeriplusError, match="Did you mean 'buyer'"):
        shop.ask({"kind": "funnel", "steps": [{"event": "Viewed"}], "customers": {"segment": "buyr"}})
    with pytest.raises(PeriplusError, match="Did you mean 'buyer'"):
        shop.segments.count("buyr")
    with pytest.raises(PeriplusError, match="Did you mean 'buyer'"):
        shop.ask({"kind": "lifecycle", "customers": {"segment": "buyr"}})
    monkeypatch.setitem(kinds._entries, "lifecycle", replace(kinds["lifecycle"], customers=False))
    with pytest.raises(PeriplusError, match="some customers only"):
        shop.ask({"kind": "lifecycle", "customers": {"segment": "buyer"}})


def test_suggestions_are_counted_and_bounded(shop: Any) -> None:
    names = shop.suggest("event", "vie")
    assert [each["name"] for each in names] == ["Viewed"]
    trend = shop.ask({"kind": "trend", "series": [{"of": {"event": "Viewed"}}], "bucket": "year", "now": NOW})
    assert names[0]["events"] >= trend.rows[0]["value"]  # what was undone is among them until it is compacted
    assert {"name": "v", "kind": "text"}.items() <= shop.suggest("where", "v")[0].items()
    assert {(each["name"], each["kind"]) for each in shop.suggest("trait")} == {
        ("country", "text"),
        ("age", "number"),
    }
    assert {each["name"] for each in shop.suggest("value", path="traits.country")} == {"GR", "DE"}
    assert {each["name"] for each in shop.suggest("value", "1", "v")} == {"1"}
    assert "buyer" in [each["name"] for each in shop.suggest("segment", "buy")]
    assert len(shop.suggest("where", limit=1)) == 1
    for wrong, said in (
        ({"what": "wher"}, "where"),
        ({"what": "value"}, "property"),
        ({"what": "event", "limit": 0}, "1 to"),
    ):
        with pytest.raises(PeriplusError, match=said):
            shop.suggest(**wrong)


def test_words_of_another_kind_are_warned_of(shop: Any) -> None:
    def warned(where: Any) -> str:
        question = {
            "kind": "funnel",
            "steps": [{"event": "Viewed"}],
            "customers": {"did": {"where": where}},
            "now": NOW,
        }
        asked = shop.ask({**question, "steps": [{"event": "Viewed", "all": [question["customers"]]}]})
        return " ".join(asked.warnings)

    assert "country is a text, such as" in warned({"traits.country": {"gt": 5}})
    assert "is a number, and '20' a text" in warned({"traits.age": {"gte": "20"}})
    assert warned({"traits.age": {"gte": 20}}) == ""
    assert "Did you mean 'v'" in warned({"vv": 1}) or "No event has the property 'vv'" in warned({"vv": 1})


def test_the_commands(shop: Any, tmp_path: Path) -> None:
    file = tmp_path / "segment.yaml"
    file.write_text("name: many\ncondition: {did: {event: Viewd, count: {gte: 3}}}\n")
    folder = str(shop.path)
    said = run("segment", "add", str(file), "--workspace", folder)
    assert said.code == 0
    assert "Did you mean 'Viewed'?" in said.err
    assert "version 1" in said.out
    assert json.loads(run("segment", "count", "many", "--workspace", folder, "--json").out)["customers"] == 0
    shown = run("segment", "show", "many", "--workspace", folder).out
    assert SegmentDocument.parse(shown) == SegmentDocument.parse(file)
    assert "at least 3 times" in run("segment", "list", "--workspace", folder).out
    wrong = run("segment", "count", "mny", "--workspace", folder)
    assert wrong.code == 1
    assert "many" in wrong.err
