"""Shopify's bodies as documented, and what they come to."""

from __future__ import annotations

from periplus.collect.shops import shopify
from periplus.event import Event
from tests.collect.hooks.deliveries import RECEIVED, body, names, read


def test_an_order_is_completed_when_it_is_created() -> None:
    (order,) = read("shopify", "order_created", "orders/create")
    assert order == {
        "type": "track",
        "event": "Order Completed",
        "messageId": "5940139491234",
        "timestamp": "2026-03-02T15:00:00Z",
        "userId": "207119551",
        "anonymousId": "Z2NwLWV1cm9wZS13ZXN0MTowMUhX",
        "email": "maria@example.com",
        "phone": "+306912345678",
        "properties": {
            "order_id": "5940139491234",
            "order_name": "#1001",
            "checkout_id": "901414060",
            "cart_id": "Z2NwLWV1cm9wZS13ZXN0MTowMUhX",
            "total": 89.72,
            "subtotal": 84.82,
            "shipping": 4.9,
            "tax": 16.42,
            "discount": 4.98,
            "currency": "EUR",
            "coupon": "SUN5",
            "payment_method": "bogus",
            "products": [
                {
                    "product_id": "632910392",
                    "variant_id": "808950810",
                    "sku": "SND-BLUE-40",
                    "name": "Sandal",
                    "variant": "Blue / 40",
                    "brand": "Kyma",
                    "price": 49.9,
                    "quantity": 1,
                },
                {
                    "product_id": "632910393",
                    "variant_id": "808950811",
                    "sku": "BAG-1",
                    "name": "Beach bag",
                    "brand": "Kyma",
                    "price": 19.95,
                    "quantity": 2,
                },
            ],
        },
        "context": {
            "ip": "203.0.113.7",
            "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)",
            "locale": "el",
            "page": {
                "referrer": "https://l.instagram.com/",
                "path": "/collections/sandals?utm_source=instagram&utm_medium=paid-social&utm_campaign=spring",
            },
            "campaign": {"source": "instagram", "medium": "paid-social", "name": "spring"},
            "consent": {"categoryPreferences": {"marketing.email": True, "marketing.sms": False}},
        },
    }
    event = Event.from_segment(order, RECEIVED)
    assert event.consent == {"marketing.email": True, "marketing.sms": False}


def test_paying_does_not_complete_an_order_again() -> None:
    created, paid = (
        read("shopify", "order_created", "orders/create"),
        read("shopify", "order_paid", "orders/paid"),
    )
    assert created == paid


def test_an_update_tells_all_that_happened_so_far() -> None:
    told = {message["event"]: message for message in read("shopify", "order_updated", "orders/updated")}
    assert list(told) == [
        "Order Completed",
        "Order Refunded",
        "Order Shipped",
        "Order Delivered",
        "Order Updated",
    ]
    assert told["Order Completed"]["properties"]["total"] == 89.72, "what was ordered, not what is left of it"
    assert told["Order Refunded"]["properties"]["total"] == 47.4
    assert told["Order Delivered"]["timestamp"] == "2026-03-05T16:30:00Z"
    assert told["Order Updated"]["properties"] == {
        "order_id": "5940139491234",
        "total": 42.32,
        "currency": "EUR",
        "payment_status": "partially_refunded",
        "fulfillment_status": "fulfilled",
    }


def test_an_order_updated_to_nothing_is_worth_nothing() -> None:
    *_, updated = shopify.order(body("shopify", "order_cancelled"), updated=True)
    assert updated["event"] == "Order Updated"
    assert updated["properties"]["total"] == 0


def test_a_cancelled_order_names_its_worth_and_why() -> None:
    completed, cancelled = read("shopify", "order_cancelled", "orders/cancelled")
    assert completed["event"] == "Order Completed"
    assert cancelled["event"] == "Order Cancelled"
    assert cancelled["timestamp"] == "2026-03-02T17:00:00Z"
    assert cancelled["properties"] == {
        "order_id": "5940139491299",
        "total": 89.72,
        "currency": "EUR",
        "reason": "customer",
    }


def test_refunds_and_parcels_are_the_same_from_an_order_and_by_themselves() -> None:
    told = {message["messageId"]: message for message in read("shopify", "order_updated", "orders/updated")}
    alone = [
        *read("shopify", "refund", "refunds/create"),
        *read("shopify", "fulfillment_delivered", "fulfillments/update"),
    ]
    assert names(alone) == ["Order Refunded", "Order Shipped", "Order Delivered"]
    for message in alone:
        assert message["properties"] == told[message["messageId"]]["properties"]
        assert message["timestamp"] == told[message["messageId"]]["timestamp"]
    assert alone[0]["properties"]["products"] == [
        {
            "product_id": "632910392", "variant_id": "808950810", "sku": "SND-BLUE-40", "name": "Sandal",
            "variant": "Blue / 40", "brand": "Kyma", "price": 49.9, "quantity": 1,
        }
    ]  # fmt: skip


def test_goods_put_back_without_money_are_no_refund() -> None:
    back = body("shopify", "refund") | {"transactions": []}
    assert list(shopify.refund(back)) == []
    back["transactions"] = [
        {"kind": "refund", "status": "failure", "amount": "5.00"},
        {"kind": "void", "amount": "9"},
    ]
    assert list(shopify.refund(back)) == []
    back["transactions"] = [{"kind": "refund", "status": "pending", "amount": "5.10"}] * 2
    (refund,) = shopify.refund(back)
    assert refund["properties"]["total"] == 10.2


def test_a_parcel_that_failed_was_not_shipped() -> None:
    assert list(shopify.fulfillment(body("shopify", "fulfillment_created") | {"status": "cancelled"})) == []


def test_the_first_lines_of_a_cart_were_added_and_later_it_is_told_whole() -> None:
    (added,) = read("shopify", "cart_created", "carts/create")
    assert (added["event"], added["anonymousId"]) == ("Product Added", "Z2NwLWV1cm9wZS13ZXN0MTowMUhX")
    assert added["properties"]["sku"] == "SND-BLUE-40"
    (updated,) = read("shopify", "cart_updated", "carts/update")
    assert (updated["event"], updated["anonymousId"]) == ("Cart Updated", added["anonymousId"])
    assert updated["properties"]["total"] == 89.8
    assert len(updated["properties"]["products"]) == 2


def test_a_checkout_left_behind_can_be_brought_back() -> None:
    (started,) = read("shopify", "checkout_created", "checkouts/create")
    assert started["properties"]["recovery_url"].startswith("https://shop.example/548380009/checkouts/ac/")
    assert "email" not in started
    again, contact, address = read("shopify", "checkout_updated", "checkouts/update")
    assert again["messageId"] == started["messageId"]
    assert [each["properties"]["step_name"] for each in (contact, address)] == ["contact", "address"]
    assert (contact["email"], contact["userId"]) == ("maria@example.com", "207119551")
    assert contact["timestamp"] == "2026-03-02T14:52:10Z"


def test_a_customer_says_who_and_what_they_agreed_to() -> None:
    (said,) = read("shopify", "customer", "customers/create")
    assert said["type"] == "identify"
    assert said["traits"]["tags"] == ["vip", "loyal"]
    assert said["traits"]["address"] == {
        "city": "Athina", "state": "Attiki", "postalCode": "10557", "country": "GR",
    }  # fmt: skip
    event = Event.from_segment(said, RECEIVED)
    assert (event.user_id, event.email, event.phone) == ("207119551", "maria@example.com", "+306912345678")
    assert event.consent == {"marketing.email": True, "marketing.sms": False}
    (withdrawn,) = read("shopify", "consent_email", "customers/email_marketing_consent_update")
    assert Event.from_segment(withdrawn, RECEIVED).consent == {"marketing.email": False}


def test_older_bodies_state_consent_by_one_word() -> None:
    older = {"id": 7, "accepts_marketing": True, "updated_at": "2020-01-01T00:00:00Z"}
    (said,) = shopify.customer(older)
    assert said["context"]["consent"]["categoryPreferences"] == {"marketing.email": True}


def test_a_test_order_is_marked_as_internal() -> None:
    order, *_ = shopify.order(body("shopify", "order_created") | {"test": True})
    assert order["context"]["internal"] is True


def test_an_order_at_the_counter_came_through_the_store() -> None:
    order, *_ = shopify.order(body("shopify", "order_created") | {"source_name": "pos"})
    assert order["channel"] == "store"
