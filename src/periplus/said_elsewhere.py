"""What other tools call a key of a question or a condition, and ours: the letters of such words are not alike."""

from __future__ import annotations

from collections.abc import Iterable

_OURS: dict[str, tuple[str, ...]] = {
    "conversion_window": ("within",),
    "window": ("within", "lookback"),
    "attribution_window": ("lookback",),
    "lookback_window": ("lookback",),
    "events": ("steps", "series"),
    "funnel_steps": ("steps",),
    "exclusions": ("exclude",),
    "excluding": ("exclude",),
    "hold_property_constant": ("hold",),
    "holding_constant": ("hold",),
    "reentry": ("attempts",),
    "re_entry": ("attempts",),
    "ordering": ("order",),
    "breakdowns": ("breakdown",),
    "group_by": ("breakdown", "by"),
    "groupby": ("breakdown", "by"),
    "segment_by": ("breakdown",),
    "split": ("breakdown",),
    "split_by": ("breakdown",),
    "interval": ("bucket",),
    "granularity": ("bucket",),
    "frequency": ("bucket",),
    "date_range": ("period",),
    "dates": ("period",),
    "range": ("period",),
    "from": ("period",),
    "to": ("period",),
    "since": ("period",),
    "until": ("period",),
    "timezone": ("zone",),
    "time_zone": ("zone",),
    "tz": ("zone",),
    "as_of": ("now",),
    "filter": ("customers", "where"),
    "filters": ("customers", "where"),
    "segment": ("customers",),
    "audience": ("customers",),
    "cohorts": ("cohort", "customers"),
    "metric": ("series",),
    "metrics": ("series",),
    "measures": ("series", "measure"),
    "of": ("series",),
    "event": ("series", "goal", "return", "steps"),
    "start_event": ("start", "from"),
    "first_event": ("start", "from"),
    "return_event": ("return",),
    "conversion": ("goal",),
    "target": ("goal", "to"),
    "start": ("from",),
    "end": ("to",),
    "depth": ("steps",),
    "limit": ("top",),
    "expression": ("pattern",),
    "regex": ("pattern",),
    "name": ("event",),
    "event_name": ("event",),
    "properties": ("where",),
    "property_filters": ("where",),
    "and": ("all",),
    "or": ("any",),
    "count_type": ("unit",),
    "count_by": ("unit",),
}


def ours(word: str, known: Iterable[str]) -> str | None:
    """The one of the `known` keys that means what another tool calls `word`.

    >>> ours("conversionWindow", ["now", "within"])
    'within'
    """
    names = set(known)
    plain = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in word.strip())
    means = _OURS.get(plain.replace("-", "_").replace(" ", "_").lstrip("_"), ())
    return next((name for name in means if name in names), None)


def all_ours() -> list[str]:
    """Every key that a word of other tools may mean."""
    return sorted({name for names in _OURS.values() for name in names})
