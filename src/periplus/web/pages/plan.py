"""What a dry run found, as the page and its twin tell it."""

from __future__ import annotations

from typing import Any


def described(plan: Any) -> dict[str, Any]:
    return dict(plan)
