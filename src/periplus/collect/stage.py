"""From files to a `Staged`: opened, loaded, turned into recipes, carried out; no lock is held meanwhile.

Everything is set by set: compiled loops read bytes, DuckDB does the rest, spilling into the given
folder. What a file says wrong becomes refused rows; what makes it unreadable is an InputError, and
then nothing has been written.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from periplus.collect import csv_scan, found, hashed_columns, mapped, parquet, segment
from periplus.collect.asked import one
from periplus.collect.csv_file import text_array
from periplus.collect.execute import REJECTS, UNMADE, execute
from periplus.collect.exports import named
from periplus.collect.hashing import Hashing
from periplus.collect.mapping import MappingDocument
from periplus.collect.opened import Workbench
from periplus.collect.plain import Bytes
from periplus.errors import InputError
from periplus.settings import Settings
from periplus.store.door import EngineError, literal, opened
from periplus.store.staged import FileInfo, Progress, Staged
from periplus.yaml_text import read

DEFAULT_SOURCE = "import"


def stage(
    paths: str | Path | Sequence[str | Path],
    *,
    folder: Path,
    settings: Settings,
    mapping: MappingDocument | Mapping[str, Any] | str | Path | None = None,
    source: str | None = None,
    progress: Progress | None = None,
    hashing: Hashing | None = None,
    lend: bool = False,
) -> Staged:
    """The events of some files, prepared in a new folder inside `folder`, which the caller removes in the end.

    Without a mapping the files are Segment-spec JSONL, or flat Parquet. `source` wins over the mapping's.
    Raises InputError for a file that cannot be read, or of which no row can be, DocumentError for a wrong
    mapping; then the new folder is gone. `progress` may raise to cancel.
    With `hashing`, identifiers are hashed before anything of them is written. With `lend`, columns that come in as they
    are stay in the files until the events are written: for events that are admitted at once.
    """
    target = folder / f"import-{uuid.uuid4().hex[:12]}"
    target.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            bench = workbench(stack, target, settings, progress)
            return run(
                bench, found.given(paths), document(mapping), base(mapping), source, hashing, lend=lend
            )
    except EngineError as problem:
        shutil.rmtree(target, ignore_errors=True)
        raise parquet.explained(problem, found.given(paths), "The import") from problem
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def document(mapping: MappingDocument | Mapping[str, Any] | str | Path | None) -> MappingDocument | None:
    """The mapping in any form it may be given in: a path (also as text without line breaks), a preset's name, YAML, a dict."""
    if mapping is None or isinstance(mapping, MappingDocument):
        return mapping
    if isinstance(mapping, str) and "\n" not in mapping and ":" not in mapping:
        mapping = Path(mapping).expanduser()
    if isinstance(mapping, Path) and not mapping.exists() and named(str(mapping)) is not None:
        mapping = {"preset": str(mapping)}
    return MappingDocument.parse(mapping)


def authored(mapping: Path) -> dict[str, Any]:
    """A mapping file, or a preset's name, as it was written, to be kept; raises DocumentError if it is wrong."""
    document(mapping)
    if not mapping.expanduser().exists():
        return {"preset": str(mapping)}
    return dict(read(mapping.expanduser().read_text(encoding="utf-8"), "mapping"))


def base(mapping: object) -> Path | None:
    """The folder of the mapping file, where joined files may lie."""
    if isinstance(mapping, str) and "\n" not in mapping and ":" not in mapping:
        mapping = Path(mapping)
    return mapping.expanduser().parent if isinstance(mapping, Path) else None


def workbench(stack: ExitStack, target: Path, settings: Settings, progress: Progress | None) -> Workbench:
    """A DuckDB connection and a folder for what is temporary, both gone with the stack."""
    scratch = target / "scratch"
    scratch.mkdir()
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    connection = stack.enter_context(
        opened(memory=settings.memory, threads=settings.threads, spill=scratch / "spill")
    )
    connection.execute(f"CREATE TEMP TABLE rejects ({REJECTS}, start BIGINT, finish BIGINT)")
    connection.execute(f"CREATE TEMP TABLE unmade ({UNMADE})")
    return Workbench(connection, stack, scratch, target, settings, progress)


def run(
    bench: Workbench,
    paths: list[Path],
    mapping: MappingDocument | None,
    near: Path | None,
    source: str | None,
    hashing: Hashing | None = None,
    *,
    lend: bool = False,
) -> Staged:
    """`stage` on an open workbench, which keeps its tables: a plan looks into them afterwards."""
    name = source or (mapping.source if mapping else None) or DEFAULT_SOURCE
    if mapping is None:
        recipes = segment.recipes(bench, paths, name)
    else:
        recipes = mapped.recipes(bench, paths, mapping, near, name)
    said = str if hashing is None else hashing.text
    rows = sum(file.rows for file in bench.files)
    if rows == 0:
        raise InputError(
            f"{paths[0].name} has no rows.", code="empty", hint="Export it again; nothing was imported."
        )
    bench.connection.execute("SET preserve_insertion_order = false")
    if hashing is not None:
        hashed_columns.define(bench.connection, hashing)
    written = execute(
        bench.connection, recipes, bench.target, lambda what: bench.report(0, 1, what), hashing, lend=lend
    )
    bench.recipes = recipes
    rejects = _rejects(bench, hashing)
    return Staged(
        folder=bench.target,
        events=written.events,
        columns=written.columns,
        rest=written.rest,
        rejects=rejects,
        unmade=_unmade(bench, hashing),
        withheld=written.withheld,
        rows=rows,
        files=[FileInfo(said(file.name), file.bytes, file.rows) for file in bench.files],
        source=name,
        mapping=mapping.document() if mapping else None,
        consent=_constant_consent(mapping),
        warnings=[said(each) for each in bench.warnings + written.warnings],
        hashed=() if hashing is None else hashing.kinds,
        lent=written.lent,
        held=written.held,
    )


def _constant_consent(mapping: MappingDocument | None) -> dict[str, bool] | None:
    said = (
        {purpose: given for purpose, given in (mapping.consent or {}).items() if isinstance(given, bool)}
        if mapping
        else {}
    )
    return said or None


def _rejects(bench: Workbench, hashing: Hashing | None) -> Path | None:
    """The refused rows as Parquet, each with its text as it stands in the file; None where there are none."""
    connection = bench.connection
    for number in connection.execute("SELECT DISTINCT file FROM rejects WHERE payload IS NULL").fetchall():
        file = int(number[0])
        spans = connection.execute(
            "SELECT line, start, finish FROM rejects WHERE payload IS NULL AND file = ?", [file]
        ).fetchnumpy()
        text = bench.files[file].text
        if text is None:
            continue
        starts, ends = (np.asarray(spans[name], np.int64) for name in ("start", "finish"))
        payloads = pa.table(
            {"line": np.asarray(spans["line"], np.int64), "payload": originals(text, starts, ends)}
        )
        connection.register("payloads", payloads)
        connection.execute(
            f"UPDATE rejects SET payload = payloads.payload FROM payloads WHERE rejects.file = {file} "
            "AND rejects.payload IS NULL AND rejects.line = payloads.line"
        )
        connection.unregister("payloads")
    count = one(connection, "SELECT count(*) FROM rejects")
    if not count or not count[0]:
        return None
    if hashing is not None:
        connection.execute(
            "UPDATE rejects SET payload = nullif(hashed_refused(payload), ''), value = hashed_text(value), "
            "reason = hashed_text(reason)"
        )
    path = bench.target / "rejects.parquet"
    connection.execute(
        f'COPY (SELECT file, line, reason, "column", value, payload FROM rejects ORDER BY file, line) '
        f"TO {literal(str(path))} (FORMAT parquet)"
    )
    return path


def _unmade(bench: Workbench, hashing: Hashing | None) -> Path | None:
    """The events that were not made of rows that came in, as Parquet; None where there are none."""
    if not one(bench.connection, "SELECT count(*) FROM unmade")[0]:
        return None
    if hashing is not None:
        bench.connection.execute("UPDATE unmade SET value = hashed_text(value)")
    path = bench.target / "unmade.parquet"
    bench.connection.execute(
        f"COPY (SELECT * FROM unmade ORDER BY file, line, event) TO {literal(str(path))} (FORMAT parquet)"
    )
    return path


def originals(text: Bytes, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """The pieces text[starts:ends] as an Arrow text array; they are UTF-8 already."""
    rows = len(starts)
    offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
    data = np.empty(max(1, int((ends - starts).sum())), np.uint8)
    marks, nothing = np.zeros(rows, np.uint8), np.zeros(0, np.int64)
    csv_scan.take(
        text, starts, ends, marks, rows, 1, 0, -1, -1, np.zeros(1, np.uint8), nothing, offsets, data, valid
    )
    return text_array(offsets, data, valid)
