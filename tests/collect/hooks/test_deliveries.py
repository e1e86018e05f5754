"""What holds of the webhooks of every system: signatures, repeated deliveries in any order, damaged bodies."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.shops import ecwid
from periplus.collect.wire import DIALECTS, Fate, Outcome, Reading, Refused, Request
from periplus.errors import InputError
from periplus.event import Event
from tests.collect.hooks.deliveries import FIXTURES, RECEIVED, SECRET, SYSTEMS, body, delivery, sent, taken

FEW = settings(
    max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
ONE = [
    ("shopify", "order_created", "orders/create"),
    ("woocommerce", "order_processing", "order.created"),
    ("ecwid", "order_created", ""),
]
SHOPIFY_LIFE = [
    ("cart_created", "carts/create"),
    ("cart_updated", "carts/update"),
    ("checkout_created", "checkouts/create"),
    ("checkout_updated", "checkouts/update"),
    ("order_created", "orders/create"),
    ("order_paid", "orders/paid"),
    ("fulfillment_created", "fulfillments/create"),
    ("order_fulfilled", "orders/fulfilled"),
    ("fulfillment_delivered", "fulfillments/update"),
    ("refund", "refunds/create"),
    ("order_updated", "orders/updated"),
    ("order_cancelled", "orders/cancelled"),
    ("customer", "customers/create"),
    ("customer", "customers/update"),
    ("consent_email", "customers/email_marketing_consent_update"),
]
WOO_LIFE = [
    ("order_pending", "order.created"),
    ("order_processing", "order.updated"),
    ("order_completed", "order.updated"),
    ("order_partly_refunded", "order.updated"),
    ("order_refunded", "order.updated"),
    ("order_cancelled", "order.updated"),
    ("customer", "customer.created"),
]
ECWID_LIFE = [
    (name, "") for name in ("order_created", "order_shipped", "order_cancelled", "unfinished_order")
]
LIVES = {"shopify": SHOPIFY_LIFE, "woocommerce": WOO_LIFE, "ecwid": ECWID_LIFE}


def messages(system: str, name: str, topic: str) -> list[dict[str, Any]]:
    return [
        each
        for each in SYSTEMS[system].read(delivery(system, name, topic)).messages
        if isinstance(each, dict)
    ]


# -- signatures ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("system", "name", "topic"), ONE)
def test_a_signed_delivery_is_known_and_another_is_not(system: str, name: str, topic: str) -> None:
    dialect, request = SYSTEMS[system], delivery(system, name, topic)
    assert dialect.source(request) == "shop"
    assert dialect.verify(request, SECRET)
    assert not dialect.verify(request, "another")
    assert not dialect.verify(request, "")
    header = next(name for name in request.headers if name.endswith(("signature", "hmac-sha256")))
    for wrong in ("", " ", "é", "AAAA", request.headers[header][:-4], request.headers[header].swapcase()):
        forged = Request("POST", request.path, [], {**request.headers, header: wrong}, request.body, RECEIVED)
        assert not dialect.verify(forged, SECRET), wrong
    unsigned = {key: value for key, value in request.headers.items() if key != header}
    assert not dialect.verify(Request("POST", request.path, [], unsigned, request.body, RECEIVED), SECRET)


@pytest.mark.parametrize(("system", "name", "topic"), ONE[:2])
def test_a_changed_body_breaks_its_signature(system: str, name: str, topic: str) -> None:
    raw = (FIXTURES / system / f"{name}.json").read_bytes()
    changed = sent(system, raw.replace(b"EUR", b"USD", 1), topic, signed=raw)
    assert not SYSTEMS[system].verify(changed, SECRET)


def test_the_signature_of_ecwid_holds_for_its_time_and_id_only() -> None:
    said = body("ecwid", "order_created")
    other = said | {"eventId": "another"}
    signed = f"{said['eventCreated']}.{said['eventId']}".encode()
    assert not SYSTEMS["ecwid"].verify(sent("ecwid", json.dumps(other).encode(), signed=signed), SECRET)
    for raw in (b"", b"[]", b"{}", b"\xff", b'{"eventCreated": {}, "eventId": []}'):
        assert not SYSTEMS["ecwid"].verify(sent("ecwid", raw, signed=b"."), SECRET)


# -- deliveries come late, twice, and in any order ----------------------------------------------


@FEW
@given(data=st.data())
@pytest.mark.parametrize("system", sorted(LIVES))
def test_the_same_deliveries_in_any_order_come_to_the_same(system: str, data: st.DataObject) -> None:
    life = LIVES[system]
    expected = taken(messages(system, *each) for each in life)
    again = data.draw(st.lists(st.sampled_from(life), max_size=6))
    order = data.draw(st.permutations([*life, *again]))
    kept = taken(messages(system, *each) for each in order)
    assert set(kept) == set(expected)
    for key, message in kept.items():
        assert message.get("event") == expected[key].get("event")
        if message.get("event") in ("Order Completed", "Order Refunded", "Order Cancelled"):
            assert (
                message["properties"]["total" if "total" in message["properties"] else "order_id"]
                == (
                    expected[key]["properties"][
                        "total" if "total" in expected[key]["properties"] else "order_id"
                    ]
                )
            )


@pytest.mark.parametrize(("system", "orders"), [("shopify", 2), ("woocommerce", 1)])
def test_an_order_is_completed_once_whatever_tells_of_it(system: str, orders: int) -> None:
    kept = taken(messages(system, *each) for each in LIVES[system])
    completed = [message for message in kept.values() if message.get("event") == "Order Completed"]
    assert len(completed) == orders
    assert all(message["messageId"] == message["properties"]["order_id"] for message in completed)


def test_one_late_delivery_makes_up_for_all_that_were_lost() -> None:
    lost = taken([messages("shopify", "order_updated", "orders/updated")])
    whole = taken(
        messages("shopify", name, topic) for name, topic in SHOPIFY_LIFE if "order" in topic or "ful" in topic
    )
    about = {key for key, each in whole.items() if each["properties"].get("order_id") == "5940139491234"}
    assert about <= set(lost)


# -- bodies of any sort -------------------------------------------------------------------------


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(leaf for key, each in inner for leaf in _leaves(each, (*path, key)))]


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _put(value[path[0]], path[1:], new)
    return copied


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.sampled_from(["NaN", "1e99", "-0", "9" * 40, "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "\x00", "?"]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    st.integers(2**70, 2**80),
)  # fmt: skip
EVERY = [
    (system, name, topic) for system, life in LIVES.items() for name, topic in dict.fromkeys(life)
] + [("ecwid", "customer_created", ""), ("ecwid", "product_updated", "")]  # fmt: skip


@settings(FEW, max_examples=300)
@given(data=st.data())
def test_damaged_fields_cost_themselves_only(data: st.DataObject) -> None:
    system, name, topic = data.draw(st.sampled_from(EVERY))
    damaged = body(system, name)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged = _put(damaged, data.draw(st.sampled_from(_leaves(damaged)[1:] or [()])), data.draw(ODD))
        if not isinstance(damaged, dict):
            break
    _only_expected(system, msgspec.json.encode(damaged), topic)


@FEW
@given(
    raw=st.one_of(
        st.binary(max_size=40),
        st.just(b"[" * 100_000),
        st.just(b'{"a":' * 50_000),
        ODD.map(msgspec.json.encode),
    )
)
@pytest.mark.parametrize(("system", "name", "topic"), ONE)
def test_bodies_of_any_sort_are_read_or_refused(system: str, name: str, topic: str, raw: bytes) -> None:
    del name
    _only_expected(system, raw, topic)


def _only_expected(system: str, raw: bytes, topic: str) -> None:
    """InputError, Refused, or messages that are events and JSON; nothing else comes of a body."""
    dialect = SYSTEMS[system]
    request = sent(system, raw, topic, signed=b"something else")
    assert dialect.verify(request, SECRET) is False
    try:
        reading = dialect.read(request)
    except InputError:
        return
    for message in reading.messages:
        if isinstance(message, Refused):
            continue
        json.dumps(message, allow_nan=False)
        event = Event.from_segment(message, RECEIVED)
        assert event.message_id
        assert 0 <= event.time < 7_258_118_400_000_000
    if system == "ecwid" and isinstance(path := reading.found.get("path"), str):
        resource, _, rest = path.partition("/")
        assert rest
        assert "/" not in rest
        odd = body("ecwid", f"api_{resource[:-1]}") | (msgspec.json.decode(raw) if raw[:1] == b"{" else {})
        for message in dialect.complete(request, reading, lambda path: odd).messages:
            if isinstance(message, dict):
                Event.from_segment(message, RECEIVED)


def test_a_body_that_names_nothing_is_refused_as_data() -> None:
    for system, topic in (("shopify", "orders/create"), ("woocommerce", "order.updated"), ("ecwid", "")):
        (refused,) = SYSTEMS[system].read(sent(system, b'{"note": 1}', topic, signed=b"")).messages
        assert isinstance(refused, Refused)
        assert refused.payload == {"note": 1}


def test_topics_nobody_asked_for_are_answered_and_forgotten() -> None:
    for system, topic in (("shopify", "themes/publish"), ("woocommerce", "coupon.created")):
        reading = SYSTEMS[system].read(sent(system, b'{"id": 1}', topic))
        assert (list(reading.messages), reading.found["ignored"]) == ([], True)


def test_without_a_topic_nothing_can_be_read() -> None:
    for system in ("shopify", "woocommerce"):
        with pytest.raises(InputError, match="Topic"):
            SYSTEMS[system].read(sent(system, b'{"id": 1}'))


def test_products_are_handed_on() -> None:
    for system, topic in (("shopify", "products/update"), ("woocommerce", "product.updated")):
        reading = SYSTEMS[system].read(delivery(system, "product", topic))
        assert (list(reading.messages), reading.found["product"]["id"] > 0, reading.found["gone"]) == (
            [],
            True,
            False,
        )


# -- the door's side ----------------------------------------------------------------------------


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_every_system_is_a_dialect_with_a_route_of_its_own(system: str) -> None:
    assert DIALECTS[system].name == system
    assert list(DIALECTS[system].routes) == [("POST", f"/hooks/{system}/*")]


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_the_path_names_the_source(system: str) -> None:
    def at(path: str) -> Request:
        return Request("POST", path, [], {}, b"", RECEIVED)

    assert SYSTEMS[system].source(at(f"/hooks/{system}/my%20shop/")) == "my shop"
    for path in (
        f"/hooks/{system}/",
        f"/hooks/{system}/a/b",
        f"/hooks/{system}/a%2Fb",
        f"/hooks/{system}/{'x' * 201}",
    ):
        with pytest.raises(InputError):
            SYSTEMS[system].source(at(path))


def test_a_delivery_is_answered_with_what_became_of_it() -> None:
    request = delivery("shopify", "order_created", "orders/create")
    reply = SYSTEMS["shopify"].reply(
        request, Reading(None, []), [Outcome(Fate.ACCEPTED), Outcome(Fate.REJECTED, "x", "y")]
    )
    assert (reply.status, json.loads(reply.body)) == (200, {"received": 2, "accepted": 1, "rejected": 1})
    refused = SYSTEMS["shopify"].refusal(request, 401, "unsigned", "The signature does not hold.")
    assert (refused.status, json.loads(refused.body)["code"]) == (401, "unsigned")


def test_ids_in_an_api_path_are_quoted() -> None:
    hook = body("ecwid", "order_created") | {"data": {"orderId": "../profile?x=1"}}
    reading = SYSTEMS["ecwid"].read(sent("ecwid", json.dumps(hook).encode()))
    assert reading.found["path"] == "orders/..%2Fprofile%3Fx%3D1"
    assert ecwid.order_id(hook) == "../profile?x=1"
    hook["data"] = {"orderId": ".."}
    assert "path" not in SYSTEMS["ecwid"].read(sent("ecwid", json.dumps(hook).encode())).found
