"""A workspace, opened: what programs, the command line and the pages hold on to.

It only opens and holds resources; the work is done by functions of the areas, each of which is imported by the
method that needs it: a question loads what answers it, and no more.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from periplus.settings import Settings
from periplus.store import home
from periplus.workspace.customers import Customers
from periplus.workspace.events import Events
from periplus.workspace.rules import Rules
from periplus.workspace.sources import Sources


class Workspace(Events, Customers, Rules, Sources):
    """One workspace folder, open. Use `periplus.open(path)`; close it, or use it in a `with` block."""


def init(path: str | Path, **settings: Any) -> Workspace:
    """Make a new, empty workspace and open it."""
    return Workspace(home.create(Path(path), Settings(**settings)))


def open_workspace(path: str | Path) -> Workspace:
    """Open an existing workspace folder; raises NotFoundError or StoreError."""
    return Workspace(home.open_home(Path(path)))


__all__ = ["Workspace", "init", "open_workspace"]
