"""The shop looks like one: seasons, hours, devices, campaigns, carts that add up, a funnel that narrows."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from periplus.simulate import events, plan, words


def test_every_event_occurs_and_none_after_the_end(shop):
    assert set(shop.truth["events_by_name"]) == set(events.NAMES)
    first, last = shop.rows("SELECT min(timestamp)::VARCHAR, max(timestamp)::VARCHAR FROM sent")[0]
    assert first >= "2025-11-01"
    assert last < "2026-11-01"


def test_the_year_has_seasons_and_the_day_has_hours(shop):
    months = dict(shop.rows("SELECT month(timestamp), count(*) FROM sent WHERE type = 'page' GROUP BY 1"))
    assert months[12] > 1.3 * months[8]
    friday, before = shop.rows(
        """
        SELECT count(*) FILTER (timestamp::DATE = '2025-11-28'),
               count(*) FILTER (timestamp::DATE = '2025-11-21')
        FROM sent WHERE type = 'page'
        """
    )[0]
    assert friday > 1.5 * before
    hours = {
        (device, hour): count
        for device, hour, count in shop.rows(
            "SELECT device, hour(timestamp), count(*) FROM events WHERE type = 'page' GROUP BY 1, 2"
        )
    }
    assert hours["mobile", 20] > 4 * hours["mobile", 4]
    assert hours["desktop", 10] / hours["desktop", 20] > 1.2 * hours["mobile", 10] / hours["mobile", 20]


def test_few_reach_the_order_and_every_step_is_smaller(shop):
    for wider, narrower in pairwise(shop.truth["funnel"]["reached"]):
        assert wider > narrower
    journeys = shop.rows(
        """
        SELECT count(*) FROM (
            SELECT timestamp - lag(timestamp) OVER (PARTITION BY customer ORDER BY timestamp) AS gap
            FROM events WHERE device IS NOT NULL AND type <> 'identify'
        ) WHERE gap IS NULL OR gap > INTERVAL 30 DAY
        """
    )[0][0]
    assert 0.02 < shop.truth["orders"]["completed"] / journeys < 0.05


def test_phones_break_off_between_checkout_and_payment(shop):
    on = shop.truth["funnel"]["customers_with_event_on_device"]
    paid = {device: steps[3] / steps[2] for device, steps in on.items()}
    assert paid["mobile"] < 0.7 * paid["desktop"]


def test_campaigns_stand_on_landing_pages_only_and_in_their_months(shop):
    tags = shop.rows(
        """
        SELECT DISTINCT event, type, "context.campaign.medium", channel FROM sent
        WHERE "context.campaign.name" IS NOT NULL
        """
    )
    assert {(event, type) for event, type, _, _ in tags} == {(None, "page")}
    assert {channel for *_, channel in tags} <= set(plan.CHANNELS)
    assert shop.rows(
        """SELECT DISTINCT month(timestamp) FROM sent WHERE "context.campaign.name" = 'black-friday'"""
    ) == [(11,)]


def test_history_before_signing_in_is_anonymous_and_joined_later(shop):
    """Most customers with an account were seen on that device before, without the user id."""
    accounts, joined = shop.rows(
        """
        WITH account AS (
            SELECT anonymousId, min(timestamp) AS moment FROM sent
            WHERE type = 'identify' AND userId IS NOT NULL GROUP BY 1
        )
        SELECT count(DISTINCT anonymousId),
               count(DISTINCT anonymousId) FILTER (userId IS NULL AND timestamp < moment)
        FROM account JOIN sent USING (anonymousId)
        """
    )[0]
    assert joined > 0.8 * accounts > 0
    several = shop.rows(
        "SELECT count(*) FROM (SELECT customer FROM events GROUP BY 1 HAVING count(DISTINCT anonymousId) > 1)"
    )
    assert several[0][0] > 50


def test_kinds_have_habits_of_their_own(shop):
    by_kind = {cell["kind"]: 0 for cell in shop.truth["rates"][0]["cells"]}
    views = dict(by_kind)
    for cell in shop.truth["rates"][0]["cells"]:
        views[cell["kind"]] += cell["trials"]
        by_kind[cell["kind"]] += cell["happened"]
    people = shop.truth["people_by_kind"]
    assert views["loyal"] / people["loyal"] > 2 * views["errand"] / people["errand"]
    assert by_kind["errand"] / views["errand"] > 2 * by_kind["browser"] / views["browser"]


def test_an_order_adds_up_to_its_basket(shop):
    off = shop.rows(
        """
        SELECT count(*), count(*) FILTER (abs(goods - discount + shipping - total) > 0.001),
               count(*) FILTER (abs(total - shipping - revenue) > 0.001)
        FROM (
            SELECT "properties.total" AS total, "properties.shipping" AS shipping,
                   "properties.discount" AS discount, "properties.revenue" AS revenue,
                   list_sum(list_transform(
                       from_json("properties.products", '[{"price": "DOUBLE", "quantity": "INTEGER"}]'),
                       lambda line: line.price * line.quantity)) AS goods
            FROM sent WHERE event = 'Order Completed'
        )
        """
    )[0]
    assert off[0] == shop.truth["orders"]["completed"]
    assert off[1:] == (0, 0)


def test_what_is_ordered_was_in_the_cart(shop):
    """Every product of an order was added to that cart before."""
    strange = shop.rows(
        """
        WITH ordered AS (
            SELECT "properties.cart_id" AS cart, timestamp AS moment,
                   unnest(from_json("properties.products", '["JSON"]')) ->> 'product_id' AS product
            FROM sent WHERE event = 'Order Completed'
        )
        SELECT count(*), count(*) FILTER (NOT EXISTS (
            FROM sent WHERE event = 'Product Added' AND "properties.cart_id" = cart
                AND "properties.product_id" = product AND timestamp < moment))
        FROM ordered
        """
    )[0]
    assert strange[0] > 0
    assert strange[1] == 0


def test_late_parcels_get_worse_reviews_and_other_reasons(shop):
    stars = dict(
        shop.rows(
            """
            WITH slow AS (SELECT DISTINCT customer FROM events WHERE "traits.country" = 'RO')
            SELECT customer IN (FROM slow), avg("properties.rating") FROM events
            WHERE event = 'Product Reviewed' GROUP BY 1
            """
        )
    )
    assert stars[True] < stars[False] - 1
    reasons = dict(
        shop.rows(
            """
            SELECT "properties.reason", count(*) FROM sent WHERE event = 'Support Ticket Created' GROUP BY 1
            """
        )
    )
    assert set(reasons) <= set(words.TICKET_REASONS)
    assert max(reasons, key=reasons.get) == "where is my order"


@pytest.mark.parametrize("column", ["anonymousId", "messageId"])
def test_ids_are_uuids(shop, column):
    for (text,) in shop.rows(f"SELECT DISTINCT {column} FROM sent WHERE {column} IS NOT NULL LIMIT 500"):
        assert str(UUID(text)) == text
        assert UUID(text).version == 4


def test_prices_are_log_normal_by_category(shop):
    spread = shop.rows(
        """
        SELECT avg(spread), count(*) FROM (
            SELECT stddev(ln(price)) AS spread FROM (
                SELECT DISTINCT "properties.product_id", "properties.category" AS category,
                       "properties.price" AS price
                FROM sent WHERE event = 'Product Viewed') GROUP BY category)
        """
    )[0]
    assert spread[0] == pytest.approx(0.45, rel=0.15)
    assert spread[1] == 10
