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
from collections.abc import Sequence

from periplus.collect.identifying import JUNK, JUNK_BOXES, JUNK_MAILS, JUNK_ROWS
from periplus.store.door import literal


def _listed(words: Sequence[str]) -> str:
    return ", ".join(literal(word) for word in words)


_LISTED = _listed(JUNK)
_WORD = max(map(len, JUNK))


def usable(column: str) -> str:
    """SQL: the identifier in `column` without surrounding space, or NULL where it is junk.

    Most are longer than any word that is junk, and begin and end with a letter: these are told at a glance, which is three
    times as fast. The last test catches all-zero ids of any length, dashes included.
    """
    text = trimmed(column)
    plain = f"length({column}) BETWEEN {_WORD + 1} AND 1000 AND left({column}, 1) > '0' AND right({column}, 1) > ' '"
    return (
        f"CASE WHEN {plain} THEN {column} WHEN lower({text}) IN ({_LISTED}) OR trim({text}, '0-') = '' OR length({text}) > 1000 "
        f"THEN NULL ELSE {text} END"
    )


def email(column: str) -> str:
    """SQL: an e-mail address in lower case, or NULL where it is junk, nobody's box, or has no @ inside."""
    plain = f"lower({trimmed(column)})"
    return (
        f"CASE WHEN position('@' IN {column}) > 1 AND {plain} NOT IN ({_listed(JUNK_MAILS)}) "
        f"AND split_part({plain}, '@', 1) NOT IN ({_listed(JUNK_BOXES)}) THEN lower({usable(column)}) END"
    )


def phone(column: str) -> str:
    """SQL: a phone number as + and digits (00 read as +), or NULL where it is too short for one, or made up."""
    digits = f"regexp_replace({column}, '[^0-9+]', '', 'g')"
    bare = f"ltrim({plain_phone(column)}, '+')"
    others = f"rtrim({bare}, right({bare}, 1))"
    counts_up = " OR ".join(f"{bare}[:20] = {literal(row)}[:length({bare})]" for row in JUNK_ROWS)
    one_digit = f"length({others}) <= 3 AND length({bare}) - length({others}) >= 6"
    return (
        f"CASE WHEN length({digits}) >= 6 AND trim({digits}, '0+') <> '' AND NOT ({counts_up} OR ({one_digit})) "
        f"THEN {plain_phone(column)} END"
    )


def plain_phone(column: str) -> str:
    """SQL: a phone number as + and digits, be it one or not: what `phone` gives, where it gives any."""
    digits = f"regexp_replace({column}, '[^0-9+]', '', 'g')"
    return f"CASE WHEN starts_with({digits}, '00') THEN '+' || substr({digits}, 3) ELSE {digits} END"


def trimmed(column: str) -> str:
    """SQL: the text in `column` without surrounding space: what `usable` gives, where it gives any."""
    return f"trim({column}, E' \\t\\r\\n')"


def reference(column: str) -> str:
    """SQL: an order's or ticket's number with its kind in front (`order_id:7`), or NULL where the number is junk."""
    number = f"substr({column}, position(':' IN {column}) + 1)"
    return f"CASE WHEN {usable(number)} IS NOT NULL THEN {column} END"


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
