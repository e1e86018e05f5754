"""A question as others ask it: JSON, Python, and a call of the API."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pprint import pformat
from textwrap import indent
from typing import Any


def as_json(question: Mapping[str, Any]) -> str:
    """What `periplus ask question.json` reads."""
    return json.dumps(question, ensure_ascii=False, indent=2) + "\n"


def as_python(question: Mapping[str, Any]) -> str:
    """The same question as a few lines of Python."""
    written = pformat(dict(question), width=88, sort_dicts=False)
    lines = [
        "import periplus",
        "",
        'ws = periplus.open(".")',
        f"answer = ws.ask(\n{indent(written, '    ')}\n)",
        "",
    ]
    return "\n".join(lines)


def as_curl(question: Mapping[str, Any], base: str) -> str:
    """The same question over HTTP, with the token that `periplus token add NAME` prints."""
    body = shlex.quote(json.dumps(question, ensure_ascii=False))
    return (
        f"curl {shlex.quote(base.rstrip('/') + '/api/ask')} \\\n"
        '  -H "Authorization: Bearer $PERIPLUS_TOKEN" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        f"  --data {body}\n"
    )
