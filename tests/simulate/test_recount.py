"""The truth file against the file itself: counts are counted again in SQL, rates are near their plan."""

from __future__ import annotations

import math

import pytest

from periplus.simulate import plan


def rate(shop, id):
    return next(row for row in shop.truth["rates"] if row["id"] == id)


def test_events_customers_and_orders(shop):
    names = shop.rows(
        """
        SELECT coalesce(event, if(type = 'page', 'Page Viewed', type)), count(*) FROM sent GROUP BY 1
        """
    )
    assert dict(names) == shop.truth["events_by_name"]
    assert shop.rows("SELECT count(DISTINCT customer) FROM events") == [(shop.truth["customers"],)]
    orders = shop.truth["orders"]
    assert shop.rows(
        """
        SELECT count(DISTINCT "properties.order_id") FILTER (event = 'Order Completed'),
               sum(("properties.total" * 100)::BIGINT) FILTER (event = 'Order Completed'),
               count(*) FILTER (event = 'Order Cancelled'),
               sum(("properties.total" * 100)::BIGINT) FILTER (event = 'Order Refunded')
        FROM sent
        """
    ) == [(orders["completed"], orders["total"], orders["cancelled"], orders["refunded"])]
    assert shop.rows("SELECT count(DISTINCT messageId) FROM sent") == [(shop.truth["events"],)]


def test_visits_are_counted_by_channel(shop):
    landings = shop.rows(
        """
        SELECT channel, count(*) FROM events
        WHERE type = 'page' AND "properties.name" IN ('Home', 'Category', 'Product', 'Cart') GROUP BY 1
        """
    )
    assert dict(landings) == shop.truth["visits_by_channel"]
    assert sum(shop.truth["visits_by_channel"].values()) == shop.truth["visits"]


def test_the_funnel_is_counted_again(shop):
    funnel = shop.truth["funnel"]
    reached: dict[str, list[int]] = {}
    sources = ["FROM events"]
    for place, name in enumerate(funnel["steps"]):
        after = f"AND events.timestamp > s{place - 1}.moment" if place else ""
        join = f"JOIN s{place - 1} USING (customer)" if place else ""
        first = f"any_value(s{place - 1}.first)" if place else "arg_min(device, timestamp)"
        sources.append(
            f"s{place} AS (SELECT customer, min(timestamp) AS moment, {first} AS first FROM events {join} "
            f"WHERE event = '{name}' {after} GROUP BY 1)"
        )
    for place in range(len(funnel["steps"])):
        found = dict(
            shop.rows(f"WITH {', '.join(sources[1:])} SELECT first, count(*) FROM s{place} GROUP BY 1")
        )
        for device in plan.DEVICES:
            reached.setdefault(device, []).append(found.get(device, 0))
    assert reached == funnel["reached_by_device_of_first_view"]
    assert [sum(step) for step in zip(*reached.values(), strict=True)] == funnel["reached"]
    for place, name in enumerate(funnel["steps"]):
        on_device = dict(
            shop.rows(
                f"SELECT device, count(DISTINCT customer) FROM events WHERE event = '{name}' GROUP BY 1"
            )
        )
        told = {device: steps[place] for device, steps in funnel["customers_with_event_on_device"].items()}
        assert on_device == told


@pytest.mark.parametrize("id", ["cart_to_checkout", "checkout_to_payment", "payment_to_order", "view_to_add"])
def test_each_step_is_counted_again(shop, id):
    """Each trial is an event; it happened if the next step followed within an hour, on the same device."""
    planted = rate(shop, id)
    own = {"view_to_add": "properties.product_id", "cart_to_checkout": "anonymousId"}
    hold = own.get(id, "properties.cart_id")
    counted = shop.rows(
        f"""
        WITH source AS (SELECT *, row_number() OVER () AS n FROM events WHERE event = '{planted["from"]}'),
        target AS (
            SELECT arg_max(source.n, source.timestamp) AS n FROM events AS target JOIN source
            ON source.anonymousId = target.anonymousId AND source."{hold}" = target."{hold}"
                AND target.timestamp > source.timestamp
                AND target.timestamp <= source.timestamp + INTERVAL 1 HOUR
            WHERE target.event = '{planted["to"]}' GROUP BY target.messageId
        )
        SELECT device, count(*), count(*) FILTER (n IN (FROM target)) FROM source GROUP BY 1
        """
    )
    told = {
        device: (
            sum(cell["trials"] for cell in planted["cells"] if cell["device"] == device),
            sum(cell["happened"] for cell in planted["cells"] if cell["device"] == device),
        )
        for device in plan.DEVICES
    }
    assert {device: (trials, happened) for device, trials, happened in counted} == told


def test_tickets_about_orders_are_counted_again(shop):
    planted = rate(shop, "order_to_ticket")
    counted = shop.rows(
        f"""
        WITH orders AS (
            SELECT "properties.order_id" AS id, timestamp AS moment,
                   if("properties.country" = 'RO', 'RO', 'not RO') AS country
            FROM events WHERE event = 'Order Completed' AND timestamp < '{planted["before"]}'::TIMESTAMPTZ
        ),
        tickets AS (
            SELECT DISTINCT orders.id FROM events JOIN orders ON orders.id = "properties.order_id"
            WHERE event = 'Support Ticket Created' AND timestamp - moment <= INTERVAL 21 DAY
        )
        SELECT country, count(*), count(*) FILTER (id IN (FROM tickets)) FROM orders GROUP BY 1
        """
    )
    told = {cell["country"]: (cell["trials"], cell["happened"]) for cell in planted["cells"]}
    assert {country: (orders, asked) for country, orders, asked in counted} == told


def test_newsletters_are_counted_again(shop):
    opened, clicked = rate(shop, "newsletter_opened"), rate(shop, "newsletter_clicked")
    delivered = shop.rows(
        f"""
        SELECT count(*) FROM events
        WHERE event = 'Email Delivered' AND "properties.campaign_name" = 'newsletter'
            AND timestamp < '{opened["before"]}'::TIMESTAMPTZ
        """
    )
    assert delivered == [(sum(cell["trials"] for cell in opened["cells"]),)]
    assert [cell["happened"] for cell in opened["cells"]] == [cell["trials"] for cell in clicked["cells"]]


def test_what_came_of_it_is_near_the_plan(shop):
    """Within five standard deviations of a binomial, in every cell and over all cells of a rate."""
    cells = 0
    for planted in shop.truth["rates"]:
        missed = spread = 0.0
        for cell in planted["cells"]:
            expected = cell["trials"] * cell["planted"]
            variance = expected * (1 - cell["planted"])
            assert abs(cell["happened"] - expected) <= 5 * math.sqrt(variance) + 1, (planted["id"], cell)
            missed, spread = missed + cell["happened"] - expected, spread + variance
            cells += cell["trials"] > 30
        assert abs(missed) <= 5 * math.sqrt(spread), planted["id"]
    assert cells > 40


def test_the_plan_is_what_the_breaks_say(shop):
    planted = {
        (cell["device"], cell["kind"]): cell["planted"] for cell in rate(shop, "checkout_to_payment")["cells"]
    }
    broken, slow = shop.truth["breaks"]
    for kind in plan.KINDS:
        assert planted["mobile", kind.name] == pytest.approx(
            broken["factor"] * planted["desktop", kind.name], abs=1e-6
        )
    days = dict(
        shop.rows(
            """
            SELECT country, median(date_diff('second', sent, arrived)) / 86400 FROM (
                SELECT "properties.country" AS country, "properties.order_id" AS id,
                       min(timestamp) FILTER (event = 'Order Shipped') AS sent,
                       min(timestamp) FILTER (event = 'Order Delivered') AS arrived
                FROM events WHERE event IN ('Order Shipped', 'Order Delivered') GROUP BY ALL
            ) WHERE arrived IS NOT NULL GROUP BY 1
            """
        )
    )
    for country, median in days.items():
        expected = slow["median_days"]["slow" if country == slow["where"]["properties.country"] else "usual"]
        assert median == pytest.approx(expected, rel=0.15)
