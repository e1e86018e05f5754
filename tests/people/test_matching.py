"""Records that no identifier ties: likely pairs are found, proposed, and joined or declined by people only."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

import periplus
from periplus.errors import InputError
from periplus.people import matching
from periplus.people.matching import matched
from tests.terminal import run

FIRST = (
    "maria",
    "eleni",
    "nikos",
    "giorgos",
    "anna",
    "katerina",
    "dimitris",
    "sofia",
    "ion",
    "elena",
    "lukas",
    "petra",
)
LAST = (
    "papadopoulos",
    "ionescu",
    "nikolaou",
    "weber",
    "pappas",
    "popa",
    "kosta",
    "marin",
    "vlachou",
    "georgiou",
    "radu",
)
PEOPLE = 150


def people(seed: int = 3) -> list[dict[str, str]]:
    chance = random.Random(seed)
    return [
        {
            "first_name": chance.choice(FIRST),
            "last_name": chance.choice(LAST),
            "postcode": str(chance.randrange(54000, 54400)),
            "birth_date": f"{chance.randrange(1950, 2005)}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
        }
        for _ in range(PEOPLE)
    ]


def twice(seed: int = 3) -> list[dict[str, str]]:
    """Everybody on the web, and two in three at the till, some of those with a letter wrong."""
    records = []
    for number, person in enumerate(people(seed)):
        records.append({"id": f"web-{number}", **person})
        if number % 3:
            name = person["last_name"]
            records.append(
                {"id": f"till-{number}", **person, "last_name": name[:-1] if number % 4 == 0 else name}
            )
    return records


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("splink")
    return matched(twice(), threshold=0.9, memory="500MB")


def test_pairs_of_one_person_are_found_and_no_others(found) -> None:
    pairs = {(match.one, match.other) for match in found}
    right = {(f"till-{number}", f"web-{number}") for number in range(PEOPLE) if number % 3}
    assert len(pairs & right) / len(right) >= 0.9
    assert len(pairs & right) / len(pairs) >= 0.98
    assert [match.probability for match in found] == sorted(
        (match.probability for match in found), reverse=True
    )
    assert all(match.evidence["birth_date"] > 0 for match in found[:20])


def test_few_records_are_nothing_to_estimate_from() -> None:
    pytest.importorskip("splink")
    assert matched(twice()[: matching.FEWEST - 1]) == []
    assert matched([{"id": str(number)} for number in range(100)]) == []


def test_without_splink_it_says_how_to_install_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    assert not matching.installed()
    with pytest.raises(InputError, match="not installed") as problem:
        matched(twice())
    assert "periplus[matching]" in str(problem.value.hint)
    with periplus.init(tmp_path / "shop"):
        said = run("identity", "match", "-w", tmp_path / "shop")
    assert said.code == 1
    assert 'pip install "periplus[matching]"' in said.err
    assert len(said.err.splitlines()) <= 2


def till() -> list[dict[str, object]]:
    """The same people as events: what each record states, and something it did."""
    rows: list[dict[str, object]] = []
    for record in twice():
        traits = {
            "firstName": record["first_name"].title(),
            "lastName": record["last_name"].upper(),
            "address": {"postalCode": record["postcode"]},
            "birthday": record["birth_date"],
        }
        who = {
            "type": "identify",
            "userId": record["id"],
            "traits": traits,
            "timestamp": "2026-01-01T00:00:00Z",
        }
        seen = {"type": "track", "event": "Seen", "userId": record["id"], "timestamp": "2026-01-02T00:00:00Z"}
        rows += [who | {"messageId": f"i-{record['id']}"}, seen | {"messageId": f"s-{record['id']}"}]
    return rows


def test_what_is_likely_is_proposed_and_counts_only_once_somebody_joined_it(tmp_path: Path) -> None:
    pytest.importorskip("splink")
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in till()))
    with periplus.init(tmp_path / "shop", shards=2, threads=1, memory="500MB") as ws:
        ws.import_file(path, source="all")
        assert ws.identity.proposals()["total"] == 0
        told: list[tuple[int, int, str]] = []

        def stop_before_pairs(done: int, total: int, what: str) -> None:
            told.append((done, total, what))
            if what == "comparing pairs":
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ws.identity.match(progress=stop_before_pairs)
        assert [done for done, _, _ in told] == [0, 1, 2, 3, 4]
        assert ws.identity.proposals()["total"] == 0
        for wrong in (0.1, 1.5, float("nan")):
            with pytest.raises(InputError, match="no threshold"):
                ws.identity.match(wrong)
        said = run("identity", "match", "--threshold", "0.9", "-w", ws.path, "--json")
        counts = json.loads(said.out)
        assert counts["records"] == len(twice())
        proposed = ws.identity.proposals()
        assert proposed["total"] == counts["kept"] >= 80
        assert "likely" in run("identity", "proposals", "-w", ws.path).out
        first, second = proposed["rows"][:2]
        assert {each["value"].split("-")[1] for each in first["accounts"]} == {
            first["accounts"][0]["value"].split("-")[1]
        }
        assert first["probability"] >= 0.9
        assert "birth_date" in first["agrees"]
        kept = (ws.path / "matches.json").read_text()
        assert not any(name in kept.lower() for name in (*FIRST, *LAST))
        one, other = (f"user:{each['value']}" for each in first["accounts"])
        assert ws.search(one[5:])["rows"][0]["customer"] != ws.search(other[5:])["rows"][0]["customer"]
        ws.identity.join(one, other, why="the till's clerk knows them")
        ws.identity.dismiss(*(f"user:{each['value']}" for each in second["accounts"]))
        assert ws.search(one[5:])["rows"][0]["customer"] == ws.search(other[5:])["rows"][0]["customer"]
        left = ws.identity.proposals()
        assert left["total"] == proposed["total"] - 2
        assert first["accounts"] not in [row["accounts"] for row in left["rows"]]
