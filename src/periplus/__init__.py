"""Periplus: the living, executable journey map of an online shop.

    import periplus

    ws = periplus.open("shop")
    ws.import_file("events.jsonl")
    ws.ask({"kind": "map", "map": "shop"}).rows
"""

from typing import TYPE_CHECKING, Any

from periplus.errors import PeriplusError

if TYPE_CHECKING:
    from periplus.workspace import Workspace, init
    from periplus.workspace import open_workspace as open

__version__ = "0.1.0"
__all__ = ["PeriplusError", "Workspace", "init", "open"]


def __getattr__(name: str) -> Any:
    """What needs the engine is loaded when it is first named, so that `periplus --help` answers at once."""
    if name not in ("Workspace", "init", "open"):
        raise AttributeError(f"module 'periplus' has no attribute {name!r}")
    from periplus import workspace

    return workspace.open_workspace if name == "open" else getattr(workspace, name)
