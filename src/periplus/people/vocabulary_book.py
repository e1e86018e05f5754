"""The vocabulary of a workspace as people work with it: look, try on real events, adopt, apply to the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.collect import vocabulary
from periplus.collect.vocabulary import KIND, Message, Vocabularies, builtin
from periplus.collect.vocabulary_changes import Changes, try_on
from periplus.collect.vocabulary_document import VocabularyDocument
from periplus.errors import NotFoundError
from periplus.people import history, renaming
from periplus.store import standing
from periplus.store.home import Home
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress
from periplus.store.state import State

RECENT = 200
"""Events of each name and source that a document is tried on: the newest ones."""
Written = VocabularyDocument | Mapping[str, Any] | str | Path


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class VocabularyBook:
    """What `ws.vocabulary` is. `stored` gives the state if there is any yet, `state` makes it if there is none."""

    home: Home
    snapshot: Callable[[], Snapshot]
    stored: Callable[[], State | None]
    state: Callable[[], State]

    def listed(self) -> list[dict[str, Any]]:
        """Every vocabulary: name, whether built in, versions, how many names and properties it maps."""
        state = self.stored()
        own = {document.name: document for document in vocabulary.documents(state)}
        return [
            {
                "name": name,
                "kind": "own" if name in own else "built in",
                "version": state.versions(KIND, name)[0]["version"] if state and name in own else None,
                "sources": [*document.sources],
                "events": len(document.events),
                "properties": len(document.properties),
                "description": document.description or "",
            }
            for name, document in sorted({**builtin(), **own}.items())
        ]

    def show(self, name: str, version: int | None = None) -> VocabularyDocument:
        """One vocabulary, the workspace's own or a built-in one; raises NotFoundError with the nearest name."""
        state = self.stored()
        document = vocabulary.document(name, state)
        if version is None:
            return document
        body = None if state is None else state.document(KIND, name, version)
        if body is None:
            known = [str(row["version"]) for row in (state.versions(KIND, name) if state else [])]
            raise NotFoundError(
                f"The vocabulary {name!r} has no version {version}.",
                hint=f"There are {', '.join(known)}."
                if known
                else "It is built in, and was never changed here.",
                allowed=known,
            )
        return VocabularyDocument.parse(body)

    def try_on(self, document: Written, *, since: str | None = None) -> Changes:
        """What adopting a document would change in the newest events of each name; writes nothing."""
        parsed = VocabularyDocument.parse(document)
        return try_on(parsed, self._recent(self._moment(since)), vocabulary.documents(self.stored()))

    def adopt(self, document: Written) -> dict[str, Any]:
        """Put a document in force for what comes from now on; returns its name and version."""
        parsed = VocabularyDocument.parse(document)
        version = self.state().save(KIND, parsed.name, parsed.document())
        return {"name": parsed.name, "version": version}

    def apply(
        self, *, since: str | None = None, dry_run: bool = False, progress: Progress = _silent
    ) -> Changes:
        """Tell the events that are there by the vocabularies in force, in one version; or say what that would change."""
        act = renaming.preview if dry_run else renaming.apply
        vocabularies = Vocabularies.stored(self.stored())
        return act(self.home, vocabularies, since=self._moment(since), progress=progress)

    def _moment(self, text: str | None) -> int | None:
        return None if text is None else clock.instant(text, clock.zone(self.home.settings.zone))

    def _recent(self, since: int | None) -> Iterator[Message]:
        snapshot = self.snapshot()
        shape = standing.shape((file.columns, file.rest, file.rows) for file in snapshot.files)
        rows = standing.rows(snapshot.manifest, snapshot.files, shape)
        late = "" if since is None else f" WHERE time >= {int(since)}"
        found = snapshot.cursor().execute(
            f"SELECT * FROM ({rows}){late} QUALIFY row_number() OVER (PARTITION BY source, type, event, original "
            f"ORDER BY time DESC, sequence DESC) <= {RECENT}"
        )
        names = [column[0] for column in found.description]
        while batch := found.fetchmany(1000):
            for row in batch:
                yield history.event(dict(zip(names, row, strict=True)), shape.columns)
