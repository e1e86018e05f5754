"""Guards: what too many use links nothing, whatever comes first, and comes back when it is few again; all are listed."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.people import guards_listed
from periplus.people.admission import admit, undo
from periplus.people.decisions import Decision
from periplus.people.decisions import of as decisions_of
from periplus.people.guards import Limits
from periplus.people.linking import Linking
from periplus.settings import Settings
from periplus.store import compact, manifest
from periplus.store.snapshot import Snapshot
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import owners
from tests.people.spelled import LIMITS, understood

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "12"))
USERS = ["u1", "u2", "u3", "u4", " u1", "guest"]
DEVICES = ["d1", "d2", " d1 ", "null"]
MAILS = ["a@x.org", "A@X.org ", "b@x.org", "c@x.org", "test@test.com"]
PHONES = ["+302345671", "00302345671", "+30 765 4321", "+306900001", "123456"]
ORDERS = ["o1", "o2", "undefined"]


def maybe(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, object]]:
    log: list[dict[str, object]] = []
    for number in range(draw(st.integers(1, 14))):
        event: dict[str, object] = {
            "id": number + 1,
            "time": draw(st.integers(1, 6)) * 1_000_000,
            "sequence": draw(st.integers(0, 2)),
            "type": draw(st.sampled_from(["track", "track", "track", "identify", "alias"])),
            "user_id": draw(maybe(USERS)),
            "anonymous_id": draw(maybe(DEVICES)),
            "email": draw(maybe(MAILS)),
            "phone": draw(maybe(PHONES)),
            "order_id": draw(maybe(ORDERS)),
            "marked": draw(st.integers(0, 5)) == 0,
        }
        if event["type"] == "alias":
            event["previous_id"] = draw(st.sampled_from(["u1", "u2", "u3", "d1", "u9", "null"]))
        log.append(event)
    return log


def ruled(home, limits: dict[str, int]) -> None:
    """Put limits in force in a workspace that has no events yet."""
    before = manifest.read(home.root)
    rules = Decision.parse({"rules": {"limits": limits}})
    after = decisions_of(home.root, before).added(rules, who="test", time=0)
    manifest.publish(home.root, after.save(home.root, before))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(logs(), st.data())
def test_who_is_guarded_against_does_not_hang_on_what_came_first(log, data) -> None:
    """Two batches in any order, one perhaps undone, limits of one to three: as the rules have it for the events that stand."""
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop", shards=2)
        limits = {kind: data.draw(st.integers(1, 3)) for kind in LIMITS}
        ruled(home, limits)
        order = data.draw(st.permutations(log))
        cut = data.draw(st.integers(0, len(order)))
        batches = [order[:cut], order[cut:]]
        ids = [admit(home, staged(home, batch), now=0).batch for batch in batches]
        if data.draw(st.booleans()):
            while compact.tidy_one(home):
                pass
        expected = owners(understood(log, limits))
        assert {key: row["customer"] for key, row in standing_events(home).items()} == expected
        gone = data.draw(st.sampled_from([None, 0, 1]))
        if gone is not None:
            undo(home, ids[gone], now=1)
            left = [event for number, batch in enumerate(batches) if number != gone for event in batch]
            expected = owners(understood(left, limits))
            assert {key: row["customer"] for key, row in standing_events(home).items()} == expected


def orders(count: int, **said: str) -> list[dict[str, object]]:
    return [
        {
            "id": n,
            "time": n * 1_000_000,
            "email": "desk@x.org",
            "phone": f"+30690000{n:04d}",
            "order_id": f"o{n}",
        }
        | said
        for n in range(1, count + 1)
    ]


def opened(home) -> Snapshot:
    return Snapshot(home.root, manifest.read(home.root), Settings(threads=1, memory="500MB"))


def test_an_address_that_crosses_its_limit_lets_everybody_go_and_takes_them_back(tmp_path) -> None:
    """Five phones are a family; the sixth makes the address a desk. Without its batch it is a family again."""
    home = fresh(tmp_path / "shop")
    admit(home, staged(home, orders(5)), now=0)
    alone = {"id": 100, "time": 9, "email": "desk@x.org"}
    admit(home, staged(home, [alone]), now=0)
    assert len({row["customer"] for row in standing_events(home).values()}) == 1
    sixth = admit(home, staged(home, orders(6)[5:]), now=0).batch
    apart = {key: row["customer"] for key, row in standing_events(home).items()}
    assert apart.pop(100) == 0, "nobody is behind an address of everybody"
    assert len(set(apart.values())) == 6
    (row,) = guards_listed.listed(opened(home), Linking())
    assert (row["kind"], row["value"], row["state"], row["phones"], row["events"]) == (
        "email",
        "desk@x.org",
        "crowded",
        6,
        7,
    )
    assert row["since"] == "1970-01-01T00:00:06Z", "the order with the sixth phone"
    assert row["why"] == "seen with 6 phone numbers; more than 5 link nothing"
    undo(home, sixth, now=1)
    assert len({row["customer"] for row in standing_events(home).values()}) == 1
    assert guards_listed.listed(opened(home), Linking()) == []


def test_an_order_of_a_desk_does_not_pull_all_others(tmp_path, monkeypatch) -> None:
    """What was over its limit stays so with more events: the orders that are there are not even read."""
    from periplus.people import closure

    home = fresh(tmp_path / "shop")
    admit(home, staged(home, orders(40)), now=0)
    counted: list[int] = []
    find = closure.find_moving

    def counting(connection, *arguments, **named) -> None:
        counted.append(connection.execute("SELECT count(*) FROM pulled").fetchall()[0][0])
        find(connection, *arguments, **named)

    monkeypatch.setattr(closure, "find_moving", counting)
    admit(home, staged(home, orders(41)[40:]), now=0)
    assert counted == [0]
    assert len({row["customer"] for row in standing_events(home).values()}) == 41


@pytest.mark.parametrize(
    ("said", "kind", "value"),
    [
        ({"email": "NoReply@shop.example"}, "email", "NoReply@shop.example"),
        ({"phone": "123 456"}, "phone", "123 456"),
        ({"order_id": "null"}, "order", "null"),
        ({"anonymous_id": "00000000-0000"}, "device", "00000000-0000"),
        ({"user_id": "guest"}, "user", "guest"),
    ],
)
def test_junk_links_nothing_and_is_listed(tmp_path, said, kind, value) -> None:
    home = fresh(tmp_path / "shop")
    log = [
        {"id": 1, "time": 1, "anonymous_id": "d1"} | said,
        {"id": 2, "time": 2, "anonymous_id": "d2"} | said,
        {"id": 3, "time": 3} | said,
    ]
    admit(home, staged(home, log), now=0)
    who = {key: row["customer"] for key, row in standing_events(home).items()}
    assert who[3] == 0
    if kind != "device":
        assert who[1] != who[2]
    (row,) = [row for row in guards_listed.listed(opened(home), Linking()) if row["kind"] == kind]
    assert (row["value"], row["state"], row["events"]) == (value, "junk", 3)


def test_a_device_of_two_is_listed_as_shared_and_split_by_time(tmp_path) -> None:
    home = fresh(tmp_path / "shop")
    log = [
        {"id": n, "time": n, "anonymous_id": "tablet", "user_id": user}
        for n, user in enumerate(["ann", None, "bob", None], 1)
    ]
    admit(home, staged(home, log), now=0)
    who = {key: row["customer"] for key, row in standing_events(home).items()}
    assert who[1] == who[2] != who[3] == who[4]
    (row,) = guards_listed.listed(opened(home), Linking())
    assert (row["kind"], row["state"], row["customers"], row["accounts"]) == ("device", "shared", 2, 2)


def test_limits_are_at_least_one() -> None:
    from periplus.errors import DocumentError
    from periplus.people.identity_rules import IdentityRules

    assert IdentityRules.parse({"limits": {"device": 3}}).limits == Limits(device=3)
    for wrong in ({"device": 0}, {"tablet": 3}, {"email": "many"}):
        with pytest.raises(DocumentError):
            IdentityRules.parse({"limits": wrong})
