"""The exports of other systems that are known by their columns: a row here, a mapping beside it as YAML.

A file is recognised where it has all columns of a row. What the columns mean stands in NAME.yaml, a mapping
document like any other; `preset: NAME` takes it over, and so does `--mapping NAME`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.collect.plain import first_text, is_parquet
from periplus.errors import PeriplusError
from periplus.event import escape
from periplus.yaml_text import read

HEAD = 256 << 10
"""Unpacked bytes from the start of a file that are looked at."""
LINES = 20


@dataclass(frozen=True)
class Export:
    """A sort of file: `columns` tell it (all must be there, none of `lacks`), the header stands after `skip` lines."""

    name: str
    label: str
    columns: frozenset[str]
    skip: int = 0
    lacks: frozenset[str] = frozenset()

    def document(self) -> dict[str, Any]:
        """Its mapping document, a fresh copy."""
        return dict(read(_text(self.name), f"mapping {self.name}"))


def _row(name: str, label: str, columns: str, skip: int = 0, lacks: str = "") -> Export:
    parts = [frozenset(filter(None, text.split("|"))) for text in (columns, lacks)]
    return Export(name, label, parts[0], skip, parts[1])


EXPORTS: tuple[Export, ...] = (
    _row("ga4", "Google Analytics 4 (BigQuery)", "event_name|event_timestamp|event_params|user_pseudo_id"),
    _row("mixpanel", "Mixpanel", "event|properties.time|properties.distinct_id", lacks="type|timestamp|messageId"),
    _row("kissmetrics", "Kissmetrics", "_p|_t"),
    _row("zendesk", "Zendesk tickets", "Id|Via|Created at|Solved at|First reply time in minutes"),
    _row("freshdesk", "Freshdesk tickets", "Ticket ID|Source|Created time|Initial response time|Resolved time"),
    _row("mailchimp", "Mailchimp recipients", "Email Address|Campaign Title|Send Date|Opens|Clicks"),
    _row("klaviyo", "Klaviyo events", "Metric|Timestamp|Email"),
    _row("hubspot-deals", "HubSpot deals", "Record ID|Deal Stage|Create Date|Close Date|Associated Contact"),
    _row("google-ads", "Google Ads by day", "Day|Campaign|Cost|Impr.|Clicks", skip=2),
    _row("meta-ads", "Meta ads by day", "Day|Campaign name|Amount spent (*)|Impressions"),
    _row("social-mentions", "Social mentions (Brandwatch)", "Query Name|Date|Url|Author|Page Type", skip=6),
    _row("pos-receipts", "Till receipts (Square)", "Transaction ID|Date|Time|Total Collected|Event Type"),
    _row("shopify-orders", "Orders of Shopify", "Name|Financial Status|Fulfilled at|Created at|Lineitem name|Total|Id"),
    _row("woocommerce-orders", "Orders of WooCommerce", "order_id|order_date|status|order_total|order_currency|customer_email"),
    _row("ecwid-orders", "Orders of Ecwid (API)", "id|createTimestamp|paymentStatus|fulfillmentStatus|total"),
    _row("search-console", "Google Search Console by day", "Date|Query|Clicks|Impressions|CTR|Position"),
    _row("semrush", "Semrush positions", "Keyword|Position|Search Volume|URL|Timestamp"),
    _row("ahrefs", "Ahrefs keywords", "Keyword|Volume|Current position|Current URL|Current date"),
)  # fmt: skip
"""One row for each sort of file that is known."""


def named(name: str) -> Export | None:
    """The row of a name."""
    return next((row for row in EXPORTS if row.name == name), None)


def recognised(path: Path) -> tuple[Export, dict[str, Any]] | None:
    """Which export a file is, and how it is written where that is not as the mapping says; None for another file."""
    try:
        for skip, columns, written in _headers(path):
            for row in EXPORTS:
                if skip in (None, row.skip) and _all(row.columns, columns) and not row.lacks & columns:
                    return row, dict(written)
    except (PeriplusError, pa.ArrowException, OSError, ValueError, csv.Error):
        return None
    return None


def varied(document: dict[str, Any], columns: frozenset[str]) -> dict[str, Any]:
    """A mapping whose columns bear a currency, `Amount spent (EUR)`, with that of the file."""
    found = {name[-4:-1] for name in columns if name.startswith("Amount spent (") and name.endswith(")")}
    return _replaced(document, "EUR", found.pop()) if len(found) == 1 else document


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(each, old, new) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, old, new) for each in value]
    if isinstance(value, str) and (value == old or value.endswith(f"({old})")):
        return value.replace(old, new)
    return value


def columns_of(path: Path, skip: int) -> frozenset[str]:
    """The columns a file has, read as `recognised` does."""
    return max(
        (columns for at, columns, _ in _headers(path) if at in (None, skip)), key=len, default=frozenset()
    )


def _all(wanted: frozenset[str], columns: frozenset[str]) -> bool:
    """Whether every column is there; one that ends in `(*)` has any word in its brackets."""
    return all(
        name in columns
        or (
            name.endswith("(*)")
            and any(column.startswith(name[:-2]) and column.endswith(")") for column in columns)
        )
        for name in wanted
    )


def _headers(path: Path) -> Iterator[tuple[int | None, frozenset[str], Mapping[str, Any]]]:
    """The columns a file may have: (lines skipped or None, columns, what differs from a plain CSV)."""
    if is_parquet(path):
        yield None, frozenset(pq.read_schema(path).names), {"type": "parquet"}
        return
    head = first_text(path, HEAD)
    if head.lstrip()[:1] == b"{":
        columns: set[str] = set()
        for line in head.splitlines()[:LINES]:
            try:
                columns |= set(_paths(msgspec.json.decode(line)))
            except msgspec.DecodeError:
                continue
        yield None, frozenset(columns), {"type": "jsonl"}
        return
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    lines = head.decode(encoding, "replace").splitlines()
    differs = {} if encoding == "utf-8-sig" else {"encoding": encoding}
    for skip in sorted({row.skip for row in EXPORTS}):
        for delimiter in (",", ";", "\t"):
            if len(lines) > skip:
                fields = next(csv.reader(lines[skip : skip + 1], delimiter=delimiter), [])
                apart = {} if delimiter == "," else {"delimiter": delimiter}
                yield skip, frozenset(field.strip() for field in fields), differs | apart


def _paths(value: Any, above: str = "", depth: int = 4) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        path = f"{above}.{escape(key)}" if above else escape(key)
        if isinstance(each, dict) and depth:
            yield from _paths(each, path, depth - 1)
        else:
            yield path


@lru_cache(maxsize=32)
def _text(name: str) -> str:
    return Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8")
