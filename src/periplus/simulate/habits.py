"""Habits of the kinds of customers as one table for the compiled loops: a row number for each habit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from periplus.simulate import catalogue
from periplus.simulate.plan import KINDS

CATEGORIES = len(catalogue.CATEGORIES)
PRODUCTS = CATEGORIES * catalogue.PER_CATEGORY

HABITS = (
    "visits",
    "stays",
    "views",
    "bounce",
    "cart",
    "account",
    "sign_in",
    "search",
    "coupon",
    "review",
    "returns",
    "opens",
    "clicks",
)
(VISITS, STAYS, VIEWS, BOUNCE, CART, ACCOUNT, SIGN_IN, SEARCH, COUPON, REVIEW, RETURNS, OPENS, CLICKS) = (
    range(13)
)


def habits() -> NDArray[np.float64]:
    """`float64[habit, kind]`."""
    return np.array([[getattr(kind, habit) for kind in KINDS] for habit in HABITS], dtype=np.float64)
