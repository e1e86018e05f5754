"""The person somebody asks about: found by any identifier, with all of them, and what others use too.

An export and an erasure speak of the same person, so both begin here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from periplus.collect.identifying import KINDS, hashed, identifiers, normal
from periplus.errors import InputError, NotFoundError
from periplus.people import decisions, directory, history, profile
from periplus.people import hashed as hashed_as
from periplus.people.identifiers import customer_hash, email, phone, usable
from periplus.people.identity_rules import IdentityRules
from periplus.store import standing
from periplus.store.snapshot import Snapshot

COLUMNS = {
    "user": "user_id", "email": "email", "phone": "phone", "external": "external", "device": "anonymous_id",
    "reference": "reference",
}  # fmt: skip
"""Kinds of identifiers and the columns that carry them, the highest rank first."""  # fmt: skip
_RULES = {"email": email, "phone": phone, "device": usable}
NAMES = ("name", "full_name", "fullName")
LEAST = 3
"""Letters and digits of the shortest text that is looked for as a word in what is no event."""


@dataclass(frozen=True)
class Subject:
    """One person: `identifiers` as (kind, value), normalised; `shared` are those among them that others use too.

    `numbers` are customer numbers that meant this person, now or before; `words` are the texts by which a
    payload that is no event is known to be theirs: identifiers as they were spelt, and whole names.
    """

    label: str
    customer: int | None
    identifiers: list[tuple[str, str]]
    shared: list[tuple[str, str]]
    numbers: list[int]
    words: list[str]
    compared: list[tuple[str, str]] = field(default_factory=list)
    """Identifiers of their own as the rules of identity compare them, where that is otherwise."""
    last: int = 0
    """Time of the last event, microseconds UTC."""
    messages: list[str] = field(default_factory=list)
    """Message ids of the events."""

    @property
    def own(self) -> list[tuple[str, str]]:
        """The identifiers that nobody else uses."""
        return [each for each in self.identifiers if each not in set(self.shared)]

    @property
    def hashes(self) -> list[str]:
        """Under which the state keeps what they said, by identifiers that are theirs alone."""
        listed = [
            hashed(*(value.replace("_id:", ":", 1).split(":", 1) if kind == "reference" else (kind, value)))
            for kind, value in self.own
        ]
        return [*listed, *(hashed("customer", directory.shown(number)) for number in self.numbers)]

    def document(self) -> dict[str, Any]:
        """As plain values, so that an erasure that was stopped knows whom it is about."""
        return asdict(self)

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Subject:
        pairs = {
            name: [(kind, value) for kind, value in body[name]]
            for name in ("identifiers", "shared", "compared")
        }
        return cls(**{**body, **pairs})


class Mentions:
    """Whether a text or a message is about a person, as far as what stands in it tells."""

    def __init__(self, subject: Subject) -> None:
        self._own = set(subject.own)
        words = sorted({*subject.words, *(json.dumps(word)[1:-1] for word in subject.words)}, key=len)
        each = "|".join(re.escape(word) for word in reversed(words))
        self._words = re.compile(f"(?<![^\\W_])(?:{each})(?![^\\W_])", re.IGNORECASE) if words else None

    def text(self, text: str | bytes | None) -> bool:
        """Whether one of the person's words stands in a text, as a word."""
        if text is None or self._words is None:
            return False
        plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        return self._words.search(plain) is not None

    def payload(self, payload: bytes) -> bool:
        """The same of a message as it came, which may also be theirs by an id too short to be looked for."""
        if self.text(payload):
            return True
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            return False
        return isinstance(message, Mapping) and not self._own.isdisjoint(identifiers(message))

    def blanked(self, text: str) -> str:
        """A text with … in the place of the person's words."""
        return text if self._words is None else self._words.sub("…", text)


def find(snapshot: Snapshot, text: str) -> Subject:
    """The one customer whom an identifier, an order or ticket number means, marked events included.

    Raises NotFoundError for nobody, and InputError where it means several: one has to be named.
    """
    everything = snapshot.everything
    known = directory.exactly(everything, text.strip())
    if not known:
        known = [directory.find(everything, text.strip())]
    if len(known) > 1:
        numbers = [directory.shown(customer) for customer in known]
        labels = directory.labels(everything, known)
        raise InputError(
            f"{text.strip()[:80]!r} means {len(known)} customers: {', '.join(list(labels.values())[:5])}.",
            code="several",
            hint=f"Name one by the customer's number: {', '.join(numbers[:5])}.",
            allowed=numbers,
        )
    return _as_typed(everything, of(everything, known[0]), text.strip())


def _as_typed(snapshot: Snapshot, person: Subject, text: str) -> Subject:
    """The person, looked for also by the identifier that was typed, where it is kept hashed: it may wait in an upload."""
    meant = {value for _, value in person.own} & {*hashed_as.meanings(snapshot, text)[1:]}
    return replace(person, words=sorted({*person.words, text})) if meant else person


def traces(text: str, snapshot: Snapshot | None = None) -> Subject:
    """Somebody of whom there are no events: an identifier that may stand in what people said, or in refused messages.

    In `snapshot` it may be kept hashed. Raises InputError for a text that is no identifier at all.
    """
    plain = text.strip()
    meant = [plain] if snapshot is None else hashed_as.meanings(snapshot, plain)
    listed = [
        (kind, value)
        for kind in KINDS
        for value in dict.fromkeys(normal(kind, each) for each in meant)
        if value is not None
    ]
    if not listed:
        raise InputError(
            f"{plain[:80]!r} is no identifier.", hint="Name a user id, an e-mail or a phone number."
        )
    words = meant if sum(letter.isalnum() for letter in plain) >= LEAST else []
    numbers = sorted(customer_hash(kind, value) for kind, value in listed)
    return Subject(plain, None, listed, [], numbers, words)


def of(everything: Snapshot, customer: int) -> Subject:
    """A customer as the subject of an export or an erasure."""
    mine = history.of(everything, customer)
    if not len(mine):
        raise NotFoundError(f"There is no customer {directory.shown(customer)}.", code="no_customer")
    listed = profile.identifiers(everything, customer)
    rules = decisions.of(everything.root, everything.manifest).force().rules
    listed += _numbered(everything, customer, rules)
    told = profile.profile(everything, customer)
    shared = _shared(everything, customer, listed, rules)
    own = [each for each in listed if each not in set(shared)]
    compared = sorted({(kind, rules.plain(kind, value)) for kind, value in own} - {*listed})
    numbers = {customer, *(customer_hash(kind, value) for kind, value in [*listed, *compared])}
    numbers -= {customer_hash(kind, value) for kind, value in shared} - {customer}
    words = {_word(kind, value) for kind, value in listed}
    for kind, column in COLUMNS.items():
        if kind not in ("reference", "external"):
            words |= {text.strip() for text in mine.column(column) if text and normal(kind, text) is not None}
    theirs = {_word(kind, value) for kind, value in shared}
    words = {word for word in words if word not in theirs and normal("phone", word) not in theirs}
    words |= _names(told["traits"])
    return Subject(
        str(told["label"]),
        customer,
        listed,
        shared,
        sorted(numbers),
        sorted(word for word in words if sum(letter.isalnum() for letter in word) >= LEAST),
        compared,
        int(mine.time.max()),
        sorted({text for text in mine.column("message_id") if text}),
    )


def _names(traits: Mapping[str, Any]) -> set[str]:
    """Whole names, which single words of are not looked for."""
    found = [traits.get(key) for key in NAMES]
    for first, last in (("firstName", "lastName"), ("first_name", "last_name")):
        found.append(" ".join(text for key in (first, last) if isinstance(text := traits.get(key), str)))
    return {text.strip() for text in found if isinstance(text, str) and " " in text.strip()}


def _word(kind: str, value: str) -> str:
    """An identifier as it stands in a text; a number from a trait, or of an order, has its name before it."""
    return value.split(":", 1)[-1] if kind in ("reference", "external") else value


def _numbered(everything: Snapshot, customer: int, rules: IdentityRules) -> list[tuple[str, str]]:
    """Numbers out of traits, and of orders and tickets, that the events of a customer carry."""
    rows = standing.narrow(
        everything.manifest,
        everything.files,
        ("external", "numbers"),
        test=f"customer = {int(customer)}",
        traits=rules.external,
    )
    found: list[tuple[str, str]] = []
    for kind, value in (
        ("external", rules.value("external", "external")),
        ("reference", standing.parts("numbers")),
    ):
        told = everything.cursor().execute(f"SELECT DISTINCT {value} AS value FROM ({rows}) ORDER BY 1")
        found += [(kind, str(text)) for (text,) in told.fetchall() if text]
    return found


def _shared(
    everything: Snapshot, customer: int, listed: list[tuple[str, str]], rules: IdentityRules
) -> list[tuple[str, str]]:
    """The identifiers that events of others carry too; an account is nobody else's."""
    people = standing.people(everything.manifest, everything.files, with_marked=True)
    rows = standing.narrow(
        everything.manifest,
        everything.files,
        ("type", "customer", "previous_id", "numbers", "external"),
        traits=rules.external,
    )
    cursor = everything.cursor()
    found: list[tuple[str, str]] = []
    for kind in ("email", "phone", "external", "device", "reference"):
        wanted = [value for each, value in listed if each == kind]
        if not wanted:
            continue
        others = f"customer <> {int(customer)} AND customer <> 0"
        if kind == "reference":
            sql = f"SELECT {standing.parts('numbers')} AS value FROM ({rows}) WHERE {others}"
        elif kind == "external":
            sql = f"SELECT {rules.value(kind, kind)} AS value FROM ({rows}) WHERE {others} AND external IS NOT NULL"
        else:
            sql = f"SELECT {_RULES[kind](COLUMNS[kind])} AS value FROM ({people}) WHERE {others}"
        if kind == "device":
            # An alias may tell a user id, which is no device of whoever sent it.
            sql += (
                f" UNION ALL SELECT {usable('previous_id')} FROM ({rows}) WHERE type = 'alias' AND {others}"
                f" UNION ALL SELECT {usable('user_id')} FROM ({people}) WHERE {others}"
            )
        values = cursor.execute(
            f"SELECT DISTINCT value FROM ({sql}) WHERE list_contains(?::VARCHAR[], value)", [wanted]
        ).fetchall()
        found += [(kind, str(value)) for (value,) in values]
    return sorted(found)
