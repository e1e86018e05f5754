"""Periplus: the living, executable journey map of an online shop.

    import periplus

    ws = periplus.open("shop")
    ws.import_file("events.jsonl")
    ws.ask({"kind": "map", "map": "shop"}).rows
"""

from periplus.errors import PeriplusError
from periplus.workspace import Workspace, init
from periplus.workspace import open_workspace as open

__version__ = "0.1.0"
__all__ = ["PeriplusError", "Workspace", "init", "open"]
