"""One person as people ask about them: what is held, a file of it, what an erasure would do, and the erasure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus.errors import NotFoundError
from periplus.people import erasure, erasure_journal, erasure_places, subject, subject_access, subject_file
from periplus.people.directory import shown
from periplus.people.subject import Subject
from periplus.store import actions, manifest, tombstones
from periplus.store.home import Home
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress
from periplus.store.state import State

PROGRAM = "a program"


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class SubjectBook:
    """What `ws.subject(identifier)` is: `text` is a user id, e-mail, phone, device, order or customer's number."""

    home: Home
    snapshot: Callable[[], Snapshot]
    stored: Callable[[], State | None]
    state: Callable[[], State]
    dealings: Callable[[str], Mapping[str, Any]]
    text: str

    def person(self) -> Subject:
        """Who is meant; raises NotFoundError for nobody, InputError where several are."""
        return subject.find(self.snapshot(), self.text)

    def everything(self, who: str = PROGRAM) -> dict[str, Any]:
        """All that is held about the person, as one document; that it was asked for is noted."""
        person = self.person()
        found = self._everything(person)
        self._note(person, who, "", found)
        return found

    def export(self, path: str | Path, who: str = PROGRAM) -> dict[str, Any]:
        """Write all that is held to a .json, or to a .zip of tables; returns the document."""
        path = Path(path)
        person = self.person()
        found = self._everything(person)
        self._note(person, who, str(path.absolute()), found)
        subject_file.write(found, path)
        return found

    def file(self, name: str, who: str = PROGRAM) -> bytes:
        """The content of such a file, for whoever sends it on."""
        person = self.person()
        found = self._everything(person)
        content = subject_file.packed(found, name)
        self._note(person, who, "", found)
        return content

    def _everything(self, person: Subject) -> dict[str, Any]:
        assert person.customer is not None
        dealings = self.dealings(shown(person.customer))
        return subject_access.everything(self.snapshot().everything, self.stored(), person, dealings)

    def _note(self, person: Subject, who: str, path: str, found: Mapping[str, Any]) -> None:
        """Note the export, by the keyed hash of whom it is about."""
        live = manifest.read(self.home.root)
        own = tombstones.secret(self.home.root, make=live.tombstones is None and not live.hashed)
        detail = {"path": path, "version": found["data_version"], "events": len(found["events"])}
        actions.add(
            self.state(),
            actions.EXPORTED_PERSON,
            who,
            detail,
            tombstones.keyed(own, *erasure_places.named_by(person)),
        )

    def preview(self, progress: Progress = _silent) -> dict[str, Any]:
        """What an erasure would remove, by place, and which copies would still hold the person; changes nothing."""
        return erasure.preview(self.home, self.stored(), self.text, progress)

    def erase(
        self, who: str = PROGRAM, reason: str = "", later: bool = False, progress: Progress = _silent
    ) -> dict[str, Any]:
        """Erase the person from everything; returns the proof. With `later` what comes later is kept out too."""
        return erasure.erase(
            self.home, self.state(), self.text, who=who, reason=reason, later=later, progress=progress
        )


@dataclass(frozen=True)
class ErasureBook:
    """What `ws.erasures` is: the proofs, and what was begun and is not done."""

    home: Home
    stored: Callable[[], State | None]
    state: Callable[[], State]

    def listed(self) -> list[dict[str, Any]]:
        """The proofs, the newest first."""
        return erasure.proofs(self.stored())

    def show(self, number: int) -> dict[str, Any]:
        """One proof; raises NotFoundError."""
        known = {proof["number"]: proof for proof in self.listed()}
        if number not in known:
            raise NotFoundError(
                f"There is no erasure {number}.",
                hint="`periplus erasure list` shows them.",
                allowed=[str(each) for each in known],
            )
        return known[number]

    def unfinished(self) -> list[int]:
        """The numbers of erasures that were begun and stopped."""
        return [asked.number for asked in erasure_journal.unfinished(self.home.root)]

    def finish(self, progress: Progress = _silent) -> list[dict[str, Any]]:
        """Finish them; returns their proofs."""
        return erasure.finish(self.home, self.state(), progress) if self.unfinished() else []

    def actions(self, limit: int = 1000) -> list[dict[str, Any]]:
        """What people did with the data of persons, the newest first: time, who, action, detail."""
        state = self.stored()
        found = actions.listed(state, limit=limit) if state is not None else []
        return [actions.told(row) for row in found]
