"""Questions, the people behind their numbers, and words to ask with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import periplus.journeys
import periplus.maps  # noqa: F401  these register what they are
from periplus import question
from periplus.question import Answer, Question
from periplus.workspace.opened import Opened

if TYPE_CHECKING:
    from periplus.journeys.segment_book import SegmentBook


class Questions(Opened):
    """Asking."""

    def ask(self, question_: Mapping[str, Any] | Question) -> Answer:
        """The Answer to a question; raises QuestionError or NotFoundError with a hint."""
        return question.ask(question_, self.context())

    def people(
        self, question_: Mapping[str, Any] | Question, row: Mapping[str, Any], field: str
    ) -> list[dict[str, Any]]:
        """The people behind one count of a question's answer."""
        return question.people(question_, row, field, self.context())

    def suggest(
        self, what: str, text: str = "", path: str | None = None, limit: int = 20
    ) -> list[dict[str, Any]]:
        """Words for a condition, the most frequent first: `event`, `where`, `trait`, `segment`, or a `value` of a path."""
        from periplus.journeys.suggest import suggest

        return suggest(what, text, path, limit, self.context())

    @property
    def segments(self) -> SegmentBook:
        """Conditions on customers, kept under a name: make, look, count."""
        from periplus.journeys.segment_book import SegmentBook

        return SegmentBook(
            self._stored, lambda: self.state, lambda traffic: self.context(self._seen(traffic))
        )
