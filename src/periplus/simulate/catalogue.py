"""What the shop sells: categories, products, brands, log-normal prices, and how often each is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CATEGORIES = (
    # name, share of interest, median price, nouns
    ("shoes", 0.15, 74.0, ("Sneaker", "Ankle Boot", "Loafer", "Sandal", "Trail Shoe")),
    ("bags", 0.09, 68.0, ("Tote", "Crossbody Bag", "Backpack", "Weekender")),
    ("jackets", 0.10, 128.0, ("Parka", "Rain Jacket", "Blazer", "Denim Jacket")),
    ("dresses", 0.11, 64.0, ("Wrap Dress", "Shirt Dress", "Midi Dress")),
    ("shirts", 0.12, 39.0, ("Oxford Shirt", "Linen Shirt", "Tee", "Polo")),
    ("trousers", 0.09, 59.0, ("Chino", "Jeans", "Wide Trouser")),
    ("knitwear", 0.08, 72.0, ("Cardigan", "Crewneck", "Merino Roll Neck")),
    ("accessories", 0.10, 24.0, ("Scarf", "Belt", "Beanie", "Sunglasses", "Café Apron")),
    ("home", 0.09, 34.0, ("Candle", "Throw", "Ceramic Mug", "Vase", "Cushion")),
    ("beauty", 0.07, 19.0, ("Hand Cream", "Soap Bar", "Face Oil")),
)
PER_CATEGORY = 60
_ADJECTIVES = ("Aegean", "Amber", "Basalt", "Clay", "Cobalt", "Dune", "Ember", "Fennel", "Granite",
               "Harbour", "Indigo", "Juniper", "Kelp", "Linden", "Marble", "Olive", "Pebble", "Quartz",
               "Saffron", "Thyme")  # fmt: skip
_BRANDS = ("Anemos", "Kalamos", "Norra", "Petra & Fils", "Salt Road", "Thalassa", "Umbra", "Zorile")


@dataclass(frozen=True)
class Catalogue:
    """Products in order of category; `price` in minor units, `popular` cumulated within each category."""

    id: list[str]
    name: list[str]
    brand: list[str]
    category: NDArray[np.int32]
    price: NDArray[np.int64]
    popular: NDArray[np.float64]
    first: NDArray[np.int32]  # of category c: products first[c] up to first[c + 1]


def catalogue(seed: int) -> Catalogue:
    """The catalogue of the shop with this seed."""
    chance = np.random.Generator(np.random.PCG64([seed, 0xCA7A]))
    names: list[str] = []
    brands: list[str] = []
    prices: list[NDArray[np.int64]] = []
    popular: list[NDArray[np.float64]] = []
    for _, _, median, nouns in CATEGORIES:
        for place in range(PER_CATEGORY):
            adjective = _ADJECTIVES[(place // len(nouns) + int(chance.integers(3)) * 7) % len(_ADJECTIVES)]
            names.append(f"{adjective} {nouns[place % len(nouns)]} {place + 1:02d}")
            brands.append(_BRANDS[int(chance.integers(len(_BRANDS)))])
        drawn = np.exp(chance.normal(np.log(median), 0.45, PER_CATEGORY))
        prices.append((np.maximum(np.round(drawn), 4) * 100 - 10).astype(np.int64))
        rank = chance.permutation(PER_CATEGORY) + 1.0
        share = rank**-0.9
        popular.append(np.cumsum(share / share.sum()))
    count = len(CATEGORIES)
    return Catalogue(
        id=[f"p-{place:04d}" for place in range(count * PER_CATEGORY)],
        name=names,
        brand=brands,
        category=np.repeat(np.arange(count, dtype=np.int32), PER_CATEGORY),
        price=np.concatenate(prices),
        popular=np.concatenate(popular),
        first=(np.arange(count + 1) * PER_CATEGORY).astype(np.int32),
    )
