"""Ecwid's webhooks by themselves, and completed from an API that runs here."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from periplus.collect.shops.ecwid_api import LARGEST, EcwidApi
from periplus.errors import AccessError, BusyError, DocumentError, NotFoundError
from tests.collect.hooks.deliveries import SYSTEMS, body, delivery, names, read, taken

ECWID = SYSTEMS["ecwid"]


class _Shop(BaseHTTPRequestHandler):
    """The API of store 1003, for the token `secret_1`."""

    documents: ClassVar[dict[str, str]] = {
        "orders/XJ12H": "api_order",
        "carts/320AB5DE-5EA6-4419-A4CF-0B04D2913190": "api_cart",
        "customers/172867214": "api_customer",
        "products/413873673": "api_product",
    }

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer secret_1":
            return self._send(403, b"{}")
        path = self.path.removeprefix("/api/v3/1003/")
        odd = {
            "orders/BUSY": (500, b"{}"),
            "orders/LONG": (200, b" " * (LARGEST + 10)),
            "orders/TEXT": (200, b"<html>"),
        }
        if path in odd:
            return self._send(*odd[path])
        if path == "orders/AWAY":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/stolen")
            self.end_headers()
            return None
        if path in self.documents:
            return self._send(200, json.dumps(body("ecwid", self.documents[path])).encode())
        return self._send(404, b"{}")

    def _send(self, status: int, raw: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args: Any) -> None:
        del args


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v3"
    server.shutdown()
    server.server_close()
    thread.join()


def completed(name: str, base: str) -> Any:
    request = delivery("ecwid", name)
    return ECWID.complete(request, ECWID.read(request), EcwidApi("1003", "secret_1", base))


def test_a_webhook_alone_never_completes_an_order() -> None:
    (told,) = read("ecwid", "order_created")
    assert told == {
        "type": "track",
        "event": "Order Updated",
        "messageId": "XJ12H:updated:80aece08-40e8-4145-8764-6c2f0d386780",
        "timestamp": "2026-03-02T14:00:05Z",
        "properties": {
            "order_id": "XJ12H",
            "payment_status": "PAID",
            "fulfillment_status": "AWAITING_PROCESSING",
        },
    }


def test_states_are_told_by_the_webhook_alone() -> None:
    assert names(read("ecwid", "order_shipped")) == ["Order Updated", "Order Shipped"]
    _, cancelled = read("ecwid", "order_cancelled")
    assert cancelled["event"] == "Order Cancelled"
    assert cancelled["properties"] == {"order_id": "B8HGD"}, "without a total the whole order is meant"


def test_an_order_is_completed_from_the_shop(base: str) -> None:
    order, changed = completed("order_created", base).messages
    assert (order["event"], order["messageId"], order["timestamp"]) == (
        "Order Completed", "XJ12H", "2026-03-02T14:00:00Z",
    )  # fmt: skip
    assert (order["userId"], order["email"], order["phone"]) == (
        "172867214",
        "eva@example.com",
        "+40712345678",
    )
    assert order["properties"] == {
        "order_id": "XJ12H", "total": 38.9, "subtotal": 30.5, "shipping": 10.0, "tax": 6.1, "discount": 1.6,
        "coupon": "SPRING", "payment_method": "Card",
        "products": [
            {
                "product_id": "413873673", "sku": "00001291", "name": "Olive oil soap", "variant": "Small",
                "price": 15.25, "quantity": 2, "image_url": "https://cdn.example/soap.jpg",
            }
        ],
    }  # fmt: skip
    assert order["context"]["consent"]["categoryPreferences"] == {"marketing.email": True}
    assert changed["event"] == "Order Updated"


def test_what_was_noticed_first_is_not_told_twice(base: str) -> None:
    shipped = [
        message
        for message in completed("order_shipped", base).messages
        if message["event"] == "Order Shipped"
    ]
    assert [message["messageId"] for message in shipped] == ["XJ12H:shipped"]


def test_a_cart_left_behind_has_an_address(base: str) -> None:
    (cart,) = completed("unfinished_order", base).messages
    assert (cart["event"], cart["email"]) == ("Checkout Started", "dan@example.com")
    assert cart["properties"]["total"] == 25.25


def test_customers_and_products(base: str) -> None:
    (said,) = completed("customer_created", base).messages
    assert (said["type"], said["userId"], said["email"]) == ("identify", "172867214", "eva@example.com")
    reading = completed("product_updated", base)
    assert list(reading.messages) == []
    assert reading.found["product"]["sku"] == "00001291"


def test_an_order_that_is_gone_leaves_what_the_webhook_said(base: str) -> None:
    request = delivery("ecwid", "order_cancelled")
    reading = ECWID.read(request)
    assert ECWID.complete(request, reading, EcwidApi("1003", "secret_1", base)) == reading


@pytest.mark.parametrize(
    ("path", "token", "problem"),
    [
        ("orders/NONE", "secret_1", NotFoundError),
        ("orders/XJ12H", "secret_2", AccessError),
        ("orders/BUSY", "secret_1", BusyError),
        ("orders/TEXT", "secret_1", BusyError),
        ("orders/AWAY", "secret_1", BusyError),
        ("orders/LONG", "secret_1", NotFoundError),
    ],
)
def test_answers_of_the_shop_are_never_believed_blindly(
    base: str, path: str, token: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem) as raised:
        EcwidApi("1003", token, base)(path)
    assert token not in str(raised.value)


def test_a_shop_that_does_not_answer_is_asked_again() -> None:
    with pytest.raises(BusyError):
        EcwidApi("1003", "secret_1", "http://127.0.0.1:1/api")("orders/XJ12H")


@pytest.mark.parametrize(
    ("store", "token", "base"),
    [("a/../b", "t", None), ("1003", "", None), ("1003", "t", "http://app.ecwid.com/api/v3")],
)
def test_access_is_checked_before_it_is_used(store: str, token: str, base: str | None) -> None:
    with pytest.raises(DocumentError):
        EcwidApi(store, token, *([base] if base else []))


def test_refunds_are_told_apart_by_their_date() -> None:
    from periplus.collect.shops import ecwid

    order = body("ecwid", "api_order") | {
        "paymentStatus": "PARTIALLY_REFUNDED",
        "refunds": [
            {"date": "2026-03-05 10:00:00 +0000", "source": "CP", "reason": "Broken", "amount": 15.25},
            {"date": "2026-03-06 10:00:00 +0000", "source": "CP", "amount": 5},
        ],
    }
    kept = taken([ecwid.order(order, None), ecwid.order(order, "2026-03-07T00:00:00Z")])
    refunds = [message for message in kept.values() if message["event"] == "Order Refunded"]
    assert [message["properties"]["total"] for message in refunds] == [15.25, 5.0]
    assert [message["timestamp"] for message in refunds] == ["2026-03-05T10:00:00Z", "2026-03-06T10:00:00Z"]
