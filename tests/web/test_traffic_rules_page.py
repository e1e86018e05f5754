"""Traffic rules in the browser: tried on what is there, adopted for the past as well, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import Served, _serve, write_jsonl
from tests.web.errand import asked
from tests.web.test_vocabulary_page import bought

HERE = "/sources/traffic"


@pytest.fixture
def till(empty: Any, tmp_path: Path) -> Iterator[Served]:
    """The application of a workspace with seven events, each of another customer."""
    empty.import_file(write_jsonl(tmp_path / "till.jsonl", bought(7)), source="till")
    yield from _serve(empty)


def customers(ws: Any) -> int:
    return int(ws.search("", limit=1)["total"])


def test_rules_are_tried_adopted_and_taken_back(till: Served) -> None:
    with till.signed_in() as client:
        rules = "staff: [u1, u2, nobody]\n"
        page, twin = asked(client, HERE, "try", document=rules)
        assert (twin["result"]["left_out"], twin["result"]["goes"], twin["result"]["idle"]) == (
            2,
            2,
            ["nobody"],
        )
        assert "2 of 7 events would be left out" in page
        assert "nobody" in page
        assert client.get(f"{HERE}.json").json() == {"rules": {}, "versions": []}
        assert customers(till.ws) == 7
        page, twin = asked(client, HERE, "adopt", document=rules)
        assert twin["result"] == {"version": 1}
        assert customers(till.ws) == 5
        assert client.get(f"{HERE}.json").json()["rules"] == {"staff": ["u1", "u2", "nobody"]}
        asked(client, HERE, "adopt", document="staff: []\n")
        assert customers(till.ws) == 7
        shown = client.get(f"{HERE}?version=1").text
        assert "nobody" in shown
        assert client.get(f"{HERE}.json?version=5").status_code == 404


def test_a_wrong_rule_is_kept_to_be_mended(till: Served) -> None:
    with till.signed_in() as client:
        for document in ("addresses: [everywhere]\n", "stuff: [u1]\n", 'user_agents: ["("]\n'):
            page, twin = asked(client, HERE, "adopt", document=document)
            assert twin["state"] == "failed"
            assert document.split(":")[0] in page
        assert client.get(f"{HERE}.json").json()["versions"] == []
