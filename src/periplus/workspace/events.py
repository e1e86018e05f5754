"""Events in and out: imports, batches, the ledger, export."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus import clock
from periplus.errors import InputError, NotFoundError, PeriplusError
from periplus.workspace.opened import Opened, silent

if TYPE_CHECKING:
    from periplus.store.staged import Progress


class Events(Opened):
    """Batches of events."""

    def import_file(
        self,
        path: str | Path | Sequence[str | Path],
        mapping: Mapping[str, Any] | str | Path | None = None,
        source: str | None = None,
        replace: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Any:
        """Import files as one batch and return what became of them (`Imported`); with `dry_run`, the `Plan`.

        Raises InputError if nothing of the files can be read, DocumentError for a wrong mapping.
        """
        from periplus.collect.stage import stage
        from periplus.people import admission, hashed, ledger, withheld
        from periplus.store import compact
        from periplus.store.arrays import reused

        paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
        if not paths:
            raise InputError("No file was named.", hint="Name the files to import.")
        if replace is not None:
            self._live_batch(replace)
        told = progress or silent
        with self.home.staging() as folder, reused():
            if dry_run:
                from periplus.collect.plan import plan

                return plan(
                    paths,
                    folder=folder,
                    settings=self.settings,
                    mapping=mapping,
                    source=source,
                    known=ledger.known(self.home),
                    sieve=withheld.sieve(self.home),
                    progress=told,
                )
            staged = stage(
                paths, folder=folder, settings=self.settings, mapping=mapping, source=source, progress=told,
                hashing=hashed.of(self.home.root, self.snapshot().manifest), lend=True,
            )  # fmt: skip
            imported = admission.admit(self.home, staged, now=clock.wall(), replaced=replace, progress=told)
        # What was imported is published by now; this only makes later questions faster.
        try:
            compact.tidy(self.home, told)
        except PeriplusError as problem:
            said = f"The events are in, but could not be compacted: {problem}"
            return dataclasses.replace(imported, warnings=[*imported.warnings, said])
        return imported

    def undo(self, batch: int, progress: Progress | None = None) -> dict[str, Any]:
        """Take a batch back; raises NotFoundError if there is none of that number."""
        from periplus.people import admission, ledger

        undone = admission.undo(self.home, batch, now=clock.wall(), progress=progress or silent)
        return ledger.described(undone)

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, the newest first: its counts, files, source, and whether it was undone."""
        from periplus.people import ledger

        return ledger.batches(self.snapshot().manifest)

    def ledger(
        self, batch: int | None = None, outcome: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[dict[str, Any]]:
        """What the collector refused, and rows of imported files with what became of each: outcome, reason, payload …"""
        from periplus.people import ledger

        return ledger.rows(self.snapshot(), batch=batch, outcome=outcome, limit=limit, offset=offset)

    def export(self, path: str | Path, progress: Progress | None = None, who: str = "by hand") -> int:
        """Write every event as Segment-spec JSONL or flat Parquet; returns how many there are."""
        from periplus.people import export
        from periplus.store import actions

        snapshot = self.snapshot()
        count = export.export(snapshot, Path(path), progress or silent)
        # An erasure names the copies that still hold somebody.
        detail = {"path": str(Path(path).absolute()), "version": snapshot.version, "events": count}
        actions.add(self.state, actions.EXPORTED, who, detail)
        return count

    def _live_batch(self, number: int) -> None:
        known = self.snapshot().manifest.batch(number)
        if known is None or known.undone is not None:
            live = [str(batch.id) for batch in self.snapshot().manifest.batches if batch.undone is None]
            raise NotFoundError(
                f"There is no live batch {number} to replace.",
                hint="`periplus batch list` shows them.",
                allowed=live,
            )

    def ledger_counts(self, source: str | None = None) -> list[dict[str, Any]]:
        """What became of everything received, by source and hour of receipt; imports by the hour they were made."""
        from periplus.people import ledger

        return ledger.counts(self.snapshot().manifest, self.path, source)

    def rejects(self, source: str | None = None, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """Messages that the collector refused, the newest first, with reason and payload."""
        from periplus.people import ledger

        return ledger.rejects(self.path, source=source, limit=limit, offset=offset)
