"""Identifiers kept hashed, as people ask for it: which kinds are, and the change that puts it in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from periplus.errors import InputError, unknown
from periplus.people import hashed
from periplus.store import locks, manifest, tombstones
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.pseudonyms import FORMS, Form
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class HashingBook:
    """What `ws.hashing` is."""

    home: Home
    snapshot: Callable[[], Snapshot]

    def kinds(self) -> tuple[Form, ...]:
        """The kinds of identifiers that are kept hashed."""
        return hashed.kinds(self.snapshot().manifest)

    def keep(self, *wanted: str, progress: Progress = _silent) -> dict[str, Any]:
        """Keep these kinds (`email`, `phone`) hashed from now on, and no others."""
        chosen = _checked(wanted)
        with locks.held(self.home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus identity hash"):
            before = manifest.read(self.home.root)
            if chosen == hashed.kinds(before):
                return {"kinds": list(chosen)}
            tombstones.secret(self.home.root, make=before.tombstones is None and not before.hashed)
            manifest.publish(self.home.root, replace(before, hashed={"kinds": list(chosen)}))
        return {"kinds": list(chosen)}


def _checked(wanted: Sequence[str]) -> tuple[Form, ...]:
    for each in wanted:
        if each not in FORMS:
            message, hint, allowed = unknown("kind of identifier that can be kept hashed", each[:80], FORMS)
            raise InputError(message, code="identifier", hint=hint, allowed=allowed)
    return tuple(kind for kind in FORMS if kind in wanted)
