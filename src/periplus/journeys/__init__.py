"""The engine: labels, journeys and visits, attempts, and one file per kind of question.

Importing it makes the kinds known to `periplus.question`; each is loaded when it is first asked.
"""

from __future__ import annotations

from periplus.question import doubts, kinds

for _kind in (
    "attribution", "drivers", "flow", "funnel", "lifecycle", "map", "pattern", "retention", "site", "timing", "trend",
):  # fmt: skip
    kinds.later(_kind, f"{__name__}.{_kind}")
for _doubt in ("times", "customers"):
    doubts.later(_doubt, f"{__name__}.doubts")
