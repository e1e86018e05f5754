"""Names of others become the house's, and what was sent can be told from what was made of it."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.vocabulary import Vocabularies, as_sent, builtin
from periplus.collect.vocabulary_changes import try_on
from periplus.collect.vocabulary_document import VocabularyDocument
from periplus.errors import DocumentError

PURCHASE: dict[str, Any] = {
    "type": "track",
    "event": "purchase",
    "userId": "u",
    "properties": {
        "transaction_id": "T1",
        "value": 30,
        "items": [{"item_id": "a", "price": 10, "quantity": 3, "size": "XL"}, "what?", {"item_id": "b"}],
    },
}


def ga4(message: dict[str, Any]) -> dict[str, Any]:
    return Vocabularies().of("web", "ga4").apply(message)


def own(**document: Any) -> VocabularyDocument:
    return VocabularyDocument.parse({"name": "mine", **document})


def test_an_event_gets_the_house_name_and_keeps_its_own() -> None:
    told = ga4(PURCHASE)
    assert (told["event"], told["original"]) == ("Order Completed", "purchase")
    assert told["properties"] == {
        **PURCHASE["properties"],
        "order_id": "T1",
        "total": 30,
        "products": [{"product_id": "a", "price": 10, "quantity": 3}, {"product_id": "b"}],
    }
    assert told["context"] == {
        "vocabulary": {"name": "ga4", "event": "purchase", "added": ["order_id", "products", "total"]}
    }
    assert PURCHASE["event"] == "purchase", "the message itself is left alone"


def test_a_property_of_one_event_is_named_on_that_event_only() -> None:
    seen = ga4({"event": "view_item", "properties": {"value": 3, "items": [{"item_id": "a", "price": 2}]}})
    assert seen["properties"]["product_id"] == "a"
    assert "total" not in seen["properties"]


def test_what_the_client_itself_sent_under_a_house_name_stays() -> None:
    told = ga4({"event": "purchase", "properties": {"transaction_id": "T1", "order_id": "mine"}})
    assert told["properties"]["order_id"] == "mine"
    assert as_sent(told)["properties"] == {"transaction_id": "T1", "order_id": "mine"}


def test_statements_and_names_nobody_maps_stay_as_they_are() -> None:
    vocabulary = Vocabularies([own(events={"bought": "Order Completed"})]).of("web")
    for message in (
        {"type": "identify", "event": "bought", "traits": {}},
        {"event": "Bought"},
        {"event": 3},
        {},
    ):
        assert vocabulary.apply(message) is message


def test_a_client_cannot_claim_to_have_been_named_before() -> None:
    lying = {**PURCHASE, "original": "Refund", "context": {"ip": "::1", "vocabulary": {"added": ["value"]}}}
    told = ga4(lying)
    assert told["original"] == "purchase"
    assert told["properties"]["value"] == 30
    assert as_sent(told) == {**PURCHASE, "context": {"ip": "::1"}}


@pytest.mark.parametrize(
    "properties", [None, [], "x", {"items": None}, {"items": {"item_id": 1}}, {"items": [[1]]}]
)
def test_odd_properties_are_no_error(properties: Any) -> None:
    told = ga4({"event": "purchase", "properties": properties})
    assert as_sent(told).get("event") == "purchase"


def test_the_workspace_goes_before_what_is_built_in_and_a_source_before_all() -> None:
    general = own(events={"purchase": "Paid", "x": "General"})
    special = VocabularyDocument.parse({"name": "special", "sources": "till", "events": {"x": "Special"}})
    both = Vocabularies([general, special])
    assert both.of("web", "ga4").apply(PURCHASE)["event"] == "Paid"
    assert both.of("web", "ga4").apply({"event": "add_to_cart"})["event"] == "Product Added"
    assert both.of("web").apply({"event": "x"})["event"] == "General"
    assert both.of("till").apply({"event": "x"})["event"] == "Special"


def test_a_name_mapped_to_itself_is_left_alone() -> None:
    told = Vocabularies(
        [own(events={"purchase": "purchase"}, properties={"transaction_id": "transaction_id"})]
    )
    message = told.of("web", "ga4").apply(PURCHASE)
    assert message["event"] == "purchase"
    assert "original" not in message
    assert "order_id" not in message["properties"]


def test_names_are_compared_composed() -> None:
    composed, apart = (unicodedata.normalize(form, "Καλάθι") for form in ("NFC", "NFD"))
    assert composed != apart
    for written, sent in ((composed, apart), (apart, composed)):
        vocabulary = Vocabularies([own(events={written: "Cart Viewed"})]).of("web")
        assert vocabulary.apply({"event": sent})["event"] == "Cart Viewed"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(
    st.fixed_dictionaries({"event": st.sampled_from(["e", "f", "g"])}).flatmap(
        lambda head: st.dictionaries(st.sampled_from("abcd"), values, max_size=4).map(
            lambda p: {**head, "properties": p}
        )
    ),
    st.dictionaries(st.sampled_from(["e", "f"]), st.sampled_from(["E", "g"]), max_size=2),
    st.dictionaries(
        st.sampled_from(["a", "b", "a.b", "a.0", "c"]), st.sampled_from(["c", "d", "x"]), max_size=4
    ),
    st.sampled_from([None, "ga4"]),
)
def test_what_was_sent_comes_back_and_applying_again_gives_the_same(
    message, events, properties, dialect
) -> None:
    vocabulary = Vocabularies([own(events=events, properties=properties)]).of("s", dialect)
    told = vocabulary.apply(message)
    assert as_sent(told) == message
    assert vocabulary.tell(as_sent(told)) == told


def test_built_in_vocabularies_are_whole() -> None:
    assert "ga4" in builtin()
    for name, document in builtin().items():
        assert VocabularyDocument.parse(document.to_yaml()) == document
        assert document.name == name
        assert document.description
        assert not document.sources


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{name: x, evnts: {}}", "Did you mean 'events'?"),
        ("{name: x, events: {a: {to: b, propertes: {}}}}", "Did you mean 'properties'?"),
        ("{name: x, properties: {a: {to: b, eech: {}}}}", "Did you mean 'each'?"),
        ("{name: x, properties: {a: b.c}}", "not of the form"),
        ("{events: {a: b}}", "no `name`"),
        ("{name: x, events: {a: 1}}", "events.a"),
        ("[]", "YAML document with keys"),
        ("name: [", "not readable YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as problem:
        VocabularyDocument.parse(text)
    assert said in str(problem.value)


def test_trying_says_what_would_change_and_what_collides() -> None:
    document = own(
        events={"bought": {"to": "Order Completed", "properties": {"sum": "total"}}},
        properties={"nr": "order_id"},
    )
    events = [
        {"type": "track", "event": "bought", "properties": {"nr": "1", "sum": 3}},
        {"type": "track", "event": "bought", "properties": {"nr": "2", "sum": 3, "total": 4}},
        {"type": "track", "event": "Order Completed", "properties": {"order_id": "3"}},
        {"type": "track", "event": "Other"},
    ]
    tried = try_on(document, events).to_dict()
    assert (tried["events"], tried["changed"]) == (4, 2)
    assert [(row["from"], row["to"], row["events"]) for row in tried["names"]] == [
        ("bought", "Order Completed", 2)
    ]
    assert tried["names"][0]["examples"][0]["after"]["original"] == "bought"
    assert {(row["property"], row["events"]) for row in tried["added"]} == {("order_id", 2), ("total", 1)}
    assert tried["collisions"] == [{"event": "Order Completed", "property": "total", "events": 1}]
    assert tried["meeting"] == [{"event": "Order Completed", "sent": {"bought": 2, "Order Completed": 1}}]
