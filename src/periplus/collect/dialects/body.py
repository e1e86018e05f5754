"""What a request carries, read as leniently as its senders are careless: JSON, forms, a key in a header.

The door has decompressed the body already. Content types are not believed: some clients label JSON as a
form. A number that JSON does not have (`NaN`, `Infinity`), which Python and others write, is null; half of
a surrogate pair, left by cutting an emoji in two, is a question mark; both halves written apart (CESU-8, as Mixpanel's
library for browsers packs its base64) are the emoji. One such value costs itself, not its batch.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from periplus.errors import InputError

LONGEST_NUMBER = 40
"""Digits of a whole number; a longer one is read as a fraction."""
MOST_FIELDS = 1000
"""Fields of one form that are read."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decoded(raw: bytes) -> Any:
    """The JSON of a body; raises InputError (`malformed`) where it is none.

    >>> decoded(b'{"price": NaN, "name": "\\\\ud83d"}')
    {'price': None, 'name': '?'}
    """
    raw = raw.removeprefix(_BYTE_ORDER_MARK)
    try:
        return msgspec.json.decode(raw)
    except RecursionError:
        raise malformed("The body is nested too deeply.", "Nest less deeply.") from None
    except ValueError:
        return _mended(raw)


def _mended(raw: bytes) -> Any:
    """The same with the values that no JSON has made harmless."""
    try:
        found = json.loads(_text(raw), parse_constant=lambda _: None, parse_float=_float, parse_int=_int)
        return msgspec.json.decode(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError:
        raise malformed("The body is nested too deeply.", "Nest less deeply.") from None
    except ValueError as problem:
        raise malformed(f"The body is not JSON: {problem}.", "Send UTF-8 text in JSON, whole.") from None


def _text(raw: bytes) -> str:
    """UTF-8, or CESU-8; what is neither is replaced."""
    try:
        halves = raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")
    return halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _float(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _int(text: str) -> int | float | None:
    return int(text) if len(text) <= LONGEST_NUMBER else _float(text)


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
    scheme, _space, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return text.partition(":")[0] or None


def malformed(message: str, hint: str) -> InputError:
    """The error of a request of which nothing can be read."""
    return InputError(message, code="malformed", hint=hint)
