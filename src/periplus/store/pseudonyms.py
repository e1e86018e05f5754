"""What stands in the place of an e-mail address or a phone number that is kept hashed.

A pseudonym carries 128 bits of a keyed hash (`tombstones.keyed`) in a form that is read as an identifier of its
kind everywhere, and is no real one: `hashed.invalid` can never be a domain (RFC 2606), and no country's code
begins with 0. So who is who, guards, search and export go on as with the address itself.

    e-mail   32 hexadecimal digits, @hashed.invalid
    phone    +0 and the same number as 39 decimal digits
"""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["email", "phone"]
FORMS: tuple[Form, ...] = ("email", "phone")
"""Kinds of identifiers that can be kept hashed, which are also the two forms."""
DOMAIN = "hashed.invalid"
SHOWN = 8
"""Digits of a pseudonym that people are shown."""
_EMAIL = re.compile(rf"([0-9a-f]{{32}})@{re.escape(DOMAIN)}")
_PHONE = re.compile(r"\+0([0-9]{39})")


def written(form: Form, digest: str) -> str:
    """The pseudonym of a hash of 32 hexadecimal digits.

    >>> written("email", "0f" * 16), written("phone", "00" * 15 + "ff")
    ('0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f@hashed.invalid', '+0000000000000000000000000000000000000255')
    """
    return f"{digest}@{DOMAIN}" if form == "email" else f"+0{int(digest, 16):039d}"


def form(text: str) -> Form | None:
    """Which sort of pseudonym a text is; None for one that is none."""
    if text.endswith(DOMAIN) and _EMAIL.fullmatch(text):
        return "email"
    return "phone" if text.startswith("+0") and digest(text) is not None else None


def digest(text: str) -> str | None:
    """The hash that a pseudonym carries; None for a text that is none.

    >>> digest(written("phone", "00" * 15 + "ff"))
    '000000000000000000000000000000ff'
    """
    if (found := _EMAIL.fullmatch(text)) is not None:
        return found[1]
    found = _PHONE.fullmatch(text)
    return None if found is None or int(found[1]) >> 128 else f"{int(found[1]):032x}"


def digest_sql(column: str) -> str:
    """SQL: the same."""
    number = f"TRY_CAST(substr({column}, 3) AS UHUGEINT)"
    return (
        f"CASE WHEN regexp_full_match({column}, '[0-9a-f]{{32}}@{re.escape(DOMAIN)}') THEN {column}[:32] "
        f"WHEN regexp_full_match({column}, '\\+0[0-9]{{39}}') THEN lpad(lower(hex({number})), 32, '0') END"
    )
