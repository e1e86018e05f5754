"""Who is who, as people work with it: why one person, proposals, decisions seen before they hold, and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.errors import InputError, NotFoundError, PeriplusError
from periplus.people import (
    comparison,
    deciding,
    decisions,
    directory,
    guards_listed,
    hashed,
    matching,
    matching_proposals,
    merges,
    proposals,
)
from periplus.people.decisions import Decision, Decisions, Identifier, reason
from periplus.people.identity_rules import IdentityRules
from periplus.people.linking import Linking
from periplus.store import compact, standing
from periplus.store.home import Home
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress

Said = Identifier | Mapping[str, Any] | str
Asked = Callable[[Mapping[str, Any], Snapshot], Mapping[str, Any]]
"""The answer to a question from one version of the data, as a dict."""
Named = tuple[str, Mapping[str, Any]]
"""A question and how it is called."""
BY_HAND = "by hand"
MOST_ASKED = 10
"""Questions whose answers one preview compares."""
_COLUMN = {"user": "user_id", "email": "email", "phone": "phone", "device": "anonymous_id"}


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class IdentityBook:
    """What `ws.identity` is. `ask` answers a question from a version, `usual` are the questions a preview asks."""

    home: Home
    snapshot: Callable[[], Snapshot]
    ask: Asked
    usual: Callable[[], Sequence[Named]]

    # -- looking --------------------------------------------------------------------------------

    def rules(self) -> IdentityRules:
        """The rules in force: which identifiers link, and how their spellings are compared."""
        return self._decided().force().rules

    def log(self) -> list[dict[str, Any]]:
        """Every decision, the newest first: id, kind, links, identifier, rules, who, why, time, undone, in_force."""
        listed = self._decided().listed
        rules = [each.id for each in listed if each.kind == "rules" and each.undone is None]
        return [_told(each, rules[-1:]) for each in reversed(listed)]

    def blocked(self) -> list[dict[str, Any]]:
        """Identifiers that link nothing because somebody said so: kind, value, and the decision."""
        return [row | row["identifier"] for row in self.log() if row["kind"] == "block" and row["in_force"]]

    def guards(self) -> list[dict[str, Any]]:
        """Identifiers that link nothing, or little, and why: too many use them, they are junk, or somebody said so."""
        return guards_listed.listed(self.snapshot(), Linking(self._decided().force()))

    def merges(self, customer: str) -> list[dict[str, Any]]:
        """Why a customer is one person: the links of the identifiers, each with the event that made it."""
        snapshot = self.snapshot().everything
        decided = self._decided()
        found = directory.find(snapshot, customer)
        return merges.merges(snapshot, found, Linking(decided.force()), decided.listed)

    def proposals(self) -> dict[str, Any]:
        """Accounts that an e-mail, phone or number speaks of as one person, which nobody joined or declined."""
        decided = self._decided()
        found = proposals.proposals(self.home, self.snapshot(), Linking(decided.force()), decided.listed)
        matched = matching_proposals.proposed(self.home.root, self.snapshot(), decided.listed)
        return {
            "total": found["total"] + len(matched),
            "rows": [*found["rows"], *matched][: proposals.MOST],
        }

    def match(self, threshold: float = matching.THRESHOLD, progress: Progress = _silent) -> dict[str, int]:
        """Look for customers whose names, postcodes and birth dates say that they may be one person, and propose them.

        Says how many `records` were compared, and how many pairs were `found` and `kept`; with fewer than
        `matching.FEWEST` records none is. Needs `periplus[matching]`; raises InputError where it is not installed.
        """
        memory = self.home.settings.memory
        return matching_proposals.find(
            self.home.root, self.snapshot(), progress, threshold=threshold, memory=memory
        )

    # -- deciding -------------------------------------------------------------------------------

    def join(self, *identifiers: Said, why: str = "", who: str = BY_HAND) -> dict[str, Any]:
        """These identifiers are one person, whatever the events say; returns the decision."""
        return self.decide({"join": list(identifiers), "why": why}, who=who)

    def separate(self, *links: Sequence[Said], why: str = "", who: str = BY_HAND) -> dict[str, Any]:
        """These links (pairs of identifiers) do not count, whatever events carry both; returns the decision."""
        return self.decide({"separate": [list(link) for link in links], "why": why}, who=who)

    def block(self, identifier: Said, why: str = "", who: str = BY_HAND) -> dict[str, Any]:
        """This identifier links nothing, as if nobody had sent it; returns the decision."""
        return self.decide({"block": identifier, "why": why}, who=who)

    def dismiss(self, *accounts: Said, why: str = "", who: str = BY_HAND) -> dict[str, Any]:
        """A proposal was looked at: these accounts are several people. Changes no answer; returns the decision."""
        return self.decide({"dismiss": list(accounts), "why": why}, who=who)

    def set_rules(
        self, rules: IdentityRules | Mapping[str, Any] | str | Path, why: str = "", who: str = BY_HAND
    ) -> dict[str, Any]:
        """Put rules in force, for past and future; returns the decision, which can be undone like any other."""
        return self.decide({"rules": IdentityRules.parse(rules).document(), "why": why}, who=who)

    def undo(self, number: int, why: str = "", who: str = BY_HAND) -> dict[str, Any]:
        """Take a decision back: every answer is as if it had never been made; returns it."""
        return self.decide({"undo": number, "why": why}, who=who)

    def decide(
        self, document: Mapping[str, Any], who: str = BY_HAND, progress: Progress = _silent
    ) -> dict[str, Any]:
        """Put a decision in force (`Decision.parse` says how it is written), or take one back with `{"undo": 7}`."""
        alter, number = self._altering(hashed.asked(self.snapshot(), document), who)
        after = deciding.decide(self.home, alter, progress)
        with suppress(PeriplusError):  # it holds by now; this only makes later questions faster
            compact.tidy(self.home, progress)
        made = after.get(number) if number is not None else after.listed[-1]
        rules = [each.id for each in after.listed if each.kind == "rules" and each.undone is None]
        return _told(made, rules[-1:])

    def preview(
        self,
        document: Mapping[str, Any] | int,
        questions: Sequence[Mapping[str, Any]] | None = None,
        progress: Progress = _silent,
    ) -> dict[str, Any]:
        """What a decision (or taking back the one of a number) would change; nothing is published.

        `customers` has `before`, `after`, `gone`, `new`; `events` change hands; `examples` name the largest moves;
        `answers` has what some questions answer before and after (`comparison.compared`). These are the first map's and
        the kept ones, at most MOST_ASKED, unless others are asked; `unanswered` has `name` and `why` of those that
        could not be compared.
        """
        asked: Mapping[str, Any] = {"undo": document} if isinstance(document, int) else document
        asked = hashed.asked(self.snapshot(), asked)
        alter, _ = self._altering(asked, "preview")
        if questions is not None and len(questions) > MOST_ASKED:
            raise InputError(
                f"A preview compares at most {MOST_ASKED} questions.", code="preview", hint="Ask for fewer."
            )
        listed = self.usual() if questions is None else [("", each) for each in questions]
        live = self.snapshot()
        answers: list[dict[str, Any]] = []
        unanswered = [
            {"name": name, "why": f"A preview compares the first {MOST_ASKED} questions."}
            for name, _ in listed[MOST_ASKED:]
        ]
        with deciding.imagined(self.home, live, alter, progress) as then:
            found = deciding.effect(live, then)
            for number, (name, each) in enumerate(listed[:MOST_ASKED]):
                progress(number, min(len(listed), MOST_ASKED), "asking before and after")
                try:
                    before = self.ask(each, live)
                    after = self.ask({**each, "now": before["now"]}, then)
                except PeriplusError as problem:
                    if questions is not None:
                        raise
                    # A kept question may name a map or a segment that is gone: the decision is previewed all the same.
                    unanswered.append({"name": name, "why": problem.message})
                    continue
                answers.append(comparison.compared(name or str(before["kind"]), before, after))
        told = asdict(found)
        customers = {name: told.pop(name) for name in ("before", "after", "gone", "new")}
        return {
            "decision": dict(asked),
            "customers": customers,
            **told,
            "answers": answers,
            "unanswered": unanswered,
        }

    # -- within ---------------------------------------------------------------------------------

    def _decided(self) -> Decisions:
        return decisions.of(self.home.root, self.snapshot().manifest)

    def _altering(self, document: Mapping[str, Any], who: str) -> tuple[deciding.Alter, int | None]:
        """How the decisions change by a document, and the number of the one that is taken back."""
        now = clock.wall()
        if "undo" in document:
            number, why = _whole(document["undo"]), reason(document.get("why"))
            return lambda known: known.undone(number, who=who, time=now, why=why), number
        decision = Decision.parse(document)
        self._check(decision)
        return lambda known: known.added(decision, who=who, time=now), None

    def _check(self, decision: Decision) -> None:
        """Raise NotFoundError for an identifier nobody has, or a link that no event makes, with the nearest ones."""
        if decision.kind in ("join", "separate", "dismiss"):
            for each in sorted({one for pair in decision.links for one in pair}):
                self._known(each)
        if (
            decision.kind == "block"
            and decision.identifier is not None
            and decision.identifier.kind in _COLUMN
        ):
            self._known(decision.identifier)

    def _known(self, identifier: Identifier) -> None:
        column = _COLUMN.get(identifier.kind)
        if column is None:
            return
        snapshot = self.snapshot()
        people = standing.people(snapshot.manifest, snapshot.files, with_marked=True)
        rules = self.rules()
        value = rules.plain(identifier.kind, identifier.value)
        alike = rules.alike(identifier.kind, column)
        cursor = snapshot.cursor()
        if cursor.execute(f"SELECT 1 FROM ({people}) WHERE {alike} = ? LIMIT 1", [value]).fetchall():
            return
        if identifier.kind in ("device", "user"):  # an alias may name one that no other event carries
            aliases = standing.narrow(
                snapshot.manifest, snapshot.files, ("previous_id",), test="type = 'alias'"
            )
            if cursor.execute(
                f"SELECT 1 FROM ({aliases}) WHERE trim(previous_id) = ? LIMIT 1", [value]
            ).fetchall():
                return
        close = [
            text
            for (text,) in cursor.execute(
                f"SELECT v FROM (SELECT DISTINCT {alike} AS v FROM ({people}) WHERE {column} IS NOT NULL) "
                "WHERE jaro_winkler_similarity(v, ?) > 0.8 ORDER BY jaro_winkler_similarity(v, ?) DESC, v LIMIT 3",
                [value, value],
            ).fetchall()
        ]
        raise NotFoundError(
            f"No event carries {str(identifier)[:200]!r}.",
            code="no_identifier",
            hint=f"Did you mean {close[0]!r}?" if close else "Look for the customer in People first.",
            allowed=[f"{identifier.kind}:{text}" for text in close],
        )


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise InputError(
            f"{str(value)[:80]!r} is no number of a decision.",
            code="decision",
            hint="`periplus identity log` lists them.",
        ) from None


def _told(decision: Decision, rules: Sequence[int]) -> dict[str, Any]:
    """A decision as lists show it; `rules` names the decision whose rules hold."""
    undone = decision.undone
    in_force = undone is None and (decision.kind != "rules" or decision.id in rules)
    return {
        "id": decision.id,
        "kind": decision.kind,
        "links": [[str(one), str(other)] for one, other in decision.links],
        "identifier": None
        if decision.identifier is None
        else {"kind": decision.identifier.kind, "value": decision.identifier.value},
        "rules": None if decision.rules is None else decision.rules.document(),
        "who": decision.who,
        "why": decision.why,
        "time": clock.iso(decision.time),
        "undone": None
        if undone is None
        else {"who": undone.who, "why": undone.why, "time": clock.iso(undone.time)},
        "in_force": in_force,
    }
