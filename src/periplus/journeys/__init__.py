"""The engine: labels, journeys and visits, attempts, and one file per kind of question.

Importing it makes the kinds known to `periplus.question`.
"""

from __future__ import annotations

from periplus.journeys import flow, funnel, map

__all__ = ["flow", "funnel", "map"]
