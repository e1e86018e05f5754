"""Presets: named beginnings of a mapping, each stating the consent an import of its sort brings.

What a document says itself wins over its preset. A plug-in adds one by `presets.add(name, Preset(…))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from periplus.collect.exports import EXPORTS
from periplus.errors import DocumentError, PeriplusError
from periplus.registry import Registry


@dataclass(frozen=True)
class Preset:
    """`label` and `help` for people; `consent` by purpose; `event` are defaults of every event that is mapped.

    `document` gives a whole mapping, for the exports that are known by their columns.
    """

    label: str
    help: str
    consent: Mapping[str, bool]
    event: Mapping[str, Any] = field(default_factory=dict)
    document: Callable[[], dict[str, Any]] | None = None


presets: Registry[Preset] = Registry("preset")
presets.add(
    "segment",
    Preset("Events in the Segment spec", "Each event carries its own consent; one without any is kept.", {}),
)
presets.add(
    "orders",
    Preset(
        "Order export of a shop system",
        "Orders are kept for the contract; they may be analysed, and nobody is written to because of them.",
        {"analytics": True, "marketing": False},
        {"event": "Order Completed"},
    ),
)
presets.add(
    "clickstream",
    Preset(
        "Clicks of a web shop",
        "Visits that were recorded with consent to analytics; nothing is said of marketing.",
        {"analytics": True},
        {"channel": {"value": "web"}},
    ),
)
presets.add(
    "app-log",
    Preset(
        "Event log of a mobile app",
        "Use of an app that was recorded with consent to analytics; nothing is said of marketing.",
        {"analytics": True},
        {"channel": {"value": "app"}},
    ),
)
for _export in EXPORTS:
    presets.add(
        _export.name,
        Preset(
            _export.label, "A whole mapping, known by the columns of the file.", {}, document=_export.document
        ),
    )


def listed() -> list[dict[str, object]]:
    """Every preset as `name`, `label`, `help`, `consent`: what a page or `--help` shows."""
    return [
        {"name": name, "label": row.label, "help": row.help, "consent": dict(row.consent)}
        for name in presets
        for row in (presets[name],)
    ]


def applied(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what its preset adds; raises DocumentError for a preset nobody knows."""
    if not isinstance(name := document.get("preset"), str):
        return dict(document)
    try:
        preset = presets[name]
    except PeriplusError as problem:
        raise DocumentError(problem.message, hint=problem.hint, allowed=problem.allowed) from None
    result = dict(document)
    if preset.document is not None:
        whole = preset.document()
        result = {**whole, **result}
        if isinstance(whole.get("consent"), Mapping) and isinstance(document.get("consent"), Mapping):
            result["consent"] = {**whole["consent"], **document["consent"]}
    if preset.consent:
        result["consent"] = {**preset.consent, **(document.get("consent") or {})}
    if preset.event and isinstance(tables := document.get("tables"), list):
        result["tables"] = [_with_defaults(table, preset) for table in tables]
    return result


def _with_defaults(table: Any, preset: Preset) -> Any:
    if not isinstance(table, Mapping) or not isinstance(events := table.get("events"), list):
        return table
    return {
        **table,
        "events": [{**preset.event, **row} if isinstance(row, Mapping) else row for row in events],
    }
