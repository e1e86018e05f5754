"""Identifiers of people: their kinds and ranks, how they are normalised, which are junk, and the hash of a customer.

    rank        kinds                   joins
    user        user id                 by an alias only
    person      e-mail, phone           those that occur together, on one event
    device      anonymous id            never
    reference   order, ticket number    never

Each rule stands here once as SQL, so that millions are done at a time.
"""

from __future__ import annotations

import hashlib

from periplus.collect.identifying import JUNK
from periplus.store.door import literal

_LISTED = ", ".join(literal(word) for word in JUNK)


def usable(column: str) -> str:
    """SQL: the identifier in `column` without surrounding space, or NULL where it is junk.

    The second test catches all-zero ids of any length, dashes included.
    """
    text = f"trim({column}, E' \\t\\r\\n')"
    return (
        f"CASE WHEN lower({text}) IN ({_LISTED}) OR trim({text}, '0-') = '' OR length({text}) > 1000 "
        f"THEN NULL ELSE {text} END"
    )


def email(column: str) -> str:
    """SQL: an e-mail address in lower case, or NULL where it is junk or has no @ inside."""
    return f"CASE WHEN position('@' IN {column}) > 1 THEN lower({usable(column)}) END"


def phone(column: str) -> str:
    """SQL: a phone number as + and digits (00 read as +), or NULL where fewer than 6 digits are left."""
    digits = f"regexp_replace({column}, '[^0-9+]', '', 'g')"
    plain = f"CASE WHEN starts_with({digits}, '00') THEN '+' || substr({digits}, 3) ELSE {digits} END"
    return f"CASE WHEN length({digits}) >= 6 AND trim({digits}, '0+') <> '' THEN {plain} END"


def hashed(kind: str, value: str) -> str:
    """SQL: the customer hash of the identifier in the expression `value`; never 0, which means nobody."""
    return f"greatest(md5_number_upper({literal(kind + chr(31))} || {value}), 1::UBIGINT)"


def customer_hash(kind: str, value: str) -> int:
    """The same hash for one identifier already normalised.

    >>> customer_hash("user", "u1") == customer_hash("user", "u1") != customer_hash("device", "u1")
    True
    """
    digest = hashlib.md5(f"{kind}\x1f{value}".encode(), usedforsecurity=False).digest()
    return max(int.from_bytes(digest[:8], "little"), 1)
