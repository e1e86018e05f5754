"""JSON read as leniently as its senders are careless: one bad value costs itself, not what stands around it.

A number that JSON does not have (`NaN`, `Infinity`), which Python and others write, is null; half of a
surrogate pair, left by cutting an emoji in two, is a question mark; both halves written apart (CESU-8, as Mixpanel's
library for browsers packs its base64) are the emoji.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

from periplus.errors import InputError

LONGEST_NUMBER = 40
"""Digits of a whole number; a longer one is read as a fraction."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def decoded(raw: bytes) -> Any:
    """The document in some bytes; raises InputError (`malformed`) where there is none.

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


def malformed(message: str, hint: str) -> InputError:
    """The error of a request of which nothing can be read."""
    return InputError(message, code="malformed", hint=hint)


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
