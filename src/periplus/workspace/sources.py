"""Who may send and ask: sources with their keys, tokens, the collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus.errors import InputError
from periplus.store import locks
from periplus.workspace.opened import Opened

if TYPE_CHECKING:
    from periplus.people.collector import Collector


class Sources(Opened):
    """Sources and keys."""

    def add_token(self, name: str) -> str:
        """A new token for the HTTP API; it is shown this once."""
        return self.state.issue("token", _name(name))

    def check_token(self, text: str) -> bool:
        return self.state.check("token", text) is not None

    def tokens(self) -> list[dict[str, str]]:
        return self.state.issued("token")

    def add_source(self, name: str, **fields: Any) -> str:
        """A new source of events (`SourceDocument` has the fields), or a new key of one; returns the write key."""
        from periplus.people import incoming

        return incoming.add(self.state, _name(name), fields)

    def save_source(self, document: Mapping[str, Any] | str | Path) -> str:
        """Change how a source is read; returns its name."""
        from periplus.people import incoming

        return incoming.save(self.state, document)

    def sources(self) -> list[dict[str, Any]]:
        """Where events come from: sources with a write key, with their settings, and those of imports."""
        from periplus.people import incoming

        return incoming.listed(self.state, self.snapshot().manifest)

    def collector(self, *, apart: bool = False) -> Collector:
        """The collector, not started: use it in a `with` block. One process at a time may run it.

        With `apart` it brings events into the store by a process of its own, so that requests need not wait for that.
        """
        from periplus.people.collector import Collector

        return Collector(self.home, self.state, apart=apart)

    def serving(self) -> Any:
        """A lock that admits one server to the workspace; raises BusyError if another runs."""
        return locks.held(self.path / "server.lock", who="periplus serve")


def _name(name: str) -> str:
    cleaned = name.strip()
    if not cleaned or len(cleaned) > 200:
        raise InputError("A name has 1 to 200 letters.", hint="Name it after who will use it.")
    return cleaned
