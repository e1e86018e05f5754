"""How long the events of each source are kept: a document, and the test whether an event is too old.

sources:
  web: 400d           # events of this source for 400 days after they happened
  "*": 1825d          # of all others for five years; without this line: for ever
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from periplus import clock, yaml_text
from periplus.collect.authored import Part, parsed
from periplus.errors import PeriplusError
from periplus.store import door

KIND, NAME = "retention", "retention"
OTHERS = "*"
"""Stands for every source that is not named."""
EXAMPLE = """\
# Events are kept for ever, until a line says otherwise. For example:
# sources:
#   web-shop: 400d
#   "*": 1825d        # all other sources
"""
SHORTEST = clock.UNITS["d"]
MOST = 500


class RetentionRules(Part):
    """For each source how long its events are kept, as durations; without any rule everything is kept."""

    sources: dict[str, str] = Field(default_factory=dict, max_length=MOST)

    @field_validator("sources", mode="after")
    @classmethod
    def _durations(cls, value: dict[str, str]) -> dict[str, str]:
        for name, kept in value.items():
            if not name.strip() or len(name) > 200:
                raise ValueError("a source has a name of 1 to 200 letters, or * for all others")
            try:
                length = clock.duration(kept)
            except PeriplusError as problem:
                raise ValueError(str(problem)) from None
            if length < SHORTEST:
                raise ValueError(f"{name} is kept for {kept}; a day (1d) is the least")
        return dict(sorted(value.items()))

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | RetentionRules) -> RetentionRules:
        """From a dict, YAML text or a file; raises DocumentError that says what is wrong."""
        if isinstance(document, RetentionRules):
            return document
        return parsed(cls, document, "retention rules", "docs/erasure.md")

    def document(self) -> dict[str, Any]:
        """The plain form."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def yaml(self) -> str:
        """The document as text; where there are no rules yet, with an example to begin from."""
        return ("" if self.sources else EXAMPLE) + yaml_text.write(self.model_dump(mode="json"))

    def limits(self, now: int) -> dict[str, int]:
        """By source, the time (microseconds UTC) from which events are kept."""
        return {name: now - clock.duration(kept) for name, kept in self.sources.items()}

    def limit(self, source: str, now: int) -> int | None:
        """From when events of a source are kept; None: for ever."""
        limits = self.limits(now)
        return limits.get(source, limits.get(OTHERS))

    def expired(self, now: int) -> str:
        """SQL: whether a row (alias `e`, with `source` and `time`) is older than it is kept.

        >>> RetentionRules(sources={"web": "1d"}).expired(172_800_000_000)
        "CASE e.source WHEN 'web' THEN e.time < 86400000000 ELSE false END"
        """
        limits = self.limits(now)
        others = f"e.time < {limits.pop(OTHERS)}" if OTHERS in limits else "false"
        cases = "".join(f" WHEN {door.literal(name)} THEN e.time < {limit}" for name, limit in limits.items())
        return f"CASE e.source{cases} ELSE {others} END" if cases else f"({others})"
