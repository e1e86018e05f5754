"""`periplus catalogue`: a file in, what became of it, products listed, problems said plainly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.terminal import run

FILES = Path(__file__).parents[1] / "collect" / "catalogue" / "files"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "shop").code == 0
    return tmp_path / "shop"


def test_a_feed_is_imported_and_listed(shop: Path) -> None:
    done = run("catalogue", "import", FILES / "feed-rss.xml", "-w", shop)
    assert done.code == 0
    assert (
        "3 rows (merchant) = 2 new + 0 changed + 0 unchanged + 0 repeated + 1 unread; 0 products are gone."
        in done.out
    )
    again = run("catalogue", "import", FILES / "feed-rss.xml", "-w", shop, "--json")
    assert {key: json.loads(again.out)[key] for key in ("new", "unchanged", "unread", "gone")} == {
        "new": 0, "unchanged": 2, "unread": 1, "gone": 0,
    }  # fmt: skip
    listed = run("catalogue", "list", "sandal", "-w", shop, "--json")
    (row,) = json.loads(listed.out)["rows"]
    assert (row["id"], row["price"], row["sale_price"]) == ("SND-BLUE-40", 5990, 4990)
    assert "59.90" in run("catalogue", "list", "-w", shop).out
    assert "2 products in all" in run("catalogue", "list", "--limit", "1", "-w", shop).out


def test_what_is_gone_is_listed_only_if_asked_for(shop: Path, tmp_path: Path) -> None:
    run("catalogue", "import", FILES / "feed-rss.xml", "-w", shop)
    (tmp_path / "less.csv").write_text("id,title\nBAG-1,Beach bag\n")
    assert "1 products are gone" in run("catalogue", "import", tmp_path / "less.csv", "-w", shop).out
    assert json.loads(run("catalogue", "list", "-w", shop, "--json").out)["total"] == 1
    assert json.loads(run("catalogue", "list", "--gone", "-w", shop, "--json").out)["total"] == 2


def test_problems_are_said_plainly(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("id,title\n")
    for words, said in (
        (("catalogue", "import", tmp_path / "empty.csv"), "holds no product"),
        (("catalogue", "import", tmp_path / "none.csv"), "none.csv"),
        (("catalogue", "import", FILES / "plain.csv", "--kind", "shopfy"), "Did you mean 'shopify'?"),
    ):
        done = run(*words, "-w", shop)
        assert done.code == 1
        assert said in done.err
        assert "Traceback" not in done.err
