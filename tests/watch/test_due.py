"""Whose turn it is, and which files may be taken: pure questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from periplus.clock import SECOND
from periplus.errors import DocumentError
from periplus.store.watches import Sighting, Turn
from periplus.watch.document import Watch, shown_url
from periplus.watch.due import due
from periplus.watch.folder import QUIET, Found, sorted_out

HOUR = 3600 * SECOND
NOW = 1_000 * HOUR


def watch(name: str, every: str = "1h") -> Watch:
    return Watch(name=name, folder="/srv", every=every)


@pytest.mark.parametrize(
    ("began", "expected"),
    [(None, True), (NOW - HOUR, True), (NOW - HOUR + 1, False), (NOW, False), (NOW + HOUR, True), (0, True)],
)
def test_a_turn_comes_when_the_period_is_over(began: int | None, expected: bool) -> None:
    turns = {} if began is None else {"a": Turn("a", began)}
    assert bool(due([watch("a")], turns, NOW)) is expected


def test_who_waited_longest_comes_first() -> None:
    turns = {"a": Turn("a", NOW - 2 * HOUR), "b": Turn("b", NOW - 9 * HOUR), "d": Turn("d", NOW)}
    names = [each.name for each in due([watch(name) for name in "abcd"], turns, NOW)]
    assert names == ["c", "b", "a"]


def seen(outcome: str, size: int = 5, modified: int = NOW) -> dict[str, Sighting]:
    return {"f": Sighting("w", "f", size, modified, "", outcome, None, "", 0)}


@pytest.mark.parametrize(
    ("known", "modified", "expected"),
    [
        ({}, NOW - QUIET, "take"),
        ({}, NOW - QUIET + 1, "wait"),
        ({}, NOW + HOUR, "wait"),
        (seen("waiting"), NOW, "take"),
        (seen("waiting", size=4), NOW, "wait"),
        (seen("waiting", modified=NOW - 1), NOW, "wait"),
        (seen("imported"), NOW, "neither"),
        (seen("failed"), NOW, "neither"),
        (seen("aside"), NOW, "neither"),
        (seen("imported", size=4), NOW - QUIET, "take"),
        (seen("failed", modified=NOW - QUIET - 1), NOW - QUIET, "take"),
        (seen("failed", size=4), NOW, "wait"),
    ],
)
def test_a_file_is_taken_once_it_is_whole(known: dict[str, Sighting], modified: int, expected: str) -> None:
    take, wait = sorted_out([Found("f", 5, modified, Path("f"))], known, NOW)
    assert ("take" if take else "wait" if wait else "neither") == expected


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"name": "a"}, "either a folder or an address"),
        ({"name": "a", "folder": "/x", "url": "https://x.org/a"}, "either a folder or an address"),
        ({"name": "a b", "folder": "/x"}, "name"),
        ({"name": "../a", "folder": "/x"}, "name"),
        ({"name": "a", "folder": "x"}, "from the root"),
        ({"name": "a", "folder": "/x", "every": "59s"}, "every minute"),
        ({"name": "a", "folder": "/x", "every": "soon"}, "not a duration"),
        ({"name": "a", "url": "ftp://x.org/a"}, "http:// or https://"),
        ({"name": "a", "url": "file:///etc/passwd"}, "http:// or https://"),
        ({"name": "a", "url": "https:///a"}, "no address"),
        ({"name": "a", "url": "https://x.org:0/a"}, "no address"),
        ({"name": "a", "url": "https://x.org:99999/a"}, "no address"),
        ({"name": "a", "url": "https://x.org/a\r\nHost: y"}, "no address"),
        ({"name": "a", "url": "http://[::1"}, "no address"),
        ({"name": "a", "folder": "/x", "mapping": {"tables": []}}, "tables"),
        ({"name": "a", "folder": "/x", "mapping": {"preset": "zendsk"}}, "zendsk"),
        ({"name": "a", "folder": "/x", "colour": "red"}, "colour"),
    ],
)
def test_a_wrong_watch_is_refused_before_it_is_stored(body: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        Watch.parse(body)


def test_a_watch_comes_back_as_it_was_stored() -> None:
    made = Watch.parse(
        {"name": "a", "url": "https://x.org/a", "every": "1d", "mapping": {"preset": "zendesk"}}
    )
    assert Watch.parse(made.document()) == made


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@x.org:8443/a/b.csv?token=pw", "https://x.org:8443/a/b.csv?…"),
        ("http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/"),
        ("http://[::1", "an address that cannot be read"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown
