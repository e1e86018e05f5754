"""The words of one shop: what the numbers of the log stand for, made once per run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from periplus.simulate import events as e
from periplus.simulate import plan, texts, words
from periplus.simulate.catalogue import CATEGORIES, Catalogue


@dataclass(frozen=True)
class Words:
    """The values a coded column can have, all of one kind."""

    values: Sequence[str] | Sequence[int] | Sequence[float]
    _pools: dict[bytes, texts.Pool] = field(default_factory=dict, repr=False, compare=False)

    def keyed(self, key: bytes) -> texts.Pool:
        """Each value as JSON text with its key in front."""
        if key not in self._pools:
            self._pools[key] = texts.pool([key + _json(value).encode() for value in self.values])
        return self._pools[key]


def _json(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


class Dictionary:
    """All words of a shop, made once: what the numbers of the log stand for."""

    def __init__(self, goods: Catalogue, seed: int, currency: str) -> None:
        self.seed = seed
        categories = [row[0] for row in CATEGORIES]
        tracks = [name for name in e.NAMES if name not in ("identify", "Page Viewed")]
        self.event_codes = np.full(len(e.NAMES), -1, dtype=np.int32)
        self.event_codes[[e.NAMES.index(name) for name in tracks]] = np.arange(len(tracks))
        self.types = np.full(len(e.NAMES), 0, dtype=np.int32)
        self.types[[e.IDENTIFY, e.PAGE_VIEWED]] = [1, 2]
        self.product_category = goods.category
        self.product_count = len(goods.id)
        self.type = Words(["track", "identify", "page"])
        self.event = Words(tracks)
        self.channel = Words([*plan.CHANNELS, *plan.SERVICES])
        self.device = Words(plan.DEVICES)
        self.country = Words(plan.COUNTRIES)
        self.campaigns = {
            field: Words([getattr(row, field) for row in plan.CAMPAIGNS])
            for field in ("source", "medium", "name", "referrer")
        }
        self.path = Words(
            [
                *words.PAGE_PATHS,
                *(f"/c/{name}" for name in categories),
                *(f"/p/{id}" for id in goods.id),
                *words.LAST_PATHS,
            ]
        )
        self.product_id = Words(goods.id)
        self.name = Words([*goods.name, *words.PAGES, *words.PROMOTIONS])
        self.brand = Words(goods.brand)
        self.category = Words(categories)
        self.price = Words([price / 100 for price in goods.price.tolist()])
        self.currency = Words([currency])
        self.number = Words(list(range(128)))
        self.promotion = Words([f"promo-{place + 1}" for place in range(len(words.PROMOTIONS))])
        self.query = Words([query for row in words.QUERIES for query in row])
        self.coupon = Words(words.COUPONS)
        self.shipping = Words(words.SHIPPING)
        self.payment = Words(words.PAYMENTS)
        self.method = Words(words.METHODS)
        self.shared = Words(words.SHARED_BY)
        self.carrier = Words(plan.CARRIERS)
        self.reason = Words(
            [*words.CANCEL_REASONS, *words.RETURN_REASONS, *words.TICKET_REASONS, *words.CHAT_TOPICS]
        )
        self.review = Words([text for row in words.REVIEWS for text in row])
        self.program = Words(["circle"])
        self.subject = Words(
            [
                "Your cart is waiting" if row.name == "cart-reminder" else "News from the shop"
                for row in plan.CAMPAIGNS
            ]
        )
        self.link = Words(
            [
                f"https://shop.example/{'cart' if place == plan.REMINDER else ''}?utm_campaign={row.name}"
                for place, row in enumerate(plan.CAMPAIGNS)
            ]
        )
        people = [f"{first} {last}" for first in words.FIRST_NAMES for last in words.LAST_NAMES]
        self.full_name = Words(people)
        self.mail_prefix = texts.pool([f"{name.lower().replace(' ', '.')}.".encode() for name in people])
        self.basket_pieces = texts.pool([self._basket_piece(goods, place) for place in range(len(goods.id))])

    def _basket_piece(self, goods: Catalogue, place: int) -> bytes:
        """A product of a basket as JSON, up to its quantity."""
        product = {
            "product_id": goods.id[place],
            "name": goods.name[place],
            "category": CATEGORIES[goods.category[place]][0],
            "brand": goods.brand[place],
            "price": int(goods.price[place]) / 100,
        }
        return json.dumps(product, ensure_ascii=False, separators=(",", ":"))[:-1].encode() + b',"quantity":'
