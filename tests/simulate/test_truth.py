"""What was planted comes back out of the map and the funnel, through import, identity and the engine."""

from __future__ import annotations

import math

import pytest

import periplus
from periplus.simulate import plan

STEPS = [id for id, _, _ in plan.STEPS if id != "view_to_add"]


@pytest.fixture(scope="module")
def ws(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace") / "shop"
    with periplus.init(folder) as workspace:
        imported = workspace.import_file(shop.file)
        assert imported.accepted == shop.truth["events"]
        yield workspace


def rate(shop, id):
    return next(row for row in shop.truth["rates"] if row["id"] == id)


def of_device(cells, device):
    """(trials, expected, variance, happened) of a rate on one device, or on all of them for None."""
    mine = [cell for cell in cells if device in (None, cell["device"])]
    return (
        sum(cell["trials"] for cell in mine),
        sum(cell["trials"] * cell["planted"] for cell in mine),
        sum(cell["trials"] * cell["planted"] * (1 - cell["planted"]) for cell in mine),
        sum(cell["happened"] for cell in mine),
    )


def test_the_funnel_counts_what_the_generator_counted(ws, shop):
    funnel = shop.truth["funnel"]
    answer = ws.ask(funnel["question"])
    reached = {
        device: [row["reached"] for row in answer.rows if row["breakdown"] == device]
        for device in plan.DEVICES
    }
    assert reached == funnel["reached_by_device_of_first_view"]
    whole = {name: value for name, value in funnel["question"].items() if name != "breakdown"}
    assert [row["reached"] for row in ws.ask(whole).rows] == funnel["reached"]


@pytest.mark.parametrize("id", STEPS)
def test_planted_rates_come_back_by_device(ws, shop, id):
    """Every trial is an attempt of its own: counts agree exactly, rates within sampling error."""
    planted = rate(shop, id)
    answer = ws.ask(
        {
            "kind": "funnel",
            "attempts": "every",
            "steps": [{"event": planted["from"]}, {"event": planted["to"]}],
            "within": planted["within"],
            "breakdown": "context.device.type",
        }
    )
    for device in plan.DEVICES:
        trials, expected, variance, happened = of_device(planted["cells"], device)
        first, second = (row["reached"] for row in answer.rows if row["breakdown"] == device)
        assert (first, second) == (trials, happened)
        assert abs(second - expected) <= 5 * math.sqrt(variance)


def test_planted_rates_come_back_out_of_the_map(ws, shop):
    """On the shop map a checkout is one visit, and those that go on to payment are one flow."""
    planted = rate(shop, "checkout_to_payment")
    trials, expected, variance, _ = of_device(planted["cells"], None)
    steps = {row["step"]: row for row in ws.ask({"kind": "map", "map": "shop"}).rows}
    # A mail or a parcel may come in the middle of a checkout and cut its visit in two: hardly ever.
    assert trials <= steps["checkout"]["visits"] <= trials * 1.005
    onward = [
        row["visits"]
        for row in ws.ask({"kind": "flow", "map": "shop"}).rows
        if (row["source"], row["target"]) == ("checkout", "payment")
    ]
    assert abs(onward[0] - expected) <= 5 * math.sqrt(variance) + trials * 0.005


def test_the_break_is_seen_on_the_map(ws, shop):
    answer = ws.ask(
        {
            "kind": "funnel",
            "map": "shop",
            "unit": "journeys",
            "steps": [{"step": "checkout"}, {"step": "payment"}],
            "breakdown": "context.device.type",
        }
    )
    kept = {row["breakdown"]: row["rate"] for row in answer.rows if row["step"] == 1}
    assert kept["mobile"] < 0.75 * kept["desktop"]
    assert kept["tablet"] > 0.85 * kept["desktop"]
    checkout = next(row for row in ws.ask({"kind": "map", "map": "shop"}).rows if row["step"] == "checkout")
    assert checkout["stopped"] > 0.15 * checkout["visits"]


def test_the_slow_country_asks_for_its_parcels(ws, shop):
    """Customers with a ticket about one of their orders: each order draws with the planted chance."""
    slow = shop.truth["breaks"][1]["where"]["properties.country"]
    planted = rate(shop, "order_to_ticket")
    for cell in planted["cells"]:
        there = cell["country"] == slow
        answer = ws.ask(
            {
                "kind": "funnel",
                "steps": [
                    {"event": "Order Completed", "where": {"country": slow if there else {"ne": slow}}},
                    {"event": "Support Ticket Created"},
                ],
                "hold": ["order_id"],
                "within": planted["within"],
                "period": {"from": shop.truth["start"], "to": planted["before"]},
            }
        )
        buyers, asked = (row["reached"] for row in answer.rows)
        orders = shop.rows(
            f"""
            SELECT count(*) FROM events
            WHERE event = 'Order Completed' AND timestamp < '{planted["before"]}'::TIMESTAMPTZ
                AND ("properties.country" = '{slow}') = {there} GROUP BY customer
            """
        )
        assert (buyers, sum(count for (count,) in orders)) == (len(orders), cell["trials"])
        asks = [1 - (1 - cell["planted"]) ** count for (count,) in orders]
        assert abs(asked - sum(asks)) <= 5 * math.sqrt(sum(chance * (1 - chance) for chance in asks))


def test_the_map_is_alive(ws, shop):
    """Every measured step of the shop map is visited, few journeys reach the order, money is all there."""
    answer = ws.ask({"kind": "map", "map": "shop"})
    unvisited = {row["step"] for row in answer.rows if row["visits"] == 0}
    assert unvisited <= {"word-of-mouth", "unboxing"}
    totals = answer.totals
    assert totals["unidentified"] == 0
    assert totals["reached"] == shop.truth["orders"]["completed"]
    assert 0.02 < totals["reached"] / totals["journeys"] < 0.05
    visits = {row["step"]: row["visits"] for row in answer.rows}
    assert visits["product"] > visits["cart"] > visits["checkout"] > visits["payment"] > visits["order"]
    assert totals["value_gross"] == shop.truth["orders"]["total"]


def test_customers_are_told_apart(ws, shop):
    """Devices, guests and accounts become as many customers as the generator says can be told apart."""
    answer = ws.ask({"kind": "funnel", "steps": [{}, {"event": "Product Viewed"}], "within": "400d"})
    assert answer.rows[0]["reached"] == shop.truth["customers"]
