"""The one YAML reader: what people mean is read, what could hurt is refused with a line, and writing reads back."""

from __future__ import annotations

import time
from typing import Any

import pytest

from periplus.collect.mapping import MappingDocument
from periplus.errors import DocumentError
from periplus.maps.model import MapDocument
from periplus.yaml_text import DEEPEST, LONGEST, read, write

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
)
"""Nine lines that would unfold into 9**10 words."""

HOSTILE = {
    "billion laughs": (BOMB, "anchor"),
    "deep list": ("a: " + "[" * 50_000, "nested deeper"),
    "deep mapping": ("{a: " * 50_000, "nested deeper"),
    "python object": ("a: !!python/object/apply:os.system [ls]", "tag"),
    "binary": ("a: !!binary aGk=", "tag"),
    "merge": ("a: &x {b: 1}\nc: {<<: *x}", "anchor"),
    "too long": ("a: " + "x" * LONGEST, "more than"),
    "key twice": ("a: 1\nb: 2\na: 3", "stands twice, the second time in line 3"),
    "key of a list": ("? [a]\n: b", "The key in line 1"),
    "control character": ("a: \x00", "not readable"),
    "huge number": ("a: " + "9" * 9000, "not readable"),
    "tab": ("a:\n\t- b", "line 2"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "parse", [read, MappingDocument.parse, MapDocument.parse], ids=["read", "mapping", "map"]
)
def test_what_could_hurt_is_refused_at_once(name: str, parse: Any) -> None:
    text, said = HOSTILE[name]
    began = time.thread_time()
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert said in caught.value.message
    assert caught.value.hint
    assert time.thread_time() - began < 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on: no", {"on": "no"}),
        (
            "{null: [NA], true: x, 1: y, 2024-01-01: z}",
            {"null": ["NA"], "true": "x", "1": "y", "2024-01-01": "z"},
        ),
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("[true, false, yes, off, ~, null, 0o7, 1.5]", [True, False, "yes", "off", None, None, "0o7", 1.5]),
        ("a: {'<<': b}", {"a": {"<<": "b"}}),
        ("", None),
    ],
)
def test_words_mean_what_one_sees(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    "value", [{"a": ["no", "on", "1", 1, True, None, "2026-01-01", "é: #"], "": {"x": []}}, [], "x"]
)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert read(write(value)) == value


def test_equal_parts_are_written_out_and_never_as_an_alias() -> None:
    shared = {"x": [1]}
    assert read(write({"a": shared, "b": shared})) == {"a": shared, "b": shared}


def test_forty_levels_are_read() -> None:
    assert read("[" * DEEPEST + "]" * DEEPEST)
