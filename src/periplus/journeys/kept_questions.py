"""Questions kept under a name, to be found again: documents in the state, every version of which stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from periplus.errors import DocumentError, NotFoundError, unknown
from periplus.question import parse
from periplus.store.state import State

KIND = "question"
LONGEST = 100
"""Characters of a name."""


@dataclass(frozen=True)
class KeptQuestions:
    """The kept questions of a workspace. One that is removed leaves an empty version, so its name can be used again."""

    state: State

    def listed(self) -> list[dict[str, Any]]:
        """Name, question and version of each, by name."""
        found = []
        for name in sorted(self.state.names(KIND), key=str.casefold):
            body = self.state.document(KIND, name)
            if body and body.get("question"):
                version = self.state.versions(KIND, name)[0]["version"]
                found.append({"name": name, "question": body["question"], "version": version})
        return found

    def keep(self, name: str, question: Mapping[str, Any]) -> int:
        """Keep a question; under a name that is taken, as its next version. Raises DocumentError, QuestionError."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST:
            raise DocumentError(
                "A kept question needs a name." if not name else f"A name has at most {LONGEST} letters.",
                code="name",
                hint="Such as “Orders by week”.",
            )
        parse(question)
        return self.state.save(KIND, name, {"question": dict(question)})

    def remove(self, name: str) -> None:
        """Take a question off the list; raises NotFoundError with the nearest name."""
        known = [each["name"] for each in self.listed()]
        if name not in known:
            message, hint, allowed = unknown("kept question", name, known)
            raise NotFoundError(message, hint=hint, allowed=allowed)
        self.state.save(KIND, name, {})


def usual(maps: Sequence[Mapping[str, Any]], state: State | None) -> list[tuple[str, dict[str, Any]]]:
    """The questions whose answers people look at, with their names: the first map's, and the kept ones."""
    kept = [] if state is None else KeptQuestions(state).listed()
    first = [(each["name"], {"kind": "map", "map": each["id"]}) for each in maps[:1]]
    return [*first, *((each["name"], each["question"]) for each in kept)]
