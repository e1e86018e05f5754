"""The manifest: which files make up one version of the data, and the atomic switch from one to the next.

`CURRENT` holds the number of the live manifest. A version is published by writing its manifest aside,
then renaming `CURRENT`; whoever was killed before that left nothing but files nobody names, which the
next writer removes. Readers open what their manifest names and need no lock: files replaced by a
newer version are removed only when they have been unnamed for a while.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from periplus.errors import StoreError
from periplus.settings import FORMAT
from periplus.store.files import sync_files, write_durably

GRACE = 600.0
"""Seconds for which files that no live manifest names are kept for readers of older versions."""


@dataclass(frozen=True)
class Batch:
    """One import: its counts, where its rejects and claims lie, and whether it was undone.

    `claims` names a Parquet of the rows that were duplicates of another batch's: what this batch would
    bring if the other had never been; several where `live`. `unmade` names one of events that rows which came
    in did not make. `live` is the one batch that the collector adds to for ever; it cannot be undone.
    """

    id: int
    source: str
    created: int
    files: list[dict[str, Any]]
    rows: int
    accepted: int
    duplicate: int
    rejected: int
    withheld: int
    events: int
    undone: int | None = None
    rejects: str | None = None
    claims: list[str] = field(default_factory=list)
    rows_file: str | None = None
    mapping: dict[str, Any] | None = None
    consent: dict[str, bool] | None = None
    warnings: list[str] = field(default_factory=list)
    unmade: str | None = None
    live: bool = False


@dataclass(frozen=True)
class Manifest:
    """One version of the data.

    `names` is the list of event names; an event's code is its index, and codes never change. `masks`
    are (file of customers, number): those customers' rows in files of a lower number are out of date.
    `retired` lists, for a file, the shards whose rows have moved into newer files. `keys` are files of
    sorted event keys. `traffic` are the rules by which events of bots and internal traffic are marked in
    this version (empty: the usual ones). `decisions` names the file of what people decided about who is who,
    `tombstones` that of those who were erased; `retention` are the rules how long events are kept. `hashed` says
    which `kinds` of identifiers are kept hashed; it is empty while none ever was. `next_file` and `next_batch` are
    the numbers to give next.
    """

    number: int = 0
    format: int = FORMAT
    shards: int = 16
    names: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    masks: list[tuple[str, int]] = field(default_factory=list)
    retired: dict[str, list[int]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    cursors: dict[str, int] = field(default_factory=dict)
    next_file: int = 1
    next_batch: int = 1
    identity: int = 0
    imported: int | None = None
    traffic: dict[str, Any] = field(default_factory=dict)
    decisions: str | None = None
    tombstones: str | None = None
    retention: dict[str, Any] = field(default_factory=dict)
    hashed: dict[str, Any] = field(default_factory=dict)

    def batch(self, number: int) -> Batch | None:
        return next((batch for batch in self.batches if batch.id == number), None)

    @property
    def live_batch(self) -> Batch | None:
        """The batch of what the collector received, once there is any."""
        return next((batch for batch in self.batches if batch.live), None)

    def with_batch(self, batch: Batch) -> Manifest:
        """This manifest with `batch` added, or put in the place of the one with its id."""
        others = [known for known in self.batches if known.id != batch.id]
        return replace(self, batches=sorted([*others, batch], key=lambda known: known.id))


def live_number(root: Path) -> int:
    """The number of the live version; raises StoreError where there is none."""
    try:
        return int((root / "CURRENT").read_text())
    except (OSError, ValueError):
        raise StoreError(
            f"{root} is not a whole workspace: its CURRENT is missing or damaged.",
            code="damaged",
            hint="Restore it from a backup, or make a new one with `periplus init`.",
        ) from None


def read(root: Path) -> Manifest:
    """The live manifest of a workspace; raises StoreError for one made by a newer version."""
    try:
        number = live_number(root)
        document = dict(json.loads((root / "manifests" / f"{number:06d}.json").read_bytes()))
    except FileNotFoundError:
        raise StoreError(
            f"{root} is not a whole workspace: its CURRENT or manifest is missing.",
            code="damaged",
            hint="Restore it from a backup, or make a new one with `periplus init`.",
        ) from None
    except (ValueError, TypeError):
        raise _damaged(root) from None
    if document.get("format", 0) > FORMAT:
        raise StoreError(
            f"{root} was made by a newer version of Periplus (layout {document['format']}, this one knows {FORMAT}).",
            code="newer",
            hint="Upgrade Periplus; nothing in the workspace was changed.",
        )
    try:
        document["batches"] = [Batch(**batch | {"claims": _listed(batch)}) for batch in document["batches"]]
        document["masks"] = [(name, before) for name, before in document["masks"]]
        return Manifest(**document)
    except (KeyError, TypeError, ValueError):
        raise _damaged(root) from None


def _listed(batch: dict[str, Any]) -> list[str]:
    """The claims of a batch; it had one file of them, or none, before it could have several."""
    claims = batch.get("claims")
    return list(claims) if isinstance(claims, list) else [claims] if claims else []


def _damaged(root: Path) -> StoreError:
    return StoreError(f"The manifest of {root} is damaged.", code="damaged", hint="Restore it from a backup.")


def publish(root: Path, manifest: Manifest) -> Manifest:
    """Make `manifest` the live version; the caller holds write.lock. The switch is one rename.

    What it names and the version before did not is on the disk before, whatever becomes of the power.
    """
    following = replace(manifest, number=manifest.number + 1)
    document = asdict(following)
    for stem in sorted(_named(document) - _named(_document(root, f"{manifest.number:06d}"))):
        sync_files((root / stem).parent, f"{(root / stem).name}.*")
    content = json.dumps(document).encode()
    write_durably(root / "manifests" / f"{following.number:06d}.json", content)
    write_durably(root / "CURRENT", f"{following.number}\n".encode())
    return following


def sweep(root: Path, manifest: Manifest, *, grace: float = GRACE) -> None:
    """Remove files that no version names which is live, or was within the last `grace` seconds.

    Whoever reads an older version keeps its files that long. The caller holds write.lock, so nothing that
    no version names is being written: it was left by a writer that was killed, and goes at once.
    """
    recent = {f"{number:06d}" for number in _recent(root, manifest.number, time.time() - grace)}
    unnamed = _unnamed(root, _named(asdict(manifest)), recent)
    if unnamed:
        replaced = recent - {f"{manifest.number:06d}"}
        kept = set().union(*(_named(_document(root, number)) for number in replaced))
        for path, stem in unnamed.items():
            if stem not in kept:
                Path(path).unlink(missing_ok=True)


def unnamed(root: Path, manifest: Manifest) -> list[Path]:
    """Files that the live version does not name: of earlier ones, or left by writers that were killed."""
    return sorted(Path(path) for path in _unnamed(root, _named(asdict(manifest)), {f"{manifest.number:06d}"}))


def _recent(root: Path, live: int, horizon: float) -> list[int]:
    """The live version and those before it that were live after `horizon`: their successor is not older."""
    found = [live]
    while True:
        try:
            replaced = (root / "manifests" / f"{found[-1]:06d}.json").stat().st_mtime
        except FileNotFoundError:
            return found
        if replaced < horizon:
            return found
        found.append(found[-1] - 1)


def _document(root: Path, number: str) -> dict[str, Any]:
    try:
        return dict(json.loads((root / "manifests" / f"{number}.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def _named(document: dict[str, Any]) -> set[str]:
    """Every file that a manifest names, by its stem."""
    named = {*document.get("files", ()), *document.get("keys", ())}
    named.update(name for name, _ in document.get("masks", ()))
    if document.get("tombstones"):
        named.add(document["tombstones"])
    if document.get("decisions"):
        named.add(document["decisions"])
    for batch in document.get("batches", ()):
        files = (batch["rejects"], *_listed(batch), batch["rows_file"], batch.get("unmade"))
        named.update(name for name in files if name)
    return named


def _unnamed(root: Path, named: set[str], manifests: set[str]) -> dict[str, str]:
    """The files of no name in `named`, nor manifests of these numbers; by path, with the name it would have to have.

    Folders are walked as texts: a shop where people were recognised all morning has tens of thousands of files.
    """
    found = {}
    for folder in ("runs", "shards", "masks", "keys", "batches", "tombstones", "decisions", "manifests"):
        known = {f"manifests/{number}" for number in manifests} if folder == "manifests" else named
        for place, _, names in os.walk(root / folder):
            inside = Path(place).relative_to(root).as_posix()
            for name in names:
                stem = f"{inside}/{name.split('.')[0]}"
                if stem not in known:
                    found[f"{place}/{name}"] = stem
    return found
