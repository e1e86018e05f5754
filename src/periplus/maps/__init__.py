"""The map: a document of stages and steps, filled with the numbers of its journeys, and drawn.

Importing this package makes `map` mean something in a question.
"""

from periplus.maps import meaning as meaning
from periplus.maps.model import MapDocument as MapDocument

__all__ = ["MapDocument"]
