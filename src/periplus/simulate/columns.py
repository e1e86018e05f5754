"""From the compact log to the columns of a Segment-spec file, by their flattened paths.

One list of columns serves both files: Parquet writes them as they are, JSONL nests them by their paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from periplus.simulate import events as e
from periplus.simulate import plan, texts, words
from periplus.simulate.catalogue import CATEGORIES
from periplus.simulate.dictionary import Dictionary, Words

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Coded:
    """A column of few different values: `codes: int32[n]`, -1 where there is none."""

    path: str
    codes: Codes
    words: Words


@dataclass(frozen=True)
class Text:
    """A column of texts that differ by row; `raw` ones are JSON already."""

    path: str
    data: texts.Bytes
    offsets: texts.Offsets
    raw: bool = False


@dataclass(frozen=True)
class Decimal:
    """A column of amounts in hundredths: `cents: int64[n]`, -1 where there is none."""

    path: str
    cents: NDArray[np.int64]


@dataclass(frozen=True)
class Moment:
    """A column of times, microseconds UTC."""

    path: str
    micros: NDArray[np.int64]


Column = Coded | Text | Decimal | Moment


_PREFIX = {name: texts.pool([name.encode()]) for name in ("c-", "k-", "o-", "t-", "r-")}


def columns(rows: Any, lines: Any, people: Any, first_person: int, words_of: Dictionary) -> list[Column]:
    """The columns of some events: `rows: ROW[n]` in the order of the file, with their baskets and people."""
    return _Chunk(rows, lines, people, first_person, words_of).columns()


class _Chunk:
    """The log in the order of the file, while its columns are made."""

    def __init__(self, rows: Any, lines: Any, people: Any, first_person: int, dictionary: Dictionary) -> None:
        self.rows, self.lines, self.dictionary = rows, lines, dictionary
        self.count = len(rows)
        self.event = np.ascontiguousarray(rows["event"])
        person = rows["person"]
        self.number = first_person + person.astype(np.int64)
        self.detail, self.more = np.ascontiguousarray(rows["detail"]), np.ascontiguousarray(rows["more"])
        self.product, self.campaign = np.ascontiguousarray(rows["product"]), rows["campaign"].astype(np.int32)
        self.device = rows["device"].astype(np.int32)
        self.country = people["country"][person].astype(np.int32)
        self.everywhere = np.ones(self.count, dtype=np.bool_)

    def among(self, *codes: int) -> NDArray[np.bool_]:
        """Which rows are one of these events."""
        table = np.zeros(len(e.NAMES), dtype=np.bool_)
        table[list(codes)] = True
        return np.asarray(table[self.event])

    def where(self, codes: NDArray[np.integer], mask: NDArray[np.bool_]) -> Codes:
        return np.where(mask, codes, -1).astype(np.int32)

    def ids(self, path: str, prefix: str, numbers: NDArray[np.int64]) -> Text:
        zeros = np.zeros(self.count, np.int32)
        return Text(path, *texts.numbered(_PREFIX[prefix], zeros, numbers, b""))

    def uuids(self, path: str, items: NDArray[np.integer], salt: int, present: NDArray[np.bool_]) -> Text:
        seed = self.dictionary.seed
        return Text(path, *texts.uuids(seed, self.number, items.astype(np.int64), salt, present))

    def columns(self) -> list[Column]:
        rows, words_of = self.rows, self.dictionary
        known = self.among(e.IDENTIFY)
        users = np.where(rows["user"] == 1, self.number, -1)
        anonymous = rows["anonymous"]
        result: list[Column] = [
            Coded("type", words_of.types[self.event], words_of.type),
            Coded("event", words_of.event_codes[self.event], words_of.event),
            self.uuids("messageId", rows["ordinal"], 2, self.everywhere),
            Moment("timestamp", np.ascontiguousarray(rows["time"])),
            self.ids("userId", "c-", users),
            self.uuids("anonymousId", anonymous, 3, anonymous >= 0),
            Coded("channel", rows["channel"].astype(np.int32), words_of.channel),
            *self.context(),
            *self.properties(),
        ]
        name = self.where(self.number % len(words_of.full_name.values), known)
        mails = texts.numbered(
            words_of.mail_prefix, np.maximum(name, 0), np.where(known, self.number, -1), b"@example.com"
        )
        result += [
            Text("traits.email", *mails),
            Coded("traits.name", name, words_of.full_name),
            Coded("traits.country", self.where(self.country, known), words_of.country),
        ]
        return result

    def context(self) -> list[Column]:
        words_of, event = self.dictionary, self.event
        landing = (event == e.PAGE_VIEWED) & (self.campaign >= 0)
        tagged = landing & np.array([row.name != "" for row in plan.CAMPAIGNS])[self.campaign]
        referred = landing & np.array([row.referrer != "" for row in plan.CAMPAIGNS])[self.campaign]
        tag = self.where(self.campaign, tagged)
        return [
            Coded("context.device.type", self.device, words_of.device),
            Coded("context.location.country", self.where(self.country, self.device >= 0), words_of.country),
            Coded("context.campaign.source", tag, words_of.campaigns["source"]),
            Coded("context.campaign.medium", tag, words_of.campaigns["medium"]),
            Coded("context.campaign.name", tag, words_of.campaigns["name"]),
            Coded("context.page.path", self.paths(), words_of.path),
            Coded(
                "context.page.referrer", self.where(self.campaign, referred), words_of.campaigns["referrer"]
            ),
        ]

    def paths(self) -> Codes:
        """The page on which an event of the web happened."""
        pages, categories, products = len(words.PAGES), len(CATEGORIES), self.dictionary.product_count
        rest = pages + categories + products
        fixed = np.full(len(e.NAMES), -1, dtype=np.int32)
        fixed[[e.PROMOTION_VIEWED, e.PROMOTION_CLICKED]] = words.HOME
        fixed[[e.PRODUCT_REMOVED, e.CART_VIEWED, e.COUPON_APPLIED]] = words.CART_PAGE
        fixed[e.SEARCHED] = words.SEARCH_PAGE
        fixed[[e.CHECKOUT_STARTED, e.CHECKOUT_STEP, e.PAYMENT_ENTERED, e.CHAT_STARTED]] = rest
        fixed[e.ORDER_COMPLETED] = rest + 1
        fixed[[e.IDENTIFY, e.ACCOUNT_CREATED, e.SIGNED_IN, e.LOYALTY_JOINED, e.FRIEND_REFERRED]] = rest + 2
        fixed[e.RETURN_REQUESTED] = rest + 3
        result = fixed[self.event]
        result = np.where(self.event == e.PAGE_VIEWED, self.detail, result)
        result = np.where(self.event == e.LIST_VIEWED, pages + self.detail, result)
        on_product = (self.product >= 0) & (self.event != e.PRODUCT_REMOVED)
        return np.where(on_product, pages + categories + self.product, result).astype(np.int32)

    def properties(self) -> list[Column]:
        rows, words_of = self.rows, self.dictionary
        event, detail, more, product = self.event, self.detail, self.more, self.product
        amount, shipping = rows["amount"], rows["shipping"]
        ordered = event == e.ORDER_COMPLETED
        promotion = self.among(e.PROMOTION_VIEWED, e.PROMOTION_CLICKED)
        mail = self.where(self.campaign, self.among(e.EMAIL_DELIVERED, e.EMAIL_OPENED, e.EMAIL_CLICKED))
        ticket = self.among(e.TICKET_CREATED, e.TICKET_SOLVED)
        valued = self.among(e.CART_VIEWED, e.CHECKOUT_STARTED)
        summed = self.among(e.ORDER_COMPLETED, e.ORDER_CANCELLED, e.ORDER_REFUNDED)
        parcel = self.among(e.ORDER_SHIPPED, e.ORDER_DELIVERED)

        name = product.copy()
        name = np.where(event == e.PAGE_VIEWED, words_of.product_count + detail, name)
        name = np.where(promotion, words_of.product_count + len(words.PAGES) + detail, name)
        category = np.where(product >= 0, words_of.product_category[product], -1)
        category = np.where(event == e.LIST_VIEWED, detail, category)
        reason = np.full(self.count, -1, dtype=np.int32)
        first = 0
        for mask, reasons in (
            (event == e.ORDER_CANCELLED, words.CANCEL_REASONS),
            (event == e.RETURN_REQUESTED, words.RETURN_REASONS),
            (ticket, words.TICKET_REASONS),
            (event == e.CHAT_STARTED, words.CHAT_TOPICS),
        ):
            reason = np.where(mask, first + detail, reason)
            first += len(reasons)
        baskets = texts.baskets(
            np.ascontiguousarray(rows["first_line"]),
            np.ascontiguousarray(rows["lines"]),
            np.ascontiguousarray(self.lines["product"]),
            np.ascontiguousarray(self.lines["quantity"]),
            words_of.basket_pieces,
        )
        priced = (product >= 0) | valued | summed
        steps = self.where(detail, event == e.CHECKOUT_STEP)
        reviewed = event == e.REVIEWED
        signed = self.among(e.ACCOUNT_CREATED, e.SIGNED_IN)
        shared = self.among(e.SHARED, e.FRIEND_REFERRED)
        paid = self.among(e.PAYMENT_ENTERED, e.ORDER_COMPLETED)
        nothing = np.zeros_like(detail)
        coded: list[tuple[str, Codes, Words]] = [
            ("name", name, words_of.name),
            ("product_id", product, words_of.product_id),
            ("category", category, words_of.category),
            ("brand", product, words_of.brand),
            ("price", product, words_of.price),
            ("quantity", rows["quantity"], words_of.number),
            ("currency", self.where(nothing, priced), words_of.currency),
            ("query", self.where(detail, event == e.SEARCHED), words_of.query),
            ("list_id", self.where(detail, event == e.LIST_VIEWED), words_of.category),
            ("promotion_id", self.where(detail, promotion), words_of.promotion),
            ("coupon", rows["coupon"], words_of.coupon),
            ("step", steps, words_of.number),
            ("shipping_method", self.where(more, steps == 2), words_of.shipping),
            ("payment_method", self.where(more, paid), words_of.payment),
            ("carrier", self.where(detail, parcel), words_of.carrier),
            ("country", self.where(self.country, parcel | ordered), words_of.country),
            ("days", self.where(more, event == e.ORDER_DELIVERED), words_of.number),
            ("reason", reason, words_of.reason),
            ("rating", self.where(more, reviewed), words_of.number),
            ("review_body", self.where((more - 1) * 3 + detail, reviewed), words_of.review),
            ("share_via", self.where(detail, shared), words_of.shared),
            ("method", self.where(detail, signed), words_of.method),
            ("program", self.where(nothing, event == e.LOYALTY_JOINED), words_of.program),
            ("campaign_name", mail, words_of.campaigns["name"]),
            ("email_subject", mail, words_of.subject),
            ("link_url", self.where(mail, event == e.EMAIL_CLICKED), words_of.link),
        ]
        return [
            *(Coded(f"properties.{name}", codes.astype(np.int32), of) for name, codes, of in coded),
            self.ids("properties.cart_id", "k-", rows["cart"]),
            self.ids("properties.order_id", "o-", rows["order"]),
            self.ids("properties.ticket_id", "t-", np.where(ticket, rows["number"], -1)),
            self.ids("properties.review_id", "r-", np.where(reviewed, rows["number"], -1)),
            Decimal("properties.value", np.where(valued, amount, -1)),
            Decimal("properties.total", np.where(summed, amount, -1)),
            Decimal("properties.revenue", np.where(ordered, amount - shipping, -1)),
            Decimal("properties.shipping", np.where(ordered, shipping, -1)),
            Decimal("properties.discount", np.where(ordered, rows["discount"], -1)),
            Text("properties.products", *baskets, raw=True),
        ]
