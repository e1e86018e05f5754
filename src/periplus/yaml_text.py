"""YAML as people write it, read so that a hostile or careless text cannot hurt, and written back.

Read as in YAML 1.2: only `true` and `false` are truth values (`no` is Norway), dates stay text, and a key
is the text one sees (`null`, `1`). Refused: anchors and aliases (a few lines can unfold into gigabytes),
tags, a key given twice, anything longer or deeper than an authored document ever is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from periplus.errors import DocumentError

LONGEST = 200_000
"""Characters of the longest text that is read."""
DEEPEST = 40
"""Levels of nesting that are followed."""

if TYPE_CHECKING:
    _Safe = yaml.SafeLoader
else:  # libyaml where PyYAML was built with it: ten times as fast, which every start of a process feels
    _Safe = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_OPENS = (yaml.MappingStartEvent, yaml.SequenceStartEvent)
_CLOSES = (yaml.MappingEndEvent, yaml.SequenceEndEvent)


class _Loader(_Safe):
    """The safe loader without dates, with YAML 1.2 truth values and keys that are text, each standing once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        del deep
        seen: set[str] = set()
        for key, _ in node.value:
            row = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise DocumentError(
                    f"The key in line {row} is not a text.", hint="A key is a word and a colon."
                )
            if key.value in seen:
                raise DocumentError(
                    f"The key {key.value!r} stands twice, the second time in line {row}.",
                    hint="Keep one of them.",
                )
            seen.add(key.value)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


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
    for event in yaml.parse(text, Loader=_Safe):
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


class _Dumper(yaml.SafeDumper):
    """Lists indented under their key, and no aliases: what `read` refuses is never written."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def write(value: Any, width: int = 110) -> str:
    """A plain value as YAML, keys in their order; `read(write(value)) == value`.

    >>> print(write({"files": ["a.csv"]}), end="")
    files:
      - a.csv
    """
    return str(yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width))
