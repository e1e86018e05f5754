"""Is everything in order? One row per check: what was looked at, its state, and what to do."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import fields
from typing import TYPE_CHECKING

import duckdb

from periplus.errors import PeriplusError
from periplus.store import compiled, door, files, manifest, tombstones

if TYPE_CHECKING:
    from periplus.workspace import Workspace

Check = dict[str, str]


def examine(workspace: Workspace | None) -> list[Check]:
    """Every check of the installation and, if there is one, of the workspace."""
    checks = [
        _row("Python", "ok", sys.version.split()[0]),
        _row("DuckDB", "ok", duckdb.__version__),
        _kernels(),
    ]
    if workspace is None:
        return [*checks, _row("Workspace", "none", "Stand in one, or name it with --workspace DIR.")]
    checks.append(_row("Workspace", "ok", str(workspace.path)))
    writable = os.access(workspace.path, os.W_OK)
    checks.append(
        _row(
            "Writable",
            "ok" if writable else "problem",
            "yes" if writable else "This user may not write there.",
        )
    )
    free = shutil.disk_usage(workspace.path).free
    low = free < 1 << 30
    checks.append(_row("Free disk", "problem" if low else "ok", f"{free / (1 << 30):.1f} GiB"))
    checks += _files(workspace)
    checks.append(_erasures(workspace))
    checks += [
        _row(
            f"Setting {row.name}", "ok", f"{getattr(workspace.settings, row.name)!r}: {row.metadata['help']}"
        )
        for row in fields(workspace.settings)
    ]
    return checks


def _kernels() -> Check:
    count = compiled.warm()
    problem = compiled.cache_problem()
    return _row("Compiled loops", "note" if problem else "ok", problem or f"{count} ready")


def _erasures(workspace: Workspace) -> Check:
    """Erasures that were begun and stopped are finished."""
    try:
        done = workspace.erasures.finish()
        live = manifest.read(workspace.path)
        if live.tombstones is not None or live.hashed:
            tombstones.secret(workspace.path)
    except PeriplusError as problem:
        return _row("Erasures", "problem", str(problem))
    return _row(
        "Erasures", "ok", f"{len(done)} that had been stopped were finished" if done else "none is unfinished"
    )


def _files(workspace: Workspace) -> list[Check]:
    live = manifest.read(workspace.path)
    missing = []
    for name in live.files:
        described = files.load(workspace.path, name)
        parts = [described.path, described.people]
        parts += [workspace.path / f"{name}.{hot}.npy" for hot in ("time", "name", "customers", "offsets")]
        missing += [str(part.relative_to(workspace.path)) for part in parts if not part.exists()]
    if missing:
        return [_row("Files", "problem", f"Missing: {', '.join(missing[:5])}. Restore them from a backup.")]
    damaged = [name for name in live.files if not _whole(workspace, name)]
    if damaged:
        return [_row("Files", "problem", f"Damaged: {', '.join(damaged[:5])}. Restore them from a backup.")]
    rows = sum(files.load(workspace.path, name).rows for name in live.files)
    return [
        _row(
            "Files",
            "ok",
            f"version {live.number}: {len(live.files)} files, {rows:,} rows, {len(live.batches)} batches",
        )
    ]


def _whole(workspace: Workspace, name: str) -> bool:
    """Whether a file has the rows its description says, and its list of people can be opened."""
    described = files.load(workspace.path, name)
    listed = door.file_list([described.path, described.people])
    with workspace.home.connect() as connection:
        try:
            counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({listed})").fetchall()
        except duckdb.Error:
            return False
    return int(counted[0][0]) == described.rows


def _row(check: str, state: str, detail: str) -> Check:
    return {"check": check, "state": state, "detail": detail}
