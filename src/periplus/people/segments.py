"""Segments: conditions on customers, kept under a name, and what the names in a condition mean.

A segment is live: who is in it follows from their events at the moment it is read as of. A document:

    name: vip
    description: Bought three times or more in a year
    condition: {did: {event: Order Completed, count: {gte: 3}, within: 365d}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr

from periplus import yaml_text
from periplus.collect.authored import Name, Note, Part, parsed
from periplus.condition import Condition
from periplus.condition.customer import Answered, CustomerPart, Did, Moment, Segment, Trait
from periplus.condition.tree import All, Node, Not, both, either, nodes
from periplus.condition.tree import Any as Either
from periplus.errors import DocumentError, QuestionError, nearest, unknown
from periplus.registry import Registry

KIND = "segment"
MOST_PARTS = 1000
"""Parts of a condition once its segments are written out."""
Documents = Callable[[str, str], Mapping[str, Any] | None]
Names = Callable[[str], Sequence[str]]

surveys: Registry[Callable[[str, Documents], Condition | None]] = Registry("reader of surveys")
"""`surveys["survey"](name, documents)`: which events are answers to a survey; None where there is no such survey."""


class SegmentDocument(Part):
    """A segment as it is written and kept.

    >>> vip = SegmentDocument.parse("{name: vip, condition: {did: {event: Order Completed, count: {gte: 3}}}}")
    >>> vip.tree().of_customer()
    'the customer did Order Completed at least 3 times'
    """

    name: Annotated[Name, Field(pattern=r"^\w[\w .\-]*$")]
    description: Note | None = None
    condition: dict[str, Any]
    _tree: Condition = PrivateAttr()

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path) -> SegmentDocument:
        """A document, YAML text or file; raises DocumentError, or QuestionError for its condition."""
        found = parsed(cls, document, "segment", "docs/conditions.md")
        condition = Condition.parse(found.condition, where="condition")
        condition.check_of_customers("condition")
        for node in nodes(condition.tree):
            if isinstance(node, CustomerPart) and node.as_of is not None:
                raise DocumentError(
                    "A segment has no moment of its own: it is read as of the moment its use says.",
                    hint="Leave out `as_of` here; write it beside `segment: …` where the segment is used.",
                )
        if condition.references():
            kind, name = min(condition.references())
            raise DocumentError(
                f"The {kind} {name!r} is of a map, and a segment has none.", hint="Write its events out."
            )
        found._tree = condition
        return found

    def tree(self) -> Condition:
        """The condition, as it was understood."""
        return self._tree

    def document(self) -> dict[str, Any]:
        """The canonical form, as it is kept."""
        told = {} if self.description is None else {"description": self.description}
        return {"name": self.name, **told, "condition": self._tree.document()}

    def to_yaml(self) -> str:
        return yaml_text.write(self.document())

    def names(self) -> list[str]:
        """The segments that this one is made of."""
        found = [name for node in nodes(self._tree.tree) if isinstance(node, Segment) for name in node.names]
        return list(dict.fromkeys(found))


def resolved(condition: Condition, documents: Documents, names: Names) -> Condition:
    """The condition with segments and surveys replaced by what they mean; raises QuestionError."""
    tree = _resolved(condition.tree, documents, names, ())
    if sum(1 for _ in nodes(tree)) > MOST_PARTS:
        raise QuestionError(
            f"With its segments written out the condition has more than {MOST_PARTS} parts.",
            code="condition",
            hint="Build segments of fewer others.",
        )
    return Condition(tree)


def _resolved(node: Node, documents: Documents, names: Names, trail: tuple[str, ...]) -> Node:
    match node:
        case All(parts):
            return both([_resolved(part, documents, names, trail) for part in parts])
        case Either(parts):
            return either([_resolved(part, documents, names, trail) for part in parts])
        case Not(part):
            return Not(_resolved(part, documents, names, trail))
        case Segment(segments, as_of):
            return either([_at(_meaning(name, documents, names, trail), as_of) for name in segments])
        case Answered():
            return _answered(node, documents, names)
        case _:
            return node


def _meaning(name: str, documents: Documents, names: Names, trail: tuple[str, ...]) -> Node:
    if name in trail:
        circle = " → ".join([*trail[trail.index(name) :], name])
        raise QuestionError(
            f"The segment {name!r} is made of itself: {circle}.",
            code="cycle",
            hint="Take one of them out of another.",
        )
    stored = documents(KIND, name)
    if stored is None:
        raise missing(name, names)
    return _resolved(SegmentDocument.parse(stored).tree().tree, documents, names, (*trail, name))


def missing(name: str, names: Names) -> QuestionError:
    """The error of a segment that nobody has made."""
    message, hint, allowed = unknown("segment", name, names(KIND))
    if not allowed:
        hint = "There are no segments yet: `periplus segment add FILE.yaml` makes one."
    return QuestionError(message, code="segment", hint=hint, allowed=allowed)


def _at(node: Node, moment: Moment | None) -> Node:
    """A segment's condition, read as of a moment."""
    match node:
        case All(parts):
            return both([_at(part, moment) for part in parts])
        case Either(parts):
            return either([_at(part, moment) for part in parts])
        case Not(part):
            return Not(_at(part, moment))
        case Did() | Trait():
            return replace(node, as_of=moment)
        case _:
            return node


def _answered(part: Answered, documents: Documents, names: Names) -> Node:
    """An answer is an event: the customer's last one to the survey, by the moment, is such."""
    found = next((found for reader in surveys if (found := surveys[reader](part.survey, documents))), None)
    if found is None:
        known = list(names("survey"))
        close = nearest(part.survey, known)
        hint = f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known[:12])}."
        raise QuestionError(
            f"There is no survey {part.survey!r}.",
            code="survey",
            hint=hint
            if known
            else "There are no surveys here yet; `did` can speak of the events of other tools.",
            allowed=known,
        )
    return Did(found.tree, last=part.said, as_of=part.as_of)
