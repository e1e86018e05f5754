"""Erasing over random messages, tombstones and logs: both readings judge alike, and the others stay who they are."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.clock import instant, iso, zone
from periplus.collect.keys import of_message
from periplus.people import directory, erasure
from periplus.people.admission import admit
from periplus.people.erased import READ, Erased, refused
from periplus.people.identity_rules import IdentityRules
from periplus.store import door, tombstones
from periplus.store.state import State
from periplus.store.tombstones import EVENT, FOREVER, IDENTIFIER, SHARED, Tombstone
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import Event, owners
from tests.people.test_admission import logs
from tests.people.test_erasure import silent

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "5"))
KINDS = st.sampled_from(["track", "identify", "alias"])
SOME = {
    "userId": ["u1", " u2 ", "guest", None], "anonymousId": ["d1", "d2", "undefined", None],
    "email": ["A@x.org", "b@x.org", "none", None], "phone": ["+30 123 4567", "0030765432", "1", None],
}  # fmt: skip


@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_messages_and_rows_are_judged_alike(data: st.DataObject) -> None:
    """`Erased.means`, one message at a time, and `refused`, by SQL: over random messages and random tombstones."""
    values = [
        ("user", "u1"), ("user", "u2"), ("device", "d1"), ("device", "d2"), ("email", "a@x.org"), ("email", "b@x.org"),
        ("phone", "+301234567"), ("phone", "+30765432"), ("reference", "order_id:o1"), ("reference", "ticket_id:t1"),
    ]  # fmt: skip
    messages = []
    for number in range(12):
        message: dict[str, Any] = {"type": data.draw(KINDS), "messageId": f"m{number}"}
        message |= {
            name: value
            for name, some in SOME.items()
            if (value := data.draw(st.sampled_from(some))) is not None
        }
        if message["type"] == "alias":
            message["previousId"] = data.draw(st.sampled_from(["u1", "u2", "d1", "d9"]))
        for name in data.draw(st.lists(st.sampled_from(["order_id", "ticket_id"]), unique=True)):
            message.setdefault("properties", {})[name] = name[0] + "1"
        message["timestamp"] = iso(data.draw(st.integers(1, 5)))
        messages.append(message)
    own = b"s" * 32
    stones = [
        Tombstone(
            tombstones.keyed(own, *value),
            data.draw(st.sampled_from([IDENTIFIER, SHARED])),
            data.draw(st.integers(1, 5)),
            1,
        )
        for value in data.draw(st.lists(st.sampled_from(values), unique=True))
    ]
    keys_ = {number: of_message("web", f"m{number}") for number in range(12)}
    stones += [
        Tombstone(
            tombstones.keyed(own, "event", tombstones.event_text(*divmod(keys_[number], 1 << 64))),
            EVENT,
            FOREVER,
            1,
        )
        for number in data.draw(st.lists(st.integers(0, 11), unique=True, max_size=3))
    ]
    judged = Erased.made(own, stones, IdentityRules())
    expected = {number for number, message in enumerate(messages) if judged.means(message, "web", 0)}
    rows = []
    for number, message in enumerate(messages):
        high, low = divmod(keys_[number], 1 << 64)
        properties = message.get("properties", {})
        reference = next(
            (f"{name}:{properties[name]}" for name in ("order_id", "ticket_id") if name in properties), None
        )
        rows.append(
            {
                "type": message["type"], "time": instant(message["timestamp"], zone("UTC")), "key_hi": high, "key_lo": low,
                "user_id": message.get("userId"), "anonymous_id": message.get("anonymousId"), "email": message.get("email"),
                "phone": message.get("phone"), "external": None, "previous_id": message.get("previousId"), "reference": reference,
            }
        )  # fmt: skip
    kinds = {"time": pa.int64(), "key_hi": pa.uint64(), "key_lo": pa.uint64()}
    with door.opened(threads=1) as connection:
        table = pa.table(
            {name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in READ}
        )
        connection.register("messages", table)
        tombstones.register(connection, own, stones)
        sql = refused(connection, "SELECT * FROM messages", IdentityRules())
        found = set(connection.execute(sql).fetchall()) if sql else set()
    assert found == {divmod(keys_[number], 1 << 64) for number in expected}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.data())
def test_whoever_is_erased_the_others_stay_who_they_are(data: st.DataObject) -> None:
    """Random logs in two overlapping batches; one customer goes: what stands is the rest, owned as if it were all."""
    log = data.draw(logs())
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop")
        cut = data.draw(st.integers(0, len(log)))
        for batch in (log[:cut], log[cut // 2 :]):
            admit(home, staged(home, batch), now=0)
        state = State(home.root, home.settings)
        owned = owners(log)
        customer = data.draw(st.sampled_from(sorted({each for each in owned.values() if each}) or [0]))
        if customer:
            erasure.erase(home, state, directory.shown(customer), who="test", progress=silent, readers=0)
            left = [
                each
                for each in log
                if owned[each["id"]] != customer and not names(each, log, owned, customer)
            ]
            assert {number: row["customer"] for number, row in standing_events(home).items()} == owners(left)
            admit(home, staged(home, log), now=0)
            assert set(standing_events(home)) == {each["id"] for each in left}
        state.close()


def names(alias: Event, log: list[Event], owned: dict[int, int], customer: int) -> bool:
    """Whether an alias tells an id that only this customer's events carry, and so goes with them, whoever sent it."""
    if alias["type"] != "alias":
        return False
    mine: set[object] = set()
    others: set[object] = set()
    for each in log:
        if owned[each["id"]]:
            carried = mine if owned[each["id"]] == customer else others
            carried |= {each["user_id"], each["anonymous_id"], each.get("previous_id")} - {None}
    users = {each["user_id"] for each in log if owned[each["id"]] == customer}
    # a user id is one customer's, also where somebody else's alias tells it
    return alias["previous_id"] in users | (mine - others)
