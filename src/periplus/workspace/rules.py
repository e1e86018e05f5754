"""Rules that hold for past and future: who is who, names, what is expected, traffic, how long events are kept."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus import question
from periplus.errors import PeriplusError
from periplus.store.snapshot import Snapshot
from periplus.workspace.maps import Maps
from periplus.workspace.opened import silent

if TYPE_CHECKING:
    from periplus.collect.marks import TrafficRules
    from periplus.people import traffic_trial
    from periplus.people.hashing_book import HashingBook
    from periplus.people.identity_book import IdentityBook
    from periplus.people.retention_book import RetentionBook
    from periplus.people.tracking_plan_book import TrackingPlanBook
    from periplus.people.vocabulary_book import VocabularyBook
    from periplus.store.staged import Progress


class Rules(Maps):
    """Rules."""

    @property
    def identity(self) -> IdentityBook:
        """Who is who: why one person, proposals, decisions seen before they hold and taken back."""
        from periplus.journeys.kept_questions import usual
        from periplus.people.identity_book import IdentityBook

        def ask(asked: Mapping[str, Any], version: Snapshot) -> Mapping[str, Any]:
            return question.ask(asked, self.context(version)).to_dict()

        return IdentityBook(self.home, self.snapshot, ask, lambda: usual(self.maps(), self._stored()))

    @property
    def hashing(self) -> HashingBook:
        """Which identifiers are kept hashed, and the change of it."""
        from periplus.people.hashing_book import HashingBook

        return HashingBook(self.home, self.snapshot, self._stored)

    @property
    def retention(self) -> RetentionBook:
        """How long events of each source are kept: show, try, adopt, carry out."""
        from periplus.people.retention_book import RetentionBook

        return RetentionBook(self.home, self._stored, lambda: self.state)

    @property
    def vocabulary(self) -> VocabularyBook:
        """Names of other tools: look, try, adopt, apply to the past."""
        from periplus.people.vocabulary_book import VocabularyBook

        return VocabularyBook(self.home, self.snapshot, self._stored, lambda: self.state)

    @property
    def tracking_plan(self) -> TrackingPlanBook:
        """Which events are expected: suggest, adopt, check what arrived."""
        from periplus.people.tracking_plan_book import TrackingPlanBook

        return TrackingPlanBook(self.home.settings, self.snapshot, self._stored, lambda: self.state)

    def traffic_rules(self) -> TrafficRules:
        """The rules in force: which events are left out of answers, unless they ask for all traffic."""
        from periplus.people.traffic import rules_of

        return rules_of(self.snapshot().manifest)

    def try_traffic(self, rules: Mapping[str, Any] | str | Path) -> traffic_trial.Trial:
        """What other rules would do to the events that are there; changes nothing."""
        from periplus.collect.marks import TrafficRules
        from periplus.people import traffic_trial

        return traffic_trial.trial(self.snapshot(), TrafficRules.parse(rules))

    def adopt_traffic(self, rules: Mapping[str, Any] | str | Path, progress: Progress | None = None) -> int:
        """Put rules in force for past and future, in one version of the data; returns their own version."""
        from periplus.collect.marks import TrafficRules
        from periplus.people import admission
        from periplus.store import compact

        parsed = TrafficRules.parse(rules)
        version = self.state.save("internal traffic", "traffic", parsed.document())
        admission.remark(self.home, parsed, progress=progress or silent)
        with suppress(PeriplusError):  # the rules hold by now; this only makes later questions faster
            compact.tidy(self.home, progress or silent)
        return version
