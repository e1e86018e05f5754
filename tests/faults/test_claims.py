"""Events that several batches bring, each at a place of its own: the least counts, for order and for owners alike."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.people.admission import admit, undo
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import owners
from tests.people.test_admission import logs

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "8"))
DAY = 86_400_000_000


def left_over(batches: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What stands after these batches: each event once, at its least sequence."""
    found: dict[int, dict[str, Any]] = {}
    for event in (event for batch in batches for event in batch):
        known = found.setdefault(event["id"], dict(event))
        known["sequence"] = min(known["sequence"], event["sequence"])
    return list(found.values())


def check(home: Any, batches: list[list[dict[str, Any]]]) -> None:
    stands, expected = standing_events(home), left_over(batches)
    assert {key: row["sequence"] for key, row in stands.items()} == {e["id"]: e["sequence"] for e in expected}
    assert {key: row["customer"] for key, row in stands.items()} == owners(expected)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(logs(), st.data())
def test_claims_of_other_places_come_and_go(log: list[dict[str, Any]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop")
        batches: list[list[dict[str, Any]]] = []
        for _ in range(data.draw(st.integers(2, 3))):
            some = data.draw(st.lists(st.sampled_from(log), min_size=1, unique_by=lambda event: event["id"]))
            batches.append([{**event, "sequence": data.draw(st.integers(0, 2))} for event in some])
        numbers = [admit(home, staged(home, batch), now=0).batch for batch in batches]
        check(home, batches)
        for gone in data.draw(st.lists(st.integers(0, len(batches) - 1), max_size=2, unique=True)):
            number = numbers[gone]
            assert number is not None
            undo(home, number, now=1)
            batches[gone] = []
            check(home, batches)


def _event(id: int, day: int, sequence: int, **more: Any) -> dict[str, Any]:
    return {"id": id, "time": day * DAY, "sequence": sequence, "type": "track", **more}


def test_a_sighting_that_moves_takes_those_after_it_along(tmp_path: Path) -> None:
    """Bob's sighting of the tablet comes after Ann's until another file has him first; the next event is hers then."""
    home = fresh(tmp_path / "shop")
    ann = _event(2, 1, 1, user_id="ann", anonymous_id="tablet")
    bob = _event(1, 1, 2, user_id="bob", anonymous_id="tablet")
    later = _event(3, 2, 0, anonymous_id="tablet")
    admit(home, staged(home, [ann, bob, later]), now=0)
    assert standing_events(home)[3]["customer"] == standing_events(home)[1]["customer"]
    again = admit(home, staged(home, [{**bob, "sequence": 0}]), now=0)
    assert again.events == 0
    check(home, [[ann, {**bob, "sequence": 0}, later]])
    assert standing_events(home)[3]["customer"] == standing_events(home)[2]["customer"]
    assert again.batch is not None
    undo(home, again.batch, now=1)
    check(home, [[ann, bob, later]])


def test_a_user_whose_other_batch_is_undone_stays_who_he_is(tmp_path: Path) -> None:
    """His history is written anew, over events of which only some are looked at: they must not decide on his."""
    home = fresh(tmp_path / "shop")
    first = [
        _event(1, 1, 0, user_id="ann", anonymous_id="tablet"),
        _event(2, 2, 0, type="alias", user_id="ann", previous_id="old"),
        _event(3, 1, 1, user_id="bob", anonymous_id="tablet"),
    ]
    second = [_event(4, 0, 0, user_id="bob", order_id="o1")]
    admit(home, staged(home, first), now=0)
    number = admit(home, staged(home, second), now=0).batch
    assert number is not None
    undo(home, number, now=1)
    check(home, [first])
