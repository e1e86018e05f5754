"""JSON from outside, whoever sends it: read strictly, refused in plain words."""

from __future__ import annotations

import json
from typing import Any

from periplus.errors import InputError

DEPTH = 60
"""How deeply a document may be nested; anything authored by hand stays far below."""


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def document(text: bytes | str) -> dict[str, Any]:
    """A JSON object from outside; raises InputError for broken, nested too deeply, or not an object."""
    hint = 'Send a JSON object such as {"kind": "map", "map": "shop"}.'
    try:
        value = json.loads(text, parse_constant=_constant)
        # Lone surrogates are legal in JSON escapes but are no text; nothing behind us could store them.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise InputError("The JSON is nested too deeply.", code="json", hint=hint) from None
    except (ValueError, UnicodeError) as problem:
        reason = problem.msg if isinstance(problem, json.JSONDecodeError) else str(problem)[:200]
        if reason.startswith("Exceeds the limit"):
            reason = "a number has more digits than any number needs"
        raise InputError(f"That is not readable JSON: {reason}.", code="json", hint=hint) from None
    if not isinstance(value, dict):
        raise InputError("That is not a JSON object.", code="json", hint=hint)
    if _depth(value) > DEPTH:
        raise InputError("The JSON is nested too deeply.", code="json", hint=hint)
    return value


def _depth(value: object) -> int:
    level, depth = [value], 0
    while level:
        depth += 1
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
    return depth
