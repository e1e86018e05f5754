"""Patterns: the automaton in memory finds what DuckDB finds, and takes time linear in the text."""

from __future__ import annotations

import re
import time

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.condition.pattern import pattern

# fmt: off
REFUSED = [
    "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", r"(a)\1", "(?P<n>a)", "(?P=n)", "(?>a)", "a*+", "a**", "a{2}{3}",
    "a++", "(?s).", "a(?i)b", "(?i:a)", r"\p{L}", r"\Z", r"\G", r"\Q", r"\1", r"\u0041", r"\x4",
    r"\x{110000}", r"\x{d800}", "(", ")", "a)", "[", "[]", "[^]", "[a", "[[:alpha:]]", "[b-a]", r"[\d-z]",
    "*", "+a", "?", "a|*", "{2}", "a{,3}", "a{2,1}", "a{1001}", "(a{100}){100}", "((a{20}){20}){20}",
    "a" * 600, "\\", "]", "}", "(" * 40 + ")" * 40,
]
# fmt: on


@pytest.mark.parametrize("text", REFUSED)
def test_what_engines_disagree_about_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        pattern(text)


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("", "", True),
        ("a", "cat", True),
        ("^a", "cat", False),
        ("t$", "cat", True),
        ("t$", "cat\n", False),
        ("^b", "a\nb", False),
        ("a.b", "a\nb", False),
        (r"a\sb", "a\x0bb", False),
        (r"^\d+$", "٣", False),
        (r"\bcat\b", "the cat.", True),
        (r"\bcat\b", "concat", False),
        (r"\Bcat", "concat", True),
        ("(?i)(K|é)", "\u212a", False),
        ("[Ss]|é", "\u017f", False),
        (r"\B", "1ß1", False),
        (r"\B", "ß", True),
        (r"\B", "", True),
        (r"(\B|ß)", "1ß1", True),
        (r"\B\b|x*\B", "1ß1 a", False),
        ("(?i)ÉCLAIR", "éclair", True),
        ("(?i)\u017f", "s", True),
        ("(?i)[a-c]x", "BX", True),
        ("[^a]", "a", False),
        ("^[^a]$", "👟", True),
        ("^.$", "👟", True),
        ("^a{2,3}$", "aaaa", False),
        ("^(a|b){2}$", "ab", True),
        ("^(|a)+$", "aaa", True),
        (r"^(\b|a)*$", "aa", True),
        (r"\.com$", "x.com", True),
        (r"[\]\-]", "-", True),
        (r"[a-]", "-", True),
        (r"\x41\x{1F45F}", "A👟", True),
        ("a{2}?b", "aab", True),
        ("x*?y", "y", True),
    ],
)
def test_patterns(text: str, value: str, found: bool) -> None:
    assert pattern(text).search(value) is found
    assert duckdb.execute("SELECT regexp_matches(?, ?)", [value, pattern(text).re2]).fetchone() == (found,)


atoms = st.sampled_from(
    [
        "a",
        "b",
        "é",
        "K",
        "k",
        ".",
        r"\d",
        r"\W",
        r"\s",
        "[ab]",
        "[^a]",
        "[a-kß]",
        "^",
        "$",
        r"\b",
        r"\B",
        r"\.",
        "👟",
        "",
    ]
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)
texts = st.text(st.sampled_from("abkK\u212aé1. \n\x0bß👟_"), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), patterns), min_size=1, max_size=5),
    st.lists(texts, min_size=1, max_size=8),
)
def test_both_readings_find_the_same(written: list[tuple[bool, str]], values: list[str]) -> None:
    for fold, text in written:
        found = pattern("(?i)" * fold + text)
        rows = duckdb.execute(
            "SELECT regexp_matches(v, ?) FROM (SELECT unnest(?::VARCHAR[]) AS v)", [found.re2, values]
        ).fetchall()
        assert [row for (row,) in rows] == [found.search(value) for value in values], (text, found.re2)
        if not fold and not re.search(r"\\s|\$", text):  # where Python's own dialect means the same
            own = re.compile(text, re.ASCII)
            for value in filter(None, values):  # on an empty text Python and RE2 differ about \\B
                assert (own.search(value) is not None) == found.search(value)


def test_a_hostile_text_is_no_trap() -> None:
    evil = pattern("(a+)+$|(a|a)*c|(.*a){20}b")
    started = time.process_time()
    assert not evil.search("a" * 20_000 + "!")
    assert time.process_time() - started < 5


def test_the_largest_pattern_compiles_in_duckdb() -> None:
    for text in ("[^a]{990}", "(?i)[a-zß-ž]{99}", "(.{31}){31}", "(a|b|c|d){150}"):
        assert duckdb.execute("SELECT regexp_matches('x', ?)", [pattern(text).re2]).fetchone() == (False,)
