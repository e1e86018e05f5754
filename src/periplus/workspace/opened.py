"""A workspace folder, opened: its settings, its state and the version of the data that is live."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, get_args

from periplus import clock
from periplus.errors import QuestionError, unknown
from periplus.question import Context, Traffic
from periplus.settings import Settings
from periplus.store import compiled, home, manifest
from periplus.store.snapshot import Snapshot

if TYPE_CHECKING:
    from periplus.collect.catalogue.kept import Kept
    from periplus.store.state import State


class Opened:
    """Resources of a workspace, and what a question is answered with."""

    def __init__(self, folder: home.Home) -> None:
        self.home = folder
        self._snapshot: Snapshot | None = None
        self._state: State | None = None
        self._catalogue: Kept | None = None
        self._lock = threading.Lock()
        compiled.use_cache(folder.settings.kernel_cache)
        # Raises at once for a workspace that is damaged or was made by a newer version.
        self.snapshot()

    @property
    def path(self) -> Path:
        return self.home.root

    @property
    def settings(self) -> Settings:
        return self.home.settings

    @property
    def state(self) -> State:
        """Documents, tokens and sign-ins; opened when first needed."""
        from periplus.store.state import State

        with self._lock:
            if self._state is None:
                self._state = State(self.home.root, self.home.settings)
            return self._state

    def snapshot(self) -> Snapshot:
        """The live version of the data; the same object while nothing is published."""
        current = manifest.live_number(self.home.root)
        with self._lock:
            if self._snapshot is None or self._snapshot.manifest.number != current:
                live = manifest.read(self.home.root)
                self._snapshot = Snapshot(
                    self.home.root, live, self.home.settings, live=live.live_batch is not None
                )
            return self._snapshot

    def close(self) -> None:
        if self._state is not None:
            self._state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def context(self, snapshot: Snapshot | None = None) -> Context:
        """What a question of this workspace is answered with."""
        live = snapshot or self.snapshot()

        def labels(customers: Sequence[int]) -> dict[int, str]:
            from periplus.people import directory

            return directory.labels(live, customers)

        seen = Context(
            snapshot=live,
            settings=self.settings,
            wall=clock.wall(),
            documents=self.document,
            labels=labels,
            names=self.names,
        )
        if not live.manifest.hashed:
            return seen
        from periplus.people import hashed

        return replace(
            seen,
            documents=lambda kind, name: hashed.stored(live, self.document(kind, name)),
            stored=lambda asked: hashed.asked(live, asked),
        )

    def names(self, kind: str) -> list[str]:
        """The names under which documents of a kind are stored."""
        return self.state.names(kind) if self._has_state() else []

    def document(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The newest stored document of a kind and name, or None; where nothing was stored nothing is made."""
        return self.state.document(kind, name) if self._has_state() else None

    def _stored(self) -> State | None:
        """The state, where any was made."""
        return self.state if self._has_state() else None

    def _has_state(self) -> bool:
        """Whether any was made; a disk that was full may have left an empty file."""
        local = self.path / "state.db"
        return bool(self.settings.state) or (local.exists() and local.stat().st_size > 0)

    def _seen(self, traffic: str) -> Snapshot:
        """The events that a view of all traffic, or of the customers' alone, looks at."""
        if traffic not in get_args(Traffic):
            message, hint, allowed = unknown("traffic", str(traffic), get_args(Traffic))
            raise QuestionError(message, code="traffic", hint=hint, allowed=allowed)
        return self.snapshot().everything if traffic == "all" else self.snapshot()


def silent(done: int, total: int, what: str) -> None:
    """Progress that nobody follows."""
    del done, total, what
