"""The real files beside the repository: every count as their notes say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from periplus.collect.stage import stage
from periplus.settings import Settings
from periplus.store.door import connect, file_list

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not DATA.is_dir(), reason="the real data sets are not in shared/data beside the repository"
    ),
]


def run(tmp_path: Path, folder: str) -> tuple[Any, Any]:
    mapping = {"olist_sample_4000": "olist"}.get(folder, folder)
    staged = stage(
        DATA / folder,
        folder=tmp_path,
        settings=Settings(),
        mapping=ROOT / "examples" / "mappings" / f"{mapping}.yaml",
    )

    def ask(sql: str) -> list[tuple[Any, ...]]:
        connection = connect()
        try:
            source = f"read_parquet({file_list(staged.events)})"
            return connection.execute(sql.replace("events", source)).fetchall()
        finally:
            connection.close()

    assert ask("SELECT count(*) - count(DISTINCT (key_hi, key_lo)) FROM events") == [(0,)]
    return staged, ask


def test_cdnow(tmp_path: Path) -> None:
    staged, ask = run(tmp_path, "cdnow")
    assert (staged.rows, staged.rejects, staged.withheld) == (69659, None, 0)
    total = 'round(sum("properties.total"), 2), count(*) FILTER (WHERE "properties.total" = 0)'
    assert ask(f"SELECT count(*), count(DISTINCT user_id), min(user_id), {total} FROM events") == [
        (69659, 23570, "00001", 2500315.63, 80)
    ]
    assert ask("SELECT min(time), max(time) FROM events") == [(852094800000000, 899179200000000)]


def test_diginetica(tmp_path: Path) -> None:
    staged, ask = run(tmp_path, "diginetica")
    assert [(file.name, file.rows) for file in staged.files] == [
        ("item_views_sample.csv.gz", 12391),
        ("purchases.csv.gz", 18025),
    ]
    assert (staged.rows, staged.rejects) == (30416, None)
    counts = "SELECT event, count(*), count(DISTINCT anonymous_id), count(DISTINCT user_id) FROM events GROUP BY 1 ORDER BY 1"
    assert ask(counts) == [("Order Completed", 18025, 12630, 4425), ("Product Viewed", 12391, 2986, 1270)]
    both = (
        "SELECT count(*) FROM (SELECT anonymous_id FROM events GROUP BY 1 HAVING count(DISTINCT event) = 2)"
    )
    assert ask(both) == [(138,)]
    partly = (
        "SELECT event, anonymous_id FROM events GROUP BY ALL HAVING count(user_id) BETWEEN 1 AND count(*) - 1"
    )
    assert ask(f"SELECT event, count(*) FROM ({partly}) GROUP BY 1 ORDER BY 1") == [
        ("Order Completed", 57),
        ("Product Viewed", 6),
    ]
    assert ask("""SELECT count(*) FROM events WHERE "properties.category" IS NULL""") == [(0,)]


def test_olist(tmp_path: Path) -> None:
    staged, ask = run(tmp_path, "olist_sample_4000")
    assert [(file.name, file.rows) for file in staged.files] == [
        ("olist_orders_dataset.csv.gz", 4000),
        ("olist_order_reviews_dataset.csv.gz", 3986),
    ]
    assert staged.rejects is None
    counts = dict(ask("SELECT event, count(*) FROM events GROUP BY 1"))
    assert (
        counts["Order Completed"],
        counts["Order Delivered"],
        counts["Order Cancelled"],
        counts["Product Reviewed"],
    ) == (4000, 3898, 23, 3986)
    assert ask("SELECT count(DISTINCT user_id), count(user_id) - count(*) FROM events") == [(3998, 0)]
    score = 'round(avg("properties.rating"), 2), count("properties.review_body")'
    assert ask(
        f"SELECT {score}, max(length(\"properties.review_body\")) > 100 FROM events WHERE event = 'Product Reviewed'"
    )[0][1:] == (1656, True)
    assert (
        ask("""SELECT count(*) FROM events WHERE event = 'Order Completed' AND "properties.total" IS NULL""")[
            0
        ][0]
        <= 1
    )


def test_app_onboarding(tmp_path: Path) -> None:
    staged, ask = run(tmp_path, "app_onboarding")
    assert (staged.rows, staged.rejects) == (30943 + 1905, None)
    assert ask("SELECT count(DISTINCT anonymous_id), count(DISTINCT event), count(user_id) FROM events") == [
        (4139 + 411, 18, 0)
    ]
    span = ask("SELECT min(time), max(time) FROM events")[0]
    assert 1538341200000000 <= span[0] < span[1] < 1538341200000000 + 86400000000
