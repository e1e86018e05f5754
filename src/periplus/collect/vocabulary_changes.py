"""What a vocabulary changes in events, counted and shown by examples: before it is adopted, and when it is applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from periplus.collect.vocabulary import Message, Vocabularies, as_sent
from periplus.collect.vocabulary_document import VocabularyDocument
from periplus.event import VIEWS

EXAMPLES = 3
"""Examples kept of each change of a name."""


@dataclass
class Changes:
    """Counts of changes; `see` adds one event. A name is that of the event as stored, before and after."""

    events: int = 0
    changed: int = 0
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    added: Counter[tuple[str, str]] = field(default_factory=Counter)
    removed: Counter[tuple[str, str]] = field(default_factory=Counter)
    collisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    _arriving: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events by house name and name as sent."""

    def see(self, before: Message, sent: Message, after: Message, collisions: Iterable[str] = ()) -> bool:
        """Count one event as it is, as it was sent, and as it would be; returns whether it changes."""
        self.events += 1
        old, new = _name(before), _name(after)
        self._arriving[new, _name(sent)] += 1
        for name in collisions:
            self.collisions[new, name] += 1
        if not differs(before, after):
            return False
        self.changed += 1
        had, has = before.get("properties") or {}, after.get("properties") or {}
        if old != new:
            self.names[old, new] += 1
        for name in has.keys() - had.keys():
            self.added[new, name] += 1
        for name in had.keys() - has.keys():
            self.removed[new, name] += 1
        kept = self.examples.setdefault((old, new), [])
        if len(kept) < EXAMPLES:
            kept.append({"before": _shown(before), "after": _shown(after)})
        return True

    def meeting(self) -> list[dict[str, Any]]:
        """House names that come under several names as sent: meant so, or the same act counted twice."""
        by_name: dict[str, dict[str, int]] = {}
        for (name, sent), count in self._arriving.most_common():
            by_name.setdefault(name, {})[sent] = count
        return [{"event": name, "sent": sent} for name, sent in sorted(by_name.items()) if len(sent) > 1]

    def to_dict(self) -> dict[str, Any]:
        """The wire form: counts, and under each list the most frequent first."""
        return {
            "events": self.events,
            "changed": self.changed,
            "names": [
                {"from": old, "to": new, "events": count, "examples": self.examples.get((old, new), [])}
                for (old, new), count in self.names.most_common()
            ],
            "added": _listed(self.added),
            "removed": _listed(self.removed),
            "collisions": _listed(self.collisions),
            "meeting": self.meeting(),
            "examples": [
                example for (old, new), kept in self.examples.items() if old == new for example in kept
            ][:10],
        }


def try_on(
    document: VocabularyDocument, events: Iterable[Message], adopted: Iterable[VocabularyDocument] = ()
) -> Changes:
    """What adopting a document would change in real events, given as stored; nothing is written.

    `adopted` are the workspace's documents; the new one takes the place of that with its name.
    """
    vocabularies = Vocabularies([*(one for one in adopted if one.name != document.name), document])
    changes = Changes()
    for event in events:
        vocabulary = vocabularies.of(event.get("source"), dialect_of(event))
        sent = as_sent(event)
        changes.see(event, sent, vocabulary.tell(sent), vocabulary.collisions(event))
    return changes


def dialect_of(event: Message) -> str | None:
    """The dialect whose built-in vocabulary an event was told by when it came."""
    context = event.get("context")
    mark = context.get("vocabulary") if isinstance(context, dict) else None
    name = mark.get("name") if isinstance(mark, dict) else None
    return name if isinstance(name, str) else None


def differs(before: Message, after: Message) -> bool:
    """Whether a vocabulary told an event otherwise than it stands."""
    return (
        before.get("event") != after.get("event")
        or before.get("original") != after.get("original")
        or (before.get("properties") or None) != (after.get("properties") or None)
        or _mark(before) != _mark(after)
    )


def _mark(message: Message) -> Any:
    context = message.get("context")
    return context.get("vocabulary") if isinstance(context, dict) else None


def _name(message: Message) -> str:
    return str(message.get("event") or VIEWS.get(message.get("type", ""), ""))


def _shown(message: Message) -> dict[str, Any]:
    names = ("type", "event", "original", "properties")
    return {name: message[name] for name in names if message.get(name)}


def _listed(counted: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"event": event, "property": name, "events": count} for (event, name), count in counted.most_common()
    ]
