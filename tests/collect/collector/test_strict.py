"""A strict source: what is not on the tracking plan is refused at the door, counted and kept; all others are as before."""

from __future__ import annotations

from pathlib import Path

from tests.collect.collector.conftest import Shop

PLAN = {
    "events": {
        "Product Viewed": {"properties": {"price": "number"}},
        "Order Completed": {"properties": {"order_id": {"type": "text", "required": True}}},
    }
}


def message(n: int, event: str, **properties: object) -> dict[str, object]:
    return {"type": "track", "event": event, "userId": "u", "messageId": f"m{n}", "properties": properties}


SENT = [
    message(1, "Product Viewed", price=5),
    message(2, "Product Vieved"),
    message(3, "Product Viewed", price="5"),
    message(4, "Order Completed"),
    {"type": "identify", "userId": "u", "messageId": "m5", "traits": {"plan": "x"}},
    message(6, "bought", nr="o-1"),
]


def settled(shop: Shop) -> list[tuple[str, str]]:
    """The messages that were refused for the plan, by id, with what was said."""
    rows = shop.ws.rejects(limit=100)
    assert {row["reason"] for row in rows} <= {"off_plan"}
    return sorted((row["payload"].split('"messageId":"')[1][:2], row["message"]) for row in rows)


def test_only_a_strict_source_refuses(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    try:
        shop.ws.tracking_plan.adopt(PLAN)
        assert shop.send(*SENT).status == 200
        shop.flush()
        assert settled(shop) == []  # by default nothing is refused
        shop.ws.save_source({"name": "web", "strict": True})
        shop.collector.sources.refresh()
        for each in SENT:
            each["messageId"] = f"{str(each['messageId'])[1]}s"
        shop.send(*SENT)
        refused = settled(shop)
        assert [name for name, _ in refused] == ["2s", "3s", "4s", "6s"]
        said = dict(refused)
        assert said["2s"] == "Product Vieved: unknown event. Planned is 'Product Viewed'."
        assert said["3s"] == "Product Viewed, price: wrong type. Planned is 'number'."
        assert said["4s"].startswith("Order Completed, order_id: missing property.")
        # A mended vocabulary, and what was refused for want of it is sent again.
        shop.ws.vocabulary.adopt(
            {"name": "mine", "events": {"bought": "Order Completed"}, "properties": {"nr": "order_id"}}
        )
        shop.collector.finisher.refresh()
        ids = [row["id"] for row in shop.ws.rejects(limit=100) if '"6s"' in row["payload"]]
        assert list(shop.collector.replay(ids).values()) == ["accepted"]
        counts = shop.ws.ledger_counts("web")
        total = {
            name: sum(row[name] for row in counts)
            for name in ("received", "accepted", "rejected", "duplicate", "withheld")
        }
        assert (
            total["received"]
            == total["accepted"] + total["rejected"] + total["duplicate"] + total["withheld"]
        )
        assert total["rejected"] == 4
    finally:
        shop.collector.stop()


def test_a_strict_source_without_a_plan_refuses_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    try:
        shop.ws.save_source({"name": "web", "strict": True})
        shop.collector.sources.refresh()
        assert shop.send(*SENT).status == 200
        assert settled(shop) == []
    finally:
        shop.collector.stop()
