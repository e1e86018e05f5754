"""The vocabulary applied again to the past: events that it now tells otherwise are told so, in one published version.

Files that hold such events are written anew, in their old order and each in the place of the old; all others
stay. Keys, batches, sequences and what was sent stay too. An order number that comes or goes may change
whose an event is: that is settled in the same version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from periplus.collect.vocabulary import MARK, NAMED, Vocabularies, as_sent
from periplus.collect.vocabulary_changes import Changes, dialect_of
from periplus.event import flatten, split_path, unflatten
from periplus.people.patch import Patch, Row
from periplus.people.settlement import settled
from periplus.store import door, files, locks, manifest, standing, writing
from periplus.store.columns import pointer
from periplus.store.files import EventFile
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.staged import Progress
from periplus.store.standing import Shape

AT_ONCE = 10_000
"""Rows read at a time."""
_MARK = f"context.{MARK}"


def preview(home: Home, vocabularies: Vocabularies, *, since: int | None, progress: Progress) -> Changes:
    """What `apply` would change; nothing is written, and no lock is taken."""
    live = manifest.read(home.root)
    changes = Changes()
    with home.connect() as connection:
        standing.load_masks(connection, home.root, live)
        for number, name in enumerate(live.files):
            progress(number, len(live.files), "looking through the events")
            file = files.load(home.root, name)
            concerned = _concerned(connection, live, file, vocabularies)
            for _ in _changed(connection, live, file, concerned, vocabularies, since, changes):
                pass
    return changes


def apply(home: Home, vocabularies: Vocabularies, *, since: int | None, progress: Progress) -> Changes:
    """Tell all events since a time (microseconds UTC; None: all) by the vocabularies of now; says what changed.

    Where nothing changes no version is published. Who is stopped half-way leaves the version before.
    """
    changes = Changes()
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus vocabulary apply"):
        before = manifest.read(home.root)
        manifest.sweep(home.root, before)
        home.clear_spill()
        with home.connect() as connection, home.staging() as folder:
            try:
                standing.load_masks(connection, home.root, before)
                connection.execute(
                    "CREATE TEMP TABLE stirred (key_hi UBIGINT, key_lo UBIGINT, numbers VARCHAR)"
                )
                after = before
                for number, name in enumerate(before.files):
                    progress(number, len(before.files), "naming the events anew")
                    file = files.load(home.root, name)
                    concerned = _concerned(connection, before, file, vocabularies)
                    patch = Patch(folder / f"{number}.parquet", concerned.columns(file))
                    for row in _changed(connection, before, file, concerned, vocabularies, since, changes):
                        patch.add(row)
                    patch.close()
                    if patch.rows:
                        after = _rewritten(home, connection, after, file, patch)
                if after is before:
                    return changes
                after = settled(
                    home, connection, after, [], leaving=None, progress=progress, claimed=False, stirred=True
                )
            except door.EngineError as problem:
                raise door.explain(problem, "naming the events anew") from None
            except OSError as problem:
                raise files.os_problem(problem, Path(str(problem.filename or home.root / "runs"))) from None
            manifest.publish(home.root, after)
    return changes


def _rewritten(
    home: Home, connection: door.Connection, before: Manifest, file: EventFile, patch: Patch
) -> Manifest:
    """The version in which `file` has given way to one with the patched rows."""
    patched = f"read_parquet({door.file_list([patch.path])})"
    target = standing.shape(
        [
            (file.columns, file.rest, file.rows - patch.rows),
            (patch.columns, None if file.rest is None else sorted(patch.rest), patch.rows),
        ]
    )
    # Masks and retired shards are those of the version that names the file.
    kept = standing.rows(before, [file], target)
    as_they_are = standing.rows(before, [file], Shape(file.columns, file.rest))
    names = [*before.names]
    found = connection.execute(f"SELECT DISTINCT event FROM {patched} ORDER BY 1").fetchall()
    names += [name for (name,) in found if name not in set(names)]
    number = before.next_file
    name = f"{file.name.rpartition('/')[0]}/{'base-' if file.name.startswith('shards/') else ''}{number:06d}"
    written = writing.write(
        connection,
        home.root,
        name,
        number,
        select=f"SELECT * FROM ({kept}) AS k ANTI JOIN {patched} AS p ON p.key_hi = k.key_hi AND p.key_lo = k.key_lo "
        f"UNION ALL BY NAME {patch.select(as_they_are, file.columns, target)}",
        columns=target.columns,
        rest=target.rest,
        names=names,
        shards=before.shards,
    )
    after = replace(
        before,
        names=names,
        files=[name if known == file.name else known for known in before.files],
        retired={known: shards for known, shards in before.retired.items() if known != file.name},
        next_file=number + 1,
    )
    _stir(connection, before, file, after, written)
    return after


def _stir(
    connection: door.Connection, before: Manifest, file: EventFile, after: Manifest, written: EventFile
) -> None:
    """Add to the table `stirred` the events whose order number is another one now, with the one they had."""
    columns = ("key_hi", "key_lo", "numbers")
    old, new = standing.narrow(before, [file], columns), standing.narrow(after, [written], columns)
    connection.execute(
        f"INSERT INTO stirred SELECT o.key_hi, o.key_lo, o.numbers FROM ({old}) AS o JOIN ({new}) AS n "
        "ON n.key_hi = o.key_hi AND n.key_lo = o.key_lo WHERE o.numbers IS DISTINCT FROM n.numbers"
    )


@dataclass(frozen=True)
class _Concerned:
    """What of a file vocabularies look at: top-level properties, and names of events as sent or as told."""

    roots: frozenset[str]
    names: frozenset[str]

    def path(self, path: str) -> bool:
        """Whether a path is of such a property, or of the mark of a vocabulary."""
        keys = split_path(path)
        return (keys[0] == "properties" and len(keys) > 1 and keys[1] in self.roots) or keys[:2] == (
            "context",
            MARK,
        )

    def columns(self, file: EventFile) -> dict[str, str]:
        """The file's columns of such paths, with their kinds."""
        return {path: kind for path, kind in file.columns.items() if self.path(path)}

    def rows(self, file: EventFile) -> str:
        """SQL: whether a row can be told otherwise at all; most cannot, and need not be looked at."""
        tests = [f"{door.quoted(path)} IS NOT NULL" for path in self.columns(file)]
        if self.names:
            tests.append(f"event IN ({', '.join(map(door.literal, sorted(self.names)))})")
        return f"({' OR '.join(['rest IS NOT NULL', *tests])})"


def _changed(
    connection: door.Connection,
    live: Manifest,
    file: EventFile,
    concerned: _Concerned,
    vocabularies: Vocabularies,
    since: int | None,
    changes: Changes,
) -> Iterator[Row]:
    """The standing rows of a file that the vocabularies tell otherwise than they stand, each as it is now to be."""
    columns = concerned.columns(file)
    listed = ["key_hi", "key_lo", "type", "event", "original", "source", "rest", *columns]
    tests = [f"type IN ({', '.join(map(door.literal, NAMED))})", concerned.rows(file)]
    tests += [] if since is None else [f"time >= {int(since)}"]
    rows = standing.rows(live, [file], Shape(file.columns, file.rest))
    found = connection.execute(
        f"SELECT {', '.join(map(door.quoted, listed))} FROM ({rows}) WHERE {' AND '.join(tests)}"
    )
    places = [(path, split_path(path), kind == "JSON") for path, kind in columns.items()]
    while batch := found.fetchmany(AT_ONCE):
        for key_hi, key_lo, type_, event, original, source, rest, *values in batch:
            others = json.loads(rest) if rest else {}
            before = {"type": type_, "event": event, "source": source, **_bodies(places, values)}
            if others and (deep := {path: leaf for path, leaf in others.items() if concerned.path(path)}):
                for root, body in unflatten(deep).items():
                    before[root] = _together(before.get(root), body)
            if original is not None:
                before["original"] = original
            sent = as_sent(before)
            after = vocabularies.of(source, dialect_of(before)).tell(sent)
            if changes.see(before, sent, after):
                told = flatten(after.get("properties") or {}, "properties")
                told |= flatten((after.get("context") or {}).get(MARK) or {}, _MARK)
                others = {path: leaf for path, leaf in others.items() if not concerned.path(path)}
                yield Row(key_hi, key_lo, after["event"], after.get("original"), told, others)


def _bodies(places: list[tuple[str, tuple[str, ...], bool]], values: list[Any]) -> dict[str, Any]:
    """Properties and context, as far as a vocabulary looks at them, of a row's values at their (path, keys, is JSON)."""
    flat: dict[str, Any] = {}
    mark: dict[str, Any] = {}
    deep: dict[str, Any] = {}
    for (path, keys, is_json), value in zip(places, values, strict=True):
        if value is not None:
            leaf = json.loads(value) if is_json else value
            if len(keys) == 2:
                flat[keys[1]] = leaf
            elif len(keys) == 3 and keys[0] == "context":
                mark[keys[2]] = leaf
            else:
                deep[path] = leaf
    bodies = unflatten(deep) if deep else {}
    if mark:
        bodies["context"] = {MARK: mark}
    return {**bodies, "properties": {**flat, **bodies.get("properties", {})}}


def _together(one: Any, other: Any) -> Any:
    """Two objects as one, members of the same name joined likewise."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{key: _together(one.get(key), value) for key, value in other.items()}}


def _concerned(
    connection: door.Connection, live: Manifest, file: EventFile, vocabularies: Vocabularies
) -> _Concerned:
    """What the vocabularies of a file's sources read or may add, and what any has added to some event of it."""
    rows = standing.rows(live, [file], Shape(file.columns, file.rest))
    name, added = _texts(f"{_MARK}.name", file), _texts(f"{_MARK}.added", file)
    roots: set[str] = set()
    names: set[str] = set()
    for source, dialect, properties in connection.execute(
        f"SELECT DISTINCT source, {name}, {added} FROM ({rows})"
    ).fetchall():
        vocabulary = vocabularies.of(source, dialect)
        roots |= vocabulary.mentioned
        names |= {*vocabulary.events, *(entry.to for entry in vocabulary.events.values())}
        stated = json.loads(properties) if properties else []
        roots.update(each for each in (stated if isinstance(stated, list) else []) if isinstance(each, str))
    return _Concerned(frozenset(roots), frozenset(names))


def _texts(path: str, file: EventFile) -> str:
    """SQL of the text (of a list: the JSON) that a row has under a path, in its column or in the rest."""
    found = [f"{door.quoted(path)}::VARCHAR"] if path in file.columns else []
    if file.rest is None or path in file.rest:
        found.append(f"json_extract_string(rest, {pointer(path)})")
    return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"
