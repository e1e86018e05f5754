"""YAML as people write it, read so that a hostile or careless text cannot hurt.

Read as in YAML 1.2: only `true` and `false` are truth values (`no` is Norway) and dates stay text.
Refused: anchors and aliases (a few lines can unfold into gigabytes), tags, a key given twice,
anything longer or deeper than an authored document ever is.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from periplus.errors import DocumentError

LONGEST = 200_000
"""Characters of the longest text that is read."""
DEEPEST = 40
"""Levels of nesting that are followed."""

_OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Loader(yaml.SafeLoader):
    """The safe loader without dates, with YAML 1.2 truth values, refusing a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise DocumentError(
                    f"The key in line {key_node.start_mark.line + 1} is not a text.",
                    hint="A key is a word and a colon.",
                )
            if key in seen:
                raise DocumentError(
                    f"The key {key!r} stands twice, the second time in line {key_node.start_mark.line + 1}.",
                    hint="Keep one of them.",
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_DROPPED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag not in _DROPPED]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first, _words in (("t", "true"), ("f", "false")):
    _truth = ("tag:yaml.org,2002:bool", re.compile(f"{_words}$"))
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).insert(0, _truth)


def read(text: str, what: str = "document") -> Any:
    """The value of a YAML text; raises DocumentError with the line of the problem.

    >>> read("country: NO")
    {'country': 'NO'}
    """
    if len(text) > LONGEST:
        raise DocumentError(
            f"The {what} has {len(text)} characters, more than the {LONGEST} that are read.",
            hint="Check that this is the right file.",
        )
    try:
        _check_shape(text, what)
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        said = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        raise DocumentError(f"The {what} is not readable YAML{where}: {said}.", hint=_INDENT) from None
    except ValueError as problem:  # an integer of ten thousand digits
        raise DocumentError(f"The {what} is not readable YAML: {problem}.", hint=_INDENT) from None


_INDENT = "Look at that line; often it is a tab, an indent, or a colon that needs quotes around the text."


def _check_shape(text: str, what: str) -> None:
    """Walk the parser's events, which are made one at a time, before anything is built of them."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        row = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DocumentError(
                f"The {what} uses an anchor or an alias in line {row}.",
                hint="Write the part out where it is used.",
            )
        if getattr(event, "tag", None):
            raise DocumentError(f"The {what} uses a tag in line {row}.", hint="Leave the tag out.")
        depth += isinstance(event, _OPENS) - isinstance(event, _CLOSES)
        if depth > DEEPEST:
            raise DocumentError(
                f"The {what} is nested deeper than {DEEPEST} levels.",
                hint="Check that this is the right file.",
            )
