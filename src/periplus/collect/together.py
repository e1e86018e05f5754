"""A few pieces of work at once, in threads, with one progress and one way to stop."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Stopped(Exception):
    """Raised inside a piece of work when another one failed, or whoever waits wants no more."""


class Meter:
    """How far one piece is; also where it learns that it should stop."""

    def __init__(self) -> None:
        self.done = 0
        self.stop = False

    def at(self, done: int) -> None:
        self.done = done
        if self.stop:
            raise Stopped


def in_order(work: Callable[[S], T], given: Iterator[S], threads: int) -> Iterator[T]:
    """`work` of each given thing, in their order, by several threads that run a little ahead."""
    with ThreadPoolExecutor(threads, thread_name_prefix="periplus-reader") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for each in given:
                waiting.append(pool.submit(work, each))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def together(tasks: Sequence[Callable[[Meter], T]], report: Callable[[int], None]) -> list[T]:
    """The results of all tasks, in order; `report` is called from here with the sum done, and may raise."""
    meters = [Meter() for _ in tasks]
    with ThreadPoolExecutor(len(tasks), thread_name_prefix="periplus-reader") as pool:
        futures = [pool.submit(task, meter) for task, meter in zip(tasks, meters, strict=True)]
        try:
            waiting = set(futures)
            while waiting:
                finished, waiting = wait(waiting, timeout=0.1)
                for future in finished:
                    future.result()
                report(sum(meter.done for meter in meters))
        finally:
            for meter in meters:
                meter.stop = True
    return [future.result() for future in futures]
