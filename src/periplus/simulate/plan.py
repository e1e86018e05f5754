"""What is planted: who comes to the simulated shop, how often, and how likely each next step is.

Everything a map should later find again stands in this file as a number. `STEPS` are the four rates
that the truth file states per device and kind of customer; `MOBILE_PAYMENT` and `SLOW` are the two
places where the journey is broken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARE = (0.60, 0.33, 0.07)

CHANNELS = ("cpc", "organic", "social", "email", "direct", "referral")
CPC, ORGANIC, SOCIAL, EMAIL, DIRECT, REFERRAL = range(6)

SERVICES = ("delivery", "support", "chat", "back office")
"""Further values of an event's channel, where nobody was visiting the shop."""
DELIVERY, SUPPORT, CHAT, BACK_OFFICE = range(len(CHANNELS), len(CHANNELS) + len(SERVICES))


@dataclass(frozen=True)
class Kind:
    """A kind of customer: share of all people, and habits. Rates are per occasion, in [0, 1]."""

    name: str
    share: float
    visits: float  # further visits in a year of staying with the shop, mean
    stays: float  # how long they stay with the shop, mean in days
    views: float  # product pages in a visit that goes past its landing page, mean
    bounce: float
    add: float  # per product view
    cart: float  # views the cart, per visit with something in it
    checkout: float  # per cart view
    payment: float  # per checkout
    order: float  # per payment entered
    account: float  # makes an account when checking out without one
    sign_in: float  # signs in on arrival, if there is an account
    search: float
    coupon: float
    review: float
    returns: float
    opens: float  # per newsletter
    clicks: float  # per opened newsletter
    channels: tuple[float, ...]  # how they come: cpc, organic, social, email, direct, referral


KINDS = (
    Kind("browser", share=0.44, visits=9.0, stays=60, views=2.3, bounce=0.48, add=0.017, cart=0.62,
         checkout=0.26, payment=0.70, order=0.930, account=0.40, sign_in=0.20, search=0.16, coupon=0.04,
         review=0.06, returns=0.09, opens=0.22, clicks=0.10, channels=(0.24, 0.34, 0.26, 0.0, 0.10, 0.06)),
    Kind("bargain hunter", share=0.22, visits=14.0, stays=110, views=3.0, bounce=0.38, add=0.038,
         cart=0.74, checkout=0.30, payment=0.76, order=0.940, account=0.60, sign_in=0.35, search=0.22,
         coupon=0.55, review=0.08, returns=0.12, opens=0.42, clicks=0.24,
         channels=(0.36, 0.26, 0.20, 0.0, 0.10, 0.08)),
    Kind("gift buyer", share=0.13, visits=3.0, stays=40, views=2.7, bounce=0.40, add=0.046, cart=0.74,
         checkout=0.42, payment=0.78, order=0.945, account=0.30, sign_in=0.15, search=0.26, coupon=0.10,
         review=0.05, returns=0.13, opens=0.18, clicks=0.12, channels=(0.30, 0.34, 0.16, 0.0, 0.08, 0.12)),
    Kind("errand", share=0.14, visits=2.0, stays=35, views=1.6, bounce=0.36, add=0.072, cart=0.80,
         checkout=0.48, payment=0.82, order=0.955, account=0.35, sign_in=0.20, search=0.46, coupon=0.06,
         review=0.05, returns=0.07, opens=0.16, clicks=0.08, channels=(0.30, 0.50, 0.04, 0.0, 0.10, 0.06)),
    Kind("loyal", share=0.07, visits=22.0, stays=260, views=3.0, bounce=0.20, add=0.064, cart=0.82,
         checkout=0.50, payment=0.86, order=0.965, account=0.90, sign_in=0.65, search=0.20, coupon=0.16,
         review=0.24, returns=0.08, opens=0.56, clicks=0.30, channels=(0.08, 0.24, 0.14, 0.0, 0.48, 0.06)),
)  # fmt: skip

GIFT, LOYAL = (
    next(place for place, kind in enumerate(KINDS) if kind.name == name) for name in ("gift buyer", "loyal")
)

STEPS = (
    ("view_to_add", "Product Viewed", "Product Added"),
    ("cart_to_checkout", "Cart Viewed", "Checkout Started"),
    ("checkout_to_payment", "Checkout Started", "Payment Info Entered"),
    ("payment_to_order", "Payment Info Entered", "Order Completed"),
)
ADD, CHECKOUT, PAYMENT, ORDER = range(4)

MOBILE_PAYMENT = 0.52
"""The first break: on a phone only this part of those who would pay on a desktop pass the address form."""

GIVES_UP_MOBILE, GIVES_UP = 0.6, 0.25
"""Share of those whose checkout broke off who never come back: on a phone, and elsewhere."""

ON_DEVICE = ((0.85, 1.0, 0.95), (0.90, 1.0, 0.96), (MOBILE_PAYMENT, 1.0, 0.97), (0.99, 1.0, 1.0))
"""Factors on the rates of a kind: one row per step, one number per device."""


def rates() -> NDArray[np.float64]:
    """The planted rates, [step, device, kind]."""
    of_kind = np.array([[kind.add, kind.checkout, kind.payment, kind.order] for kind in KINDS]).T
    return np.asarray(np.array(ON_DEVICE)[:, :, None] * of_kind[:, None, :])


COUNTRIES = ("GR", "RO", "DE", "IT", "FR", "CY", "BG", "TW")
COUNTRY_SHARE = (0.31, 0.19, 0.15, 0.11, 0.09, 0.06, 0.06, 0.03)
CARRIERS = ("Argo Parcel", "Lyra Express", "Kestrel Post")
CARRIER_OF = (0, 2, 1, 1, 1, 0, 0, 1)

SLOW = COUNTRIES.index("RO")
"""The second break: parcels there take `SLOW_DAYS` instead of `USUAL_DAYS` (medians, from shipping on)."""
USUAL_DAYS, SLOW_DAYS = 2.4, 9.5
TICKET_USUAL, TICKET_SLOW = 0.045, 0.32
"""Share of orders with a support ticket about them, within `TICKET_WITHIN` days of the order."""
TICKET_WITHIN = 21
DISCOURAGED = 0.5
"""After a slow delivery a customer comes by this factor as often."""

CANCELLED = 0.025
FORGOTTEN = 0.6
"""Share of visits, other than from a reminder, that begin with an empty cart whatever was in it."""
NEWSLETTER = 0.68
"""Share of accounts that take the newsletter."""
REMINDER_OPENS, REMINDER_CLICKS = 0.46, 0.34


@dataclass(frozen=True)
class Campaign:
    """How a visit is tagged: a row without `name` is an untagged way in, known by its referrer alone."""

    channel: int
    source: str
    medium: str
    name: str
    referrer: str
    weight: float
    months: tuple[int, ...] = tuple(range(1, 13))


GOOGLE = "https://www.google.com/"
CAMPAIGNS = (
    Campaign(CPC, "google", "cpc", "shopping", GOOGLE, 5),
    Campaign(CPC, "google", "cpc", "brand", GOOGLE, 2),
    Campaign(CPC, "bing", "cpc", "shopping", "https://www.bing.com/", 1),
    Campaign(CPC, "google", "cpc", "spring-wardrobe", GOOGLE, 3, (3, 4, 5)),
    Campaign(CPC, "google", "cpc", "summer-sale", GOOGLE, 4, (7, 8)),
    Campaign(CPC, "google", "cpc", "black-friday", GOOGLE, 9, (11,)),
    Campaign(CPC, "facebook", "paid-social", "gift-finder", "https://www.facebook.com/", 4, (11, 12, 2)),
    Campaign(ORGANIC, "", "", "", GOOGLE, 8),
    Campaign(ORGANIC, "", "", "", "https://www.bing.com/", 1),
    Campaign(ORGANIC, "", "", "", "https://duckduckgo.com/", 1),
    Campaign(SOCIAL, "instagram", "social", "looks-of-the-week", "https://www.instagram.com/", 5),
    Campaign(SOCIAL, "tiktok", "social", "unboxing", "https://www.tiktok.com/", 3),
    Campaign(SOCIAL, "", "", "", "https://www.facebook.com/", 2),
    Campaign(SOCIAL, "pinterest", "social", "autumn-rooms", "https://www.pinterest.com/", 2, (9, 10, 11)),
    Campaign(EMAIL, "newsletter", "email", "newsletter", "", 1),
    Campaign(EMAIL, "shop", "email", "cart-reminder", "", 1),
    Campaign(DIRECT, "", "", "", "", 1),
    Campaign(REFERRAL, "slow-wardrobe", "referral", "blog-review", "https://slow-wardrobe.example/", 3),
    Campaign(REFERRAL, "", "", "", "https://forum.homeware.example/", 2),
)
LETTER, REMINDER = (
    next(place for place, row in enumerate(CAMPAIGNS) if row.name == name)
    for name in ("newsletter", "cart-reminder")
)
NO_CAMPAIGN = next(place for place, row in enumerate(CAMPAIGNS) if row.channel == DIRECT)
