"""Plain loops, compiled: one explicit signature each, once per installation, kept in a cache folder.

Numba is imported when the first loop runs, not before, so that commands which need none start fast.
The cache folder is `use_cache(folder)`, by default the user's cache folder; where it cannot be
written the loops are compiled anew in each process, and `cache_problem()` says so.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

_lock = threading.RLock()
_loops: list[Loop] = []
_folder: Path | None = None
_problem: str | None = None


class Loop:
    """A function that is compiled, or loaded from the cache, when it is first called."""

    def __init__(self, function: Callable[..., Any], signature: str | list[str] | None) -> None:
        self.function = function
        self.signature = signature
        self._ready: Callable[..., Any] | None = None
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__

    def __call__(self, *arguments: Any) -> Any:
        return (self._ready or self.ready())(*arguments)

    def ready(self) -> Callable[..., Any]:
        """Compile it now, if that has not been done."""
        with _lock:
            if self._ready is None:
                import numba

                kept = _usable_cache()
                if kept is not None:
                    vars(numba.config)["CACHE_DIR"] = str(kept)
                for name in self.function.__code__.co_names:  # the loops it calls are compiled first
                    helper = self.function.__globals__.get(name)
                    if isinstance(helper, Loop):
                        self.function.__globals__[name] = helper.ready()
                self._ready = self._compiled(numba.njit, kept)
            return self._ready

    def _compiled(self, jit: Callable[..., Any], kept: Path | None) -> Callable[..., Any]:
        """The loop from the cache folder, or compiled; what is wrong with the folder stops nobody."""
        global _problem
        if kept is not None:
            try:
                return cast(Callable[..., Any], jit(self.signature, nogil=True, cache=True)(self.function))
            except (
                Exception
            ) as problem:  # its disk is full, or a file in it damaged; a loop that is wrong fails again
                _problem = (
                    f"Compiled loops are not kept: {kept} cannot be used ({problem}). Empty that folder."
                )
        return cast(Callable[..., Any], jit(self.signature, nogil=True)(self.function))


def compiled(signature: str | list[str]) -> Callable[[Callable[..., Any]], Loop]:
    """Mark a loop for compilation with one explicit signature, such as `"void(i8[::1], u1[::1])"`."""

    def mark(function: Callable[..., Any]) -> Loop:
        loop = Loop(function, signature)
        _loops.append(loop)
        return loop

    return mark


def use_cache(folder: str) -> None:
    """Keep compiled loops in `folder`; empty means the user's cache folder. Call before the first question."""
    global _folder
    _folder = Path(folder).expanduser() if folder else None


def warm() -> int:
    """Compile every loop, also of what is not loaded yet, and return how many there are."""
    package = Path(__file__).parents[1]
    for path, _ in _with_loops():
        import_module(".".join((package.name, *path.relative_to(package).with_suffix("").parts)))
    for loop in _loops:
        loop.ready()
    return len(_loops)


def keep_ready() -> None:
    """Have every loop in the cache folder; loads none where an earlier process has seen to that."""
    kept = _usable_cache()
    done = None if kept is None else kept / f"all-{sys.implementation.cache_tag}-{version('numba')}"
    if done is None or not done.exists():
        warm()
        if done is not None and _problem is None:
            with suppress(OSError):
                done.touch()


def cache_problem() -> str | None:
    """Why compiled loops are not kept, or None."""
    return _problem


@cache
def _edition() -> str:
    """A name for the present text of all modules with loops.

    Numba looks at the file of a loop alone, and would keep one whose constants or helpers have changed
    in another file; so each edition of the code has a folder of its own.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for _, text in _with_loops():
        digest.update(text)
    return digest.hexdigest()[:16]


def _with_loops() -> Iterator[tuple[Path, bytes]]:
    """The modules that have loops, with their text."""
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        text = path.read_bytes()
        if b"store.compiled import" in text and not path.samefile(__file__):
            yield path, text


def _usable_cache() -> Path | None:
    global _problem
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
        folder = _folder or base / "periplus" / "kernels"
    except RuntimeError:  # a user without a home, as containers have
        _problem = (
            "Compiled loops are not kept: this user has no home; name a folder in the setting kernel_cache."
        )
        return None
    try:
        folder = folder / _edition()
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as problem:
        _problem = f"Compiled loops are not kept: {folder} cannot be written ({problem.strerror})."
        return None
    _problem = None
    return folder
