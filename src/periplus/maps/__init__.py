"""The map: a document of stages and steps, filled with the numbers of its journeys, and drawn.

Importing this package makes `map` mean something in a question.
"""

from typing import TYPE_CHECKING, Any

from periplus.journeys.rules import meanings

if TYPE_CHECKING:
    from periplus.maps.model import MapDocument

__all__ = ["MapDocument"]

meanings.later("map", f"{__name__}.meaning")


def __getattr__(name: str) -> Any:
    """Maps are loaded when one is first named: most questions name none."""
    if name != "MapDocument":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from periplus.maps.model import MapDocument

    return MapDocument
