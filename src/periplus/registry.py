"""The one mechanism by which things make themselves known: question kinds, importers, resolvers.

A built-in uses the same door as a plug-in. Nobody edits a central list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Generic, TypeVar

from periplus.errors import NotFoundError, unknown

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one sort; asking for a name nobody gave raises with the nearest ones.

    >>> shapes: Registry[int] = Registry("shape")
    >>> shapes.add("square", 4)
    4
    >>> shapes["square"], list(shapes)
    (4, ['square'])

    What takes long to load may be registered by the name of the module that adds it; it is loaded when its entry
    is first asked for.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._entries: dict[str, T] = {}
        self._modules: dict[str, str] = {}

    def add(self, name: str, entry: T) -> T:
        if name in self._entries and self._entries[name] is not entry:
            raise ValueError(f"{self.what} {name!r} is registered twice")
        self._entries[name] = entry
        return entry

    def later(self, name: str, module: str) -> None:
        """`module` adds the entry `name` when it is imported."""
        self._modules[name] = module

    def register(self, name: str) -> Callable[[T], T]:
        """The decorator form of `add`."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> T:
        if name not in self._entries and name in self._modules:
            import_module(self._modules[name])
        try:
            return self._entries[name]
        except KeyError:
            message, hint, allowed = unknown(self.what, name, list(self))
            raise NotFoundError(message, hint=hint, allowed=allowed) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._modules

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries.keys() | self._modules.keys()))
