"""What people decided about who is who: joins and separations by hand, blocked identifiers, and which links count.

Decisions are a document of the data version: its manifest names the file they stand in, so whoever reads a version
reads them too, and taking one back gives the customers there were. Nothing is ever removed from the list; what
was undone says by whom and when. Which of them are in force is `Force`, and how they are applied to events
stands in `linking.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from periplus.collect.authored import parsed
from periplus.collect.identifying import normal
from periplus.errors import InputError, NotFoundError, nearest, unknown
from periplus.people.identity_rules import IdentityRules
from periplus.store.files import write_durably
from periplus.store.manifest import Manifest

Kind = Literal["user", "email", "phone", "external", "device", "order", "ticket"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PEOPLE: tuple[Kind, ...] = ("user", "email", "phone", "external", "device")
"""Kinds that may be joined and separated; a number of an order or ticket can only be blocked."""
LONGEST = 1000
"""Characters of an identifier: beyond that it is junk, whoever sent it."""
MOST_LINKS = 100
"""Links that one decision may separate."""
MOST_REASON = 500


@dataclass(frozen=True, order=True)
class Identifier:
    """A kind and a value as identity compares them: an e-mail in lower case, a phone number as + and digits."""

    kind: Kind
    value: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"

    @classmethod
    def read(cls, said: Identifier | Mapping[str, Any] | str) -> Identifier:
        """From `email:ann@shop.example`, or a kind and a value; raises InputError that says what is wrong.

        >>> Identifier.read("email: Ann@Shop.example ")
        Identifier(kind='email', value='ann@shop.example')
        """
        if isinstance(said, Identifier):
            return said
        if isinstance(said, Mapping):
            kind, value = str(said.get("kind") or "").strip(), str(said.get("value") or "")
        else:
            kind, _, value = str(said).partition(":")
            kind = kind.strip()
        hint = "Write it such as email:ann@shop.example or user:4711."
        if not value.strip():
            raise InputError(f"{kind[:80]!r} names no identifier.", code="identifier", hint=hint)
        if kind not in KINDS:
            message, near, allowed = unknown("kind of identifier", kind[:80], KINDS)
            raise InputError(message, code="identifier", hint=f"{near} {hint}", allowed=allowed)
        if len(value) > LONGEST:
            raise InputError(
                f"This identifier has {len(value):,} characters; at most {LONGEST:,} can be one.",
                code="identifier",
                hint="It means nobody already: identifiers this long link nothing.",
            )
        plain = normal(kind, value) if kind in ("user", "email", "phone", "device") else value.strip()
        if plain is None:
            raise InputError(
                f"{value.strip()[:80]!r} is no {_NAMED[kind]}, or one that means nobody.",
                code="identifier",
                hint="Such values link nothing already. " + hint,
            )
        return cls(kind, plain)


_NAMED = {
    "user": "user id", "email": "e-mail address", "phone": "phone number", "external": "external number",
    "device": "device", "order": "order number", "ticket": "ticket number",
}  # fmt: skip
Link = tuple[Identifier, Identifier]
Act = Literal["join", "separate", "block", "rules", "dismiss"]


class Undone(BaseModel):
    """By whom, when (microseconds UTC) and why a decision was taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    who: str
    time: int
    why: str = ""


class Decision(BaseModel):
    """One decision: what, about which identifiers, by whom, when (microseconds UTC) and why.

    `join`: the two identifiers of its link are one person. `separate`: these links do not count, whatever events
    carry both. `block`: the identifier links nothing, as if nobody had sent it. `rules`: these hold instead of the
    ones before. `dismiss`: a proposal that these are one person was looked at and declined; it changes no answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: int
    kind: Act
    links: tuple[Link, ...] = ()
    identifier: Identifier | None = None
    rules: IdentityRules | None = None
    who: str = ""
    why: Annotated[str, Field(max_length=MOST_REASON)] = ""
    time: int = 0
    undone: Undone | None = None

    @classmethod
    def parse(cls, document: Decision | Mapping[str, Any]) -> Decision:
        """A decision that is not in the book yet, as people write it: `{"join": ["user:7", "email:a@b.example"]}`.

        Several that are one may be listed together. The other forms are `{"separate": ["email:a@b.example", "user:7"]}`
        (or a list of such pairs), `{"block": "email:…"}`, `{"rules": {"email": false}}` and
        `{"dismiss": ["user:7", "user:8"]}`; `why` may stand beside each.
        """
        if isinstance(document, Decision):
            return document
        acts = [key for key in document if key != "why"]
        if len(acts) != 1:
            raise InputError(
                "A decision says one thing: join, separate, block, rules or dismiss.",
                code="decision",
                hint='Such as {"join": ["user:7", "email:ann@shop.example"]}.',
                allowed=list(get_args(Act)),
            )
        act, said = acts[0], document[acts[0]]
        if act not in get_args(Act):
            message, hint, allowed = unknown("decision", str(act)[:80], get_args(Act))
            raise InputError(message, code="decision", hint=hint, allowed=allowed)
        why = reason(document.get("why"))
        if act == "rules":
            return cls(
                id=0,
                kind="rules",
                rules=parsed(IdentityRules, said, "identity rules", "docs/identity.md"),
                why=why,
            )
        if act == "block":
            return cls(id=0, kind="block", identifier=Identifier.read(said), why=why)
        if act == "separate":
            several = _is_list(said) and said and all(map(_is_list, said))
            groups = list(said) if several else [said]
            if any(not _is_list(group) or len(group) != 2 for group in groups):
                raise _needs_two(act)
        else:
            if not _is_list(said) or len(said) < 2:
                raise _needs_two(act)
            groups = list(pairwise(said))
        if len(groups) > MOST_LINKS:
            raise InputError(
                f"One decision can name {MOST_LINKS} links.", code="decision", hint="Decide twice."
            )
        return cls(id=0, kind=cast(Act, act), links=tuple(_link(*pair) for pair in groups), why=why)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _needs_two(act: str) -> InputError:
    return InputError(
        f"To {act} needs two identifiers.",
        code="decision",
        hint='Such as {"join": ["user:7", "email:ann@shop.example"]}.',
    )


def _link(a: Any, b: Any) -> Link:
    one, other = sorted((Identifier.read(a), Identifier.read(b)))
    if one == other:
        raise InputError(
            f"{one} is the same identifier twice.", code="itself", hint="Name two different ones."
        )
    for each in (one, other):
        if each.kind not in PEOPLE:
            raise InputError(
                f"{each} is the number of an order or a ticket, not of a person.",
                code="decision",
                hint="Name the account, e-mail, phone or device of that event instead; such a number can be blocked.",
            )
    return one, other


def reason(text: object) -> str:
    """Why something was decided, as one clean line."""
    return " ".join(str(text or "").split())[:MOST_REASON]


@dataclass(frozen=True)
class Force:
    """What of all decisions holds: the last rules, and joins, cuts and blocks that nobody took back."""

    rules: IdentityRules = field(default_factory=IdentityRules)
    joins: frozenset[Link] = frozenset()
    cuts: frozenset[Link] = frozenset()
    blocked: frozenset[Identifier] = frozenset()

    def groups(self) -> list[list[Identifier]]:
        """Identifiers that are one person by hand, each group in order; a blocked one joins nobody."""
        pairs = [pair for pair in self.joins if not self.blocked.intersection(pair)]
        together: dict[Identifier, set[Identifier]] = {}
        for one, other in pairs:
            both = together.get(one, {one}) | together.get(other, {other})
            for each in both:
                together[each] = both
        return sorted(sorted(group) for group in {id(group): group for group in together.values()}.values())


@dataclass(frozen=True)
class Change:
    """What lies between two states: with other `rules` everything may change hands, else what carries `named`."""

    rules: bool
    named: frozenset[Identifier]


def change(before: Force, after: Force) -> Change:
    """Which identifiers may come to mean somebody else, in one state or the other."""
    named = {each for pair in before.joins ^ after.joins for each in pair}
    named |= {each for pair in before.cuts ^ after.cuts for each in pair}
    named |= before.blocked ^ after.blocked
    for force in (before, after):
        for group in force.groups():
            if named.intersection(group):
                named.update(group)
    return Change(before.rules != after.rules, frozenset(named))


@dataclass(frozen=True)
class Decisions:
    """All decisions of a version, the oldest first."""

    listed: tuple[Decision, ...] = ()

    def force(self) -> Force:
        live = [each for each in self.listed if each.undone is None]
        rules = [each.rules for each in live if each.rules is not None]
        return Force(
            rules[-1] if rules else IdentityRules(),
            frozenset(link for each in live if each.kind == "join" for link in each.links),
            frozenset(link for each in live if each.kind == "separate" for link in each.links),
            frozenset(each.identifier for each in live if each.kind == "block" and each.identifier),
        )

    def get(self, number: int) -> Decision:
        """A decision by its number; raises NotFoundError that names the nearest."""
        found = next((each for each in self.listed if each.id == number), None)
        if found is None:
            known = [str(each.id) for each in self.listed]
            close = nearest(str(number), known)
            raise NotFoundError(
                f"There is no decision {number}.",
                code="no_decision",
                hint=f"Did you mean {close[0]}?" if close else "`periplus identity log` lists them.",
                allowed=known[-20:],
            )
        return found

    def added(self, decision: Decision, *, who: str, time: int) -> Decisions:
        """With one more; raises InputError where it is in force already."""
        for each in self.listed:
            same = (each.kind, each.links, each.identifier) == (
                decision.kind,
                decision.links,
                decision.identifier,
            )
            if same and each.undone is None and decision.kind != "rules":
                raise InputError(
                    f"That was decided already, as decision {each.id}.",
                    code="decided",
                    hint=f"`periplus identity undo {each.id}` takes it back.",
                )
        if decision.kind == "rules" and decision.rules == self.force().rules:
            raise InputError("These rules hold already.", code="decided", hint="Change one, or leave them.")
        number = max((each.id for each in self.listed), default=0) + 1
        update = {"id": number, "who": who.strip()[:200] or "?", "time": time}
        return Decisions((*self.listed, decision.model_copy(update=update)))

    def undone(self, number: int, *, who: str, time: int, why: str = "") -> Decisions:
        """With one taken back; raises InputError if it was already."""
        found = self.get(number)
        if found.undone is not None:
            raise InputError(
                f"Decision {number} was taken back already.",
                code="undone",
                hint="Decide it again to have it back.",
            )
        back = Undone(who=who.strip()[:200] or "?", time=time, why=reason(why))
        gone = found.model_copy(update={"undone": back})
        return Decisions(tuple(gone if each.id == number else each for each in self.listed))

    def save(self, root: Path, before: Manifest) -> Manifest:
        """Write them as a file of their own; returns the version that names it."""
        name = f"decisions/{before.next_file:06d}"
        (root / "decisions").mkdir(exist_ok=True)
        body = [each.model_dump(mode="json", exclude_defaults=True) for each in self.listed]
        write_durably(root / f"{name}.json", json.dumps(body, ensure_ascii=False).encode())
        return replace(before, decisions=name, next_file=before.next_file + 1)


def of(root: Path, manifest: Manifest) -> Decisions:
    """The decisions of a version."""
    return _read(root / f"{manifest.decisions}.json") if manifest.decisions else Decisions()


@lru_cache(maxsize=8)
def _read(path: Path) -> Decisions:
    """A file of decisions; it never changes under its name."""
    return Decisions(tuple(_stored(json.loads(path.read_bytes()))))


def _stored(body: Iterable[dict[str, Any]]) -> Iterable[Decision]:
    return (Decision.model_validate(each) for each in body)
