"""YAML of a mapping as people mean it: `on`, `no` and dates are text, and a key stands once."""

from __future__ import annotations

import re
from typing import Any

import yaml

from periplus.errors import DocumentError


class _Loader(yaml.SafeLoader):
    """The safe loader with the truth values of YAML 1.2, without dates, refusing a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise DocumentError(
                    f"The key {key.value!r} stands twice, the second time in line {key.start_mark.line + 1}.",
                    hint="Keep one of them.",
                )
            seen.add(key.value)
        # a key is the text one sees: `null`, `true`, `1`, `2024-01-01`
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_DROPPED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [row for row in rows if row[0] not in _DROPPED]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first, _word in (("t", "true"), ("f", "false")):
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).insert(
        0, ("tag:yaml.org,2002:bool", re.compile(_word + "$"))
    )


def read_yaml(text: str, what: str) -> Any:
    """The value of a YAML text; raises DocumentError with the line of the problem.

    >>> read_yaml("on: no", "mapping")
    {'on': 'no'}
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        said = getattr(problem, "problem", None) or str(problem).splitlines()[0]
        raise DocumentError(
            f"The {what} is not readable YAML{where}: {said}.",
            hint="Look at that line; often it is a tab, an indent, or a colon that needs quotes around the text.",
        ) from None
    except RecursionError:
        raise DocumentError(
            f"The {what} is nested too deep to be read.", hint="Look for brackets that are never closed."
        ) from None


def key_text(key: Any) -> str:
    """A key of a document as the text one sees: `null`, `true`, `1`."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)
