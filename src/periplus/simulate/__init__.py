"""A shop that does not exist, with known truths: for demos, tests and load."""

from periplus.simulate.stream import simulate

__all__ = ["simulate"]
