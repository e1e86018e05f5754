"""The driver of the steps: runs them one after another, and knows how long each took and how much it let by."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from periplus.collect.steps import Passage, Step


@dataclass(slots=True)
class Told:
    """What one step did: requests and messages that came to it, messages it let by, seconds it took."""

    requests: int = 0
    messages: int = 0
    kept: int = 0
    seconds: float = 0.0

    def add(self, messages: int, kept: int, seconds: float) -> None:
        self.requests += 1
        self.messages += messages
        self.kept += kept
        self.seconds += seconds


class Pipeline:
    """Named steps in order. Run by one thread at a time.

    >>> def nothing(passage): pass
    >>> Pipeline([("nothing", nothing)]).told["nothing"].requests
    0
    """

    def __init__(self, steps: Sequence[tuple[str, Step]], last: Step | None = None) -> None:
        """`last` is taken by every request, also where nothing of it is left."""
        self.steps = list(steps)
        self.last = last
        self.told = {"parse": Told(), **{name: Told() for name, _ in self.steps}}

    def run(self, passage: Passage) -> None:
        """Take a request through every step, until nothing of it is left."""
        began = time.perf_counter()
        for name, step in self.steps:
            before = len(passage.pending)
            if not before:
                break
            step(passage)
            ended = time.perf_counter()
            self.told[name].add(before, len(passage.pending), ended - began)
            began = ended
        if self.last is not None:
            self.last(passage)
