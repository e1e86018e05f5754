"""The one door to DuckDB: every connection in Periplus is opened here, with its limits set.

DuckDB evaluates files and conditions; nothing lives in a DuckDB database, so a connection is in
memory and private to whoever opened it. Extensions are never downloaded.

An engine fills its catalogue of functions when it starts, which takes longer than a small question. So one
that is left behind small and clean waits for the next connection; never do two use one at the same time.
"""

from __future__ import annotations

import json
import os
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from periplus.errors import InputError, StoreError

Connection = duckdb.DuckDBPyConnection

KEPT_ORDER = "in_clause"
EngineError = duckdb.Error


IDLE_ENGINES = 4
"""How many engines wait at most for the next connection of this process."""
IDLE_BYTES = 32 << 20
"""What an engine may hold in memory while it waits; a larger one ends with its connection."""
CONNECTIONS = 64
"""Of how many connections, one after another, an engine is: what it knows of files that are gone ends with it."""


@dataclass
class _Engine:
    """A DuckDB engine that one connection at a time is of; `clean` while nothing in it outlasts the connection."""

    limits: tuple[str, int, bool]
    root: Connection
    served: int = 0
    clean: bool = True


_idle: deque[_Engine] = deque(maxlen=IDLE_ENGINES)
_engines: weakref.WeakKeyDictionary[Connection, _Engine] = weakref.WeakKeyDictionary()


def connect(*, memory: str = "", threads: int = 0, spill: Path | None = None) -> Connection:
    """A private DuckDB connection: `memory` like "4GB" (empty: half the machine's), `threads` (0: per core).

    What does not fit in memory goes to the folder `spill`, which must be on the workspace's disk.
    """
    limits = (memory or f"{_half_of_memory() >> 20}MiB", threads or os.cpu_count() or 1, spill is not None)
    try:
        engine = _waiting(limits, spill) or _started(limits, spill)
        connection = engine.root.cursor()
        _set_defaults(connection)
    except duckdb.Error as problem:
        raise StoreError(
            f"The query engine did not start: {first_line(problem)}.",
            hint="Check the settings memory and threads.",
        ) from None
    engine.served += 1
    _engines[connection] = engine
    weakref.finalize(connection, _left, engine).atexit = False
    return connection


def _started(limits: tuple[str, int, bool], spill: Path | None) -> _Engine:
    options: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": limits[0],
        "threads": limits[1],
    }
    if spill is not None:
        options["temp_directory"] = str(spill)
    return _Engine(limits, duckdb.connect(":memory:", config=options))


def _set_defaults(connection: Connection) -> None:
    # A longer IN list would become a join, and a join does not keep the order of rows that labels rely on.
    connection.execute(
        "SET TimeZone = 'UTC'; SET enable_progress_bar = false; SET preserve_insertion_order = true; "
        f"SET parquet_metadata_cache = false; SET disabled_optimizers = '{KEPT_ORDER}'"
    )


def _waiting(limits: tuple[str, int, bool], spill: Path | None) -> _Engine | None:
    """An engine of these limits that waits, made to spill where this connection may; None where there is none."""
    for _ in range(len(_idle)):
        try:
            engine = _idle.popleft()
        except IndexError:  # another thread was quicker
            return None
        if engine.limits != limits:
            _idle.append(engine)
            continue
        if spill is not None:
            engine.root.execute(f"SET temp_directory = {literal(str(spill))}")
        return engine
    return None


def _left(engine: _Engine) -> None:
    """The connection of an engine is gone, and all that was its own: the engine waits for another, or ends."""
    if not engine.clean or engine.served >= CONNECTIONS:
        return
    try:
        if engine.limits[2]:
            engine.root.execute("SET temp_directory = ''")
        ((held,),) = engine.root.execute(
            "SELECT coalesce(sum(memory_usage_bytes), 0) FROM duckdb_memory()"
        ).fetchall()
    except duckdb.Error:  # it has spilled, and can do so in that folder only; or it broke
        return
    if held <= IDLE_BYTES:
        _idle.append(engine)


@contextmanager
def opened(*, memory: str = "", threads: int = 0, spill: Path | None = None) -> Iterator[Connection]:
    """`connect`, closed at the end of the block."""
    connection = connect(memory=memory, threads=threads, spill=spill)
    try:
        yield connection
    finally:
        connection.close()


def beside(connection: Connection) -> Connection:
    """One more connection to the same engine, for another thread; it sees no temporary tables of the other."""
    found = connection.cursor()
    found.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    return found


def text_functions(connection: Connection, functions: Mapping[str, Callable[[str], str]]) -> None:
    """Give a connection functions of one text, by name, as SQL; of a piece of a column each distinct text is told once."""
    import pyarrow as pa
    from duckdb.func import PythonUDFType

    def over(tell: Callable[[str], str]) -> Callable[[Any], Any]:
        def run(texts: Any) -> Any:
            whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
            coded = whole.dictionary_encode()
            values = [None if each is None else tell(each) for each in coded.dictionary.to_pylist()]
            return pa.array(values, pa.string()).take(coded.indices)

        return run

    if engine := _engines.get(connection):
        engine.clean = False  # a function is the engine's, not the connection's
    for name, tell in functions.items():
        connection.create_function(name, over(tell), ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW)


def threads(connection: Connection) -> int:
    """How many threads a connection may use."""
    ((count,),) = connection.execute("SELECT current_setting('threads')").fetchall()
    return max(1, int(count))


def memory(connection: Connection) -> int:
    """How many bytes of memory a connection may use."""
    ((text,),) = connection.execute("SELECT current_setting('memory_limit')").fetchall()
    number, unit = str(text).split()
    return int(float(number) * 1024 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit))


@contextmanager
def joins_as_written(connection: Connection) -> Iterator[None]:
    """For the block, hash tables are built on the right side of a join, as the SQL has it.

    Where a million wide rows look up their owners in small tables, the optimizer builds on the wide rows
    as soon as a small table has more than a few of them; that took half the time of an import.
    """
    connection.execute(f"SET disabled_optimizers = '{KEPT_ORDER},join_order,build_side_probe_side'")
    try:
        yield
    finally:
        connection.execute(f"SET disabled_optimizers = '{KEPT_ORDER}'")


def quoted(identifier: str) -> str:
    """A column or table name as SQL, whatever it contains."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a SQL literal, for the few places that take no bound values (COPY targets, file lists)."""
    return "'" + text.replace("'", "''") + "'"


def file_list(paths: Sequence[Path]) -> str:
    """A SQL list of file names; wildcard characters in a name are taken as themselves."""
    return "[" + ", ".join(literal(_unglob(str(path))) for path in paths) + "]"


def _unglob(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def first_line(problem: BaseException) -> str:
    """The first line of a DuckDB error, without its class name; the rest is for developers."""
    inner = re.search(r'"exception_message":"((?:[^"\\]|\\.)*)"', str(problem))
    if inner:  # an error of a thread, told as JSON
        return str(json.loads(f'"{inner[1]}"')).rstrip(".")
    text = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
    return text.split(": ", 1)[-1].rstrip(".")


_FULL = ("No space left", "Disk quota exceeded", "File too large", "max_temp_directory_size")


def explain(problem: duckdb.Error, what: str) -> StoreError | InputError:
    """A DuckDB error as one plain sentence: a full disk, too little memory, or a file that cannot be read."""
    text = str(problem)
    if any(sign in text for sign in _FULL):
        return StoreError(
            f"The disk is full: {what} stopped, nothing was changed.",
            code="disk_full",
            hint="Free some room on the disk of the workspace and run it again.",
        )
    if isinstance(problem, duckdb.OutOfMemoryException):
        return StoreError(
            f"Not enough memory for {what}.",
            code="memory",
            hint="Raise the setting memory, or close other programs.",
        )
    if "No files found" in text or ("No such file" in text and ".parquet" in text):
        return gone()
    if "Permission denied" in text or "No such file or directory" in text:
        hint = "Check that the folder is there, and this user's rights in it."
        return StoreError(f"{what} failed: {first_line(problem)}.", code="unreadable", hint=hint)
    return InputError(
        f"{what} failed: {first_line(problem)}.", hint="`periplus doctor` looks whether all files are whole."
    )


def gone() -> StoreError:
    """A version of the data whose files were removed while somebody read it."""
    problem = StoreError(
        "The version of the data that was being read has been replaced.",
        code="gone",
        hint="Ask again; if it says so again, `periplus doctor` looks for what is missing.",
    )
    problem.retryable = True
    return problem


def _half_of_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 2 << 30
