"""What a request carries, read as leniently as its senders are careless: JSON, forms, a key in a header.

The door has decompressed the body already. Content types are not believed: some clients label JSON as a
form.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from periplus.collect.lenient import decoded as decoded
from periplus.collect.lenient import malformed as malformed

MOST_FIELDS = 1000
"""Fields of one form that are read."""


def decoded_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body; raises InputError (`malformed`) where it is none."""
    found = decoded(raw)
    if not isinstance(found, dict):
        raise malformed("The body is not a JSON object.", "Send an object, in braces.")
    return found


def form(raw: bytes) -> dict[str, str]:
    """The fields of a form; of equal names the first."""
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise malformed("The form has too many fields.", f"Send at most {MOST_FIELDS}.") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def packed(text: str) -> bytes:
    """JSON as it stands in a field of a form or a query: plain, or in base64 of either alphabet."""
    stripped = text.strip()
    if stripped[:1] in ("{", "["):
        return stripped.encode()
    # A plus sign that nobody escaped has become a space on the way.
    base = stripped.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(base + "=" * (-len(base) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise malformed(
            "`data` is neither JSON nor base64.", "Send `data` as JSON or base64 of it."
        ) from None


def first(pairs: Sequence[tuple[str, str]], name: str) -> str | None:
    """The first value of a name in a query; None where there is none, or an empty one."""
    return next((value for key, value in pairs if key == name and value), None)


def basic_user(headers: Mapping[str, str]) -> str | None:
    """The user of `Authorization: Basic`, where clients put their key; None where there is none."""
    said = headers.get("authorization")
    return None if said is None else _user(said)


@lru_cache(maxsize=256)
def _user(said: str) -> str | None:
    scheme, _space, rest = said.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[0] or None
