"""Who a message speaks of: its identifiers, normalised as identity does it, and which values mean nobody.

The twin, one message at a time, of the SQL in `people/identifiers.py`, which takes `JUNK` from here; a
test holds them together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

JUNK = (
    "", "-", "--", "null", "(null)", "<null>", "none", "nil", "nan", "undefined", "[object object]", "unknown",
    "guest", "anonymous", "anon", "n/a", "na", "#n/a", "(not set)", "not set", "not_set", "false", "true",
    "test", "default", "user", "visitor", "customer", "0", "-1", "\\n",
)  # fmt: skip
"""Values that mean nobody, in lower case; all zeros in any length are junk too."""
JUNK_MAILS = (
    "a@a.com", "aa@aa.com", "abc@abc.com", "asd@asd.com", "asdf@asdf.com", "email@email.com", "email@example.com",
    "mail@mail.com", "me@me.com", "name@example.com", "user@example.com", "xx@xx.com", "xxx@xxx.com",
)  # fmt: skip
"""Addresses that forms are filled in with where one is asked for and not given."""
JUNK_BOXES = (
    "noreply", "no-reply", "no_reply", "no.reply", "donotreply", "do-not-reply", "do_not_reply", "nomail", "no-mail",
    "noemail", "no-email", "none", "null", "undefined", "unknown", "guest", "anonymous", "anon", "nobody", "test",
)  # fmt: skip
"""What stands before the @ where nobody reads the mail, at any shop."""
JUNK_ROWS = ("12345678901234567890", "01234567890123456789")
"""A phone number that begins as one of these counts up, and is nobody's."""
KINDS = ("user", "email", "phone", "device")
"""Kinds of identifiers that a consent can be given under."""

_JUNK = frozenset(JUNK)
_NO_DIGIT = re.compile("[^0-9+]")


def identifiers(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, value) of each identifier in a message, as identity compares them; junk is left out.

    >>> list(identifiers({"userId": 7, "anonymousId": "undefined", "traits": {"email": " Ann@Example.org"}}))
    [('user', '7'), ('email', 'ann@example.org')]
    """
    for kind, name in (("user", "userId"), ("device", "anonymousId")):
        if (value := normal(kind, _text(message.get(name)))) is not None:
            yield kind, value
    context = message.get("context")
    places = [message, message.get("traits") if message.get("type") != "group" else None]
    places.append(context.get("traits") if isinstance(context, Mapping) else None)
    for name in ("email", "phone"):
        texts = (_text(place.get(name)) for place in places if isinstance(place, Mapping))
        if (value := normal(name, next((text for text in texts if text), None))) is not None:
            yield name, value


def normal(kind: str, text: str | None) -> str | None:
    """An identifier as identity compares it, or None where it means nobody."""
    if text is None:
        return None
    if kind == "phone":
        digits = _NO_DIGIT.sub("", text)
        plain = f"+{digits[2:]}" if digits.startswith("00") else digits
        return plain if len(digits) >= 6 and digits.strip("0+") and not _is_made_up(plain) else None
    trimmed = text.strip(" \t\r\n")
    if trimmed.lower() in _JUNK or not trimmed.strip("0-") or len(trimmed) > 1000:
        return None
    if kind == "email":
        plain = trimmed.lower()
        return plain if text.find("@") > 0 and not _is_nobodys_box(plain) else None
    return trimmed


def _is_nobodys_box(mail: str) -> bool:
    return mail in JUNK_MAILS or mail.partition("@")[0] in JUNK_BOXES


def _is_made_up(phone: str) -> bool:
    """Whether a number counts up, or is one digit at least six times after at most three others."""
    digits = phone.lstrip("+")
    others = digits.rstrip(digits[-1:])
    return digits[:20] in (row[: len(digits)] for row in JUNK_ROWS) or (
        len(others) <= 3 and len(digits) - len(others) >= 6
    )


def hashed(kind: str, value: str) -> str:
    """32 hexadecimal digits that stand for an identifier where the identifier itself is not to be kept."""
    return hashlib.sha256(f"{kind}\x1f{value}".encode()).hexdigest()[:32]


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
