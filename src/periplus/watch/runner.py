"""One round: every watch whose turn it is, every new file of it, imported once and noted.

What goes wrong with a file is noted with it, and the file is left alone until it changes; what goes wrong
with the workspace (it is busy, the disk is full) or on the way to a server is tried again at the next turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.collect import found
from periplus.collect.mapping import MappingDocument
from periplus.errors import NotFoundError, PeriplusError, StoreError, unknown
from periplus.store import locks, watches
from periplus.store.staged import Progress
from periplus.store.watches import Sighting, Turn
from periplus.watch import fetch, folder
from periplus.watch.document import Watch
from periplus.watch.due import due
from periplus.workspace import Workspace


@dataclass(frozen=True)
class Done:
    """What became of one file of a watch: `imported`, `failed`, `waiting` (it may still grow) or `unchanged`."""

    watch: str
    file: str
    outcome: str
    message: str = ""
    batch: int | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The wire form, as `periplus watch run --json` prints it."""
        return asdict(self)


def stored(ws: Workspace) -> list[Watch]:
    """The watches of a workspace; where nothing was stored nothing is made."""
    return [Watch.parse(body) for body in watches.bodies(ws.state)] if _has_any(ws) else []


def _has_any(ws: Workspace) -> bool:
    """Whether there is an operational state to look into."""
    return bool(ws.settings.state) or (ws.path / "state.db").exists()


def add(ws: Workspace, watch: Watch) -> None:
    """Store a watch, in the place of one of its name; its failed files are tried anew."""
    watches.save(ws.state, watch.name, watch.document())


def remove(ws: Workspace, name: str) -> None:
    """Forget a watch; raises NotFoundError with the nearest names."""
    _named(stored(ws), name)
    watches.remove(ws.state, name)


def run(
    ws: Workspace,
    now: int,
    names: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Done]:
    """One round at `now` (microseconds): the watches that are due, or those named, whether due or not.

    Raises BusyError if another round is under way, NotFoundError for a name nobody has.
    """
    known = stored(ws)
    if not known and not names:
        return []
    with locks.held(ws.path / "watch.lock", who="periplus watch"):
        chosen = (
            [_named(known, name) for name in names]
            if names
            else due(known, watches.last_turns(ws.state), now)
        )
        return [done for watch in chosen for done in _turn(ws, watch, now, progress)]


def _named(known: Iterable[Watch], name: str) -> Watch:
    by_name = {watch.name: watch for watch in known}
    if name not in by_name:
        message, hint, allowed = unknown("watch", name, by_name)
        raise NotFoundError(message, hint=hint if by_name else "There are none yet.", allowed=allowed)
    return by_name[name]


def _turn(ws: Workspace, watch: Watch, now: int, progress: Progress | None) -> list[Done]:
    """A watch's turn, noted before and after, so that a process that dies does not begin it again at once."""
    before = watches.last_turns(ws.state).get(watch.name, Turn(watch.name, 0))
    turn = Turn(watch.name, now, etag=before.etag, modified=before.modified)
    watches.note_turn(ws.state, turn)
    try:
        if watch.url is None:
            done, etag, modified = _folder(ws, watch, now, progress), "", ""
        else:
            done, etag, modified = _url(ws, watch, turn, now, progress)
    except PeriplusError as problem:
        done, etag, modified = [Done(watch.name, "", "failed", str(problem))], turn.etag, turn.modified
    said = "; ".join(
        f"{each.file}: {each.message}" if each.file else each.message for each in done if each.message
    )
    watches.note_turn(ws.state, Turn(watch.name, now, clock.wall(), said[:2000], etag, modified))
    return done


def _folder(ws: Workspace, watch: Watch, now: int, progress: Progress | None) -> list[Done]:
    place = Path(str(watch.folder))
    known = watches.seen(ws.state, watch.name)
    take, wait = folder.sorted_out(folder.listed(place, watch.files), known, now)
    mapping = None if watch.mapping is None else MappingDocument.parse(watch.mapping)
    done = []
    for each in wait:
        _note(ws, watch, each, now, "waiting")
        done.append(
            Done(watch.name, each.name, "waiting", "it may still grow, and is left for the next round")
        )
    hashes = {row.hash: row for row in known.values() if row.outcome == "imported"}
    for each in take:
        if mapping is not None and _only_looked_up(each.path, mapping):
            _note(ws, watch, each, now, "aside")
            continue
        result = _taken(ws, watch, each, hashes, known.get(each.name), now, progress)
        done += [result] if result is not None else []
    return done


def _only_looked_up(path: Path, mapping: MappingDocument) -> bool:
    """Whether a file is not for a table of the mapping, but one that its joins look things up in."""
    joined = [join.file for table in mapping.tables for join in table.join]
    own = [name for table in mapping.tables for name in table.files]
    return any(found.matches(path, name) for name in joined) and not any(
        found.matches(path, name) for name in own
    )


def _taken(
    ws: Workspace,
    watch: Watch,
    file: folder.Found,
    imported: dict[str, Sighting],
    before: Sighting | None,
    now: int,
    progress: Progress | None,
) -> Done | None:
    """One file imported and noted; None where its content is known and nothing is to be said."""
    try:
        content = folder.content(file.path)
    except OSError as problem:
        return Done(watch.name, file.name, "failed", f"it cannot be read: {problem.strerror}.")
    same = imported.get(content)
    if same is not None:
        _note(ws, watch, file, now, "imported", content, same.batch)
        return Done(watch.name, file.name, "unchanged", batch=same.batch)
    if before is not None and before.outcome == "failed" and before.hash == content:
        _note(ws, watch, file, now, "failed", content, message=before.message)
        return None
    if _changed(file):
        _note(ws, watch, file, now, "waiting")
        return Done(watch.name, file.name, "waiting", "it may still grow, and is left for the next round")
    try:
        result = ws.import_file(file.path, mapping=watch.mapping, source=watch.source, progress=progress)
    except StoreError as problem:  # the workspace's trouble, not the file's
        return Done(watch.name, file.name, "failed", str(problem))
    except PeriplusError as problem:
        if problem.code == "no_file":  # a file it is looked up in may still come
            return Done(watch.name, file.name, "waiting", str(problem))
        _note(ws, watch, file, now, "failed", content, message=str(problem))
        return Done(watch.name, file.name, "failed", str(problem))
    _note(ws, watch, file, now, "imported", content, result.batch)
    imported[content] = Sighting(
        watch.name, file.name, file.size, file.modified, content, "imported", result.batch, "", now
    )
    counts = {
        name: getattr(result, name) for name in ("rows", "accepted", "duplicate", "rejected", "withheld")
    }
    message = f"{result.rejected:,} of {result.rows:,} rows were rejected" if result.rejected else ""
    return Done(watch.name, file.name, "imported", message, result.batch, counts)


def _changed(file: folder.Found) -> bool:
    """Whether somebody wrote to a file since it was listed."""
    with suppress(OSError):
        about = file.path.stat()
        return (about.st_size, about.st_mtime_ns // 1000) != (file.size, file.modified)
    return True


def _url(
    ws: Workspace, watch: Watch, turn: Turn, now: int, progress: Progress | None
) -> tuple[list[Done], str, str]:
    with ws.home.staging() as place:
        fetched = fetch.fetch(
            str(watch.url), place, private=watch.private, etag=turn.etag, modified=turn.modified
        )
        if fetched.path is None:
            return [Done(watch.name, watch.shown, "unchanged")], fetched.etag, fetched.modified
        about = fetched.path.stat()
        file = folder.Found(fetched.path.name, about.st_size, about.st_mtime_ns // 1000, fetched.path)
        known = watches.seen(ws.state, watch.name)
        imported = {row.hash: row for row in known.values() if row.outcome == "imported"}
        done = _taken(ws, watch, file, imported, known.get(file.name), now, progress)
    if done is not None and done.outcome in ("failed", "waiting") and file.name not in _failed(ws, watch):
        return [done], turn.etag, turn.modified  # it is asked for again
    return [done or Done(watch.name, file.name, "unchanged")], fetched.etag, fetched.modified


def _failed(ws: Workspace, watch: Watch) -> set[str]:
    return {name for name, row in watches.seen(ws.state, watch.name).items() if row.outcome == "failed"}


def _note(
    ws: Workspace,
    watch: Watch,
    file: folder.Found,
    now: int,
    outcome: str,
    content: str = "",
    batch: int | None = None,
    message: str = "",
) -> None:
    watches.note(
        ws.state,
        Sighting(
            watch.name,
            file.name[:300],
            file.size,
            file.modified,
            content,
            outcome,
            batch,
            message[:2000],
            now,
        ),
    )


def described(ws: Workspace) -> list[dict[str, Any]]:
    """Every watch as lists show it: what, how often, when last, what came of it, how many files."""
    turns = watches.last_turns(ws.state) if _has_any(ws) else {}
    result = []
    for watch in stored(ws):
        turn = turns.get(watch.name)
        rows = watches.seen(ws.state, watch.name).values()
        failed = [row for row in rows if row.outcome == "failed"]
        result.append(
            {
                "name": watch.name,
                "what": watch.shown,
                "every": watch.every,
                "source": watch.source,
                "private": watch.private,
                "last": None if turn is None else clock.iso(turn.began),
                "message": "" if turn is None else turn.message,
                "imported": sum(row.outcome == "imported" for row in rows),
                "failed": [{"file": row.name, "message": row.message} for row in failed],
            }
        )
    return result


__all__ = ["Done", "add", "described", "remove", "run", "stored"]
