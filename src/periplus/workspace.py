"""A workspace, opened: what programs, the command line and the pages hold on to.

It only opens and holds resources; the work is done by functions of the areas.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, get_args

import periplus.journeys.attribution
import periplus.journeys.doubts
import periplus.journeys.drivers
import periplus.journeys.flow
import periplus.journeys.funnel
import periplus.journeys.lifecycle
import periplus.journeys.map
import periplus.journeys.pattern
import periplus.journeys.retention
import periplus.journeys.site
import periplus.journeys.timing
import periplus.journeys.trend
import periplus.maps.meaning  # noqa: F401  these register what they are
from periplus import clock, question
from periplus.collect.catalogue import join
from periplus.collect.catalogue.kept import Kept
from periplus.collect.marks import TrafficRules
from periplus.errors import InputError, NotFoundError, PeriplusError, QuestionError, unknown
from periplus.journeys.kept_questions import usual
from periplus.journeys.segment_book import SegmentBook
from periplus.journeys.suggest import suggest
from periplus.maps.theme import Theme
from periplus.people import (
    admission,
    consent_history,
    directory,
    export,
    hashed,
    history,
    incoming,
    ledger,
    notes,
    profile,
    traffic_trial,
    withheld,
)
from periplus.people.hashing_book import HashingBook
from periplus.people.identity_book import IdentityBook
from periplus.people.retention_book import RetentionBook
from periplus.people.subject_book import ErasureBook, SubjectBook
from periplus.people.tracking_plan_book import TrackingPlanBook
from periplus.people.traffic import rules_of
from periplus.people.vocabulary_book import VocabularyBook
from periplus.question import Answer, Context, Question, Traffic
from periplus.settings import Settings
from periplus.store import actions, compact, compiled, home, locks, manifest, products
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Imported, Progress
from periplus.store.state import State

if TYPE_CHECKING:
    from periplus.collect.catalogue.keep import CatalogueImport
    from periplus.journeys.lifeline import Lifeline
    from periplus.people.collector import Collector


class Workspace:
    """One workspace folder, open. Use `periplus.open(path)`; close it, or use it in a `with` block."""

    def __init__(self, folder: home.Home) -> None:
        self.home = folder
        self._snapshot: Snapshot | None = None
        self._state: State | None = None
        self._catalogue: Kept | None = None
        self._lock = threading.Lock()
        compiled.use_cache(folder.settings.kernel_cache)
        # Raises at once for a workspace that is damaged or was made by a newer version.
        self.snapshot()

    # -- resources ------------------------------------------------------------------------------

    @property
    def path(self) -> Path:
        return self.home.root

    @property
    def settings(self) -> Settings:
        return self.home.settings

    @property
    def state(self) -> State:
        """Documents, tokens and sign-ins; opened when first needed."""
        with self._lock:
            if self._state is None:
                self._state = State(self.home.root, self.home.settings)
            return self._state

    def snapshot(self) -> Snapshot:
        """The live version of the data; the same object while nothing is published."""
        current = manifest.live_number(self.home.root)
        with self._lock:
            if self._snapshot is None or self._snapshot.manifest.number != current:
                live = manifest.read(self.home.root)
                self._snapshot = Snapshot(
                    self.home.root, live, self.home.settings, live=live.live_batch is not None
                )
            return self._snapshot

    def close(self) -> None:
        if self._state is not None:
            self._state.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- questions ------------------------------------------------------------------------------

    def context(self, snapshot: Snapshot | None = None) -> Context:
        """What a question of this workspace is answered with."""
        live = snapshot or self.snapshot()
        return Context(
            snapshot=live,
            settings=self.settings,
            wall=clock.wall(),
            documents=lambda kind, name: hashed.stored(live, self.document(kind, name)),
            stored=lambda asked: hashed.asked(live, asked),
            labels=lambda customers: directory.labels(live, customers),
            names=self.names,
        )

    def names(self, kind: str) -> list[str]:
        """The names under which documents of a kind are stored."""
        return self.state.names(kind) if self._has_state() else []

    def document(self, kind: str, name: str) -> Mapping[str, Any] | None:
        """The newest stored document of a kind and name, or None; where nothing was stored nothing is made."""
        return self.state.document(kind, name) if self._has_state() else None

    def _stored(self) -> State | None:
        """The state, where any was made."""
        return self.state if self._has_state() else None

    def _has_state(self) -> bool:
        """Whether any was made; a disk that was full may have left an empty file."""
        local = self.path / "state.db"
        return bool(self.settings.state) or (local.exists() and local.stat().st_size > 0)

    def ask(self, question_: Mapping[str, Any] | Question) -> Answer:
        """The Answer to a question; raises QuestionError or NotFoundError with a hint."""
        return question.ask(question_, self.context())

    def people(
        self, question_: Mapping[str, Any] | Question, row: Mapping[str, Any], field: str
    ) -> list[dict[str, Any]]:
        """The people behind one count of a question's answer."""
        return question.people(question_, row, field, self.context())

    # -- events in, events out ------------------------------------------------------------------

    def import_file(
        self,
        path: str | Path | Sequence[str | Path],
        mapping: Mapping[str, Any] | str | Path | None = None,
        source: str | None = None,
        replace: int | None = None,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> Any:
        """Import files as one batch and return what became of them (`Imported`); with `dry_run`, the `Plan`.

        Raises InputError if nothing of the files can be read, DocumentError for a wrong mapping.
        """
        from periplus.collect.stage import stage

        paths = [Path(path)] if isinstance(path, str | Path) else [Path(each) for each in path]
        if not paths:
            raise InputError("No file was named.", hint="Name the files to import.")
        if replace is not None:
            self._live_batch(replace)
        told = progress or _silent
        with self.home.staging() as folder:
            if dry_run:
                from periplus.collect.plan import plan

                return plan(
                    paths,
                    folder=folder,
                    settings=self.settings,
                    mapping=mapping,
                    source=source,
                    known=ledger.known(self.home),
                    sieve=withheld.sieve(self.home),
                    progress=told,
                )
            staged = stage(
                paths, folder=folder, settings=self.settings, mapping=mapping, source=source, progress=told,
                hashing=hashed.of(self.home.root, self.snapshot().manifest), lend=True,
            )  # fmt: skip
            imported = admission.admit(self.home, staged, now=clock.wall(), replaced=replace, progress=told)
        # What was imported is published by now; this only makes later questions faster.
        try:
            compact.tidy(self.home, told)
        except PeriplusError as problem:
            said = f"The events are in, but could not be compacted: {problem}"
            return dataclasses.replace(imported, warnings=[*imported.warnings, said])
        return imported

    def undo(self, batch: int, progress: Progress | None = None) -> dict[str, Any]:
        """Take a batch back; raises NotFoundError if there is none of that number."""
        undone = admission.undo(self.home, batch, now=clock.wall(), progress=progress or _silent)
        return ledger.described(undone)

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, the newest first: its counts, files, source, and whether it was undone."""
        return ledger.batches(self.snapshot().manifest)

    def ledger(
        self, batch: int | None = None, outcome: str | None = None, limit: int = 100, offset: int = 0
    ) -> list[dict[str, Any]]:
        """What the collector refused, and rows of imported files with what became of each: outcome, reason, payload …"""
        return ledger.rows(self.snapshot(), batch=batch, outcome=outcome, limit=limit, offset=offset)

    def export(self, path: str | Path, progress: Progress | None = None, who: str = "by hand") -> int:
        """Write every event as Segment-spec JSONL or flat Parquet; returns how many there are."""
        snapshot = self.snapshot()
        count = export.export(snapshot, Path(path), progress or _silent)
        # An erasure names the copies that still hold somebody.
        detail = {"path": str(Path(path).absolute()), "version": snapshot.version, "events": count}
        actions.add(self.state, actions.EXPORTED, who, detail)
        return count

    def _live_batch(self, number: int) -> None:
        known = self.snapshot().manifest.batch(number)
        if known is None or known.undone is not None:
            live = [str(batch.id) for batch in self.snapshot().manifest.batches if batch.undone is None]
            raise NotFoundError(
                f"There is no live batch {number} to replace.",
                hint="`periplus batch list` shows them.",
                allowed=live,
            )

    # -- catalogue ------------------------------------------------------------------------------

    def import_catalogue(
        self, path: str | Path, kind: str | None = None, source: str = "catalogue", partial: bool = False
    ) -> CatalogueImport:
        """Bring the catalogue up to a file; unless it is `partial`, products it lacks are marked as gone."""
        from periplus.collect.catalogue.keep import import_file

        own = self.settings.currency
        with self.home.staging() as folder:
            return import_file(
                self.state, Path(path), folder=folder, currency=own, now=clock.wall(), kind=kind, source=source,
                partial=partial,
            )  # fmt: skip

    def products(
        self, text: str = "", limit: int = 50, offset: int = 0, gone: bool = False
    ) -> dict[str, Any]:
        """Products whose id, SKU, title, brand or category has all words of the text: `total` and `rows`, by title."""
        if not self._has_state():
            return {"total": 0, "rows": []}
        total, rows = products.find(self.state, text, limit=limit, offset=offset, gone=gone)
        return {"total": total, "rows": rows}

    def product_history(self, source: str, id_text: str) -> list[dict[str, Any]]:
        """What changed of a product, oldest first: time, field, before, after."""
        return products.history(self.state, source, id_text) if self._has_state() else []

    def catalogue(self) -> join.Index:
        """The catalogue for looking products up; the same object while it does not change."""
        if not self._has_state():
            return join.Index(())
        if self._catalogue is None:
            self._catalogue = Kept(self.state)
        return self._catalogue.index()

    # -- maps -----------------------------------------------------------------------------------

    def add_map(self, document: Mapping[str, Any] | str | Path) -> str:
        """Store a map (a document, YAML text or a file) as a new version; returns its id."""
        from periplus.maps import MapDocument

        if isinstance(document, Path):
            document = _text(document)
        parsed = MapDocument.parse(document)
        self.state.save("map", parsed.id, parsed.document())
        return parsed.id

    def maps(self) -> list[dict[str, Any]]:
        """The maps there are, stored ones first; the template is always there."""
        from periplus.maps.template import TEMPLATES

        stored = [self.map(name) for name in self.state.names("map")] if self._has_state() else []
        known = {document.id for document in stored}
        listed = [*stored, *(template for name, template in TEMPLATES.items() if name not in known)]
        return [{"id": document.id, "name": document.name} for document in listed]

    def map(self, name: str) -> Any:
        """The MapDocument of an id or name; raises NotFoundError with the nearest."""
        from periplus.errors import nearest
        from periplus.maps.meaning import find

        try:
            return find(name, self.document)
        except NotFoundError as problem:
            known = [entry["id"] for entry in self.maps()]
            close = nearest(name, known)
            hint = f"Did you mean {close[0]!r}?" if close else problem.hint
            raise NotFoundError(problem.message, code="no_map", hint=hint, allowed=known) from None

    def draw(
        self,
        map_id: str,
        period: Mapping[str, Any] | None = None,
        now: str | None = None,
        theme: Theme = "auto",
        traffic: Traffic = "customers",
        **options: Any,
    ) -> str:
        """The map with its numbers as one SVG, the same in page, file and notebook."""
        from periplus.maps.draw import draw

        def ask(asked: Mapping[str, Any]) -> Answer:
            return self.ask({**asked, "traffic": traffic})

        return draw(self.map(map_id), ask, period=period, now=now, theme=theme, **options)

    # -- people ---------------------------------------------------------------------------------

    def search(
        self,
        text: str = "",
        limit: int = 50,
        offset: int = 0,
        traffic: Traffic = "customers",
        part: bool = False,
    ) -> dict[str, Any]:
        """Customers found by an identifier, an order or a ticket number, the last seen first; all for an empty text.

        What somebody has in full counts first; `part` also finds those who have the text inside an identifier.
        """
        return directory.search(self._seen(traffic), text, limit=limit, offset=offset, part=part)

    def customer(self, id_text: str, traffic: Traffic = "customers") -> dict[str, Any]:
        """One customer: who, every identifier and the event that linked it, traits, first and last seen; old ids resolve."""
        snapshot = self._seen(traffic)
        return profile.profile(snapshot, directory.find(snapshot, id_text))

    def apart(self, customer: str) -> list[dict[str, Any]]:
        """Identifiers of a customer that others use too, and who they are: proposals nobody has joined."""
        snapshot = self.snapshot()
        return profile.apart(snapshot, directory.find(snapshot.everything, customer))

    def lifeline(
        self,
        customer: str,
        map_id: str | None = None,
        now: str | None = None,
        traffic: Traffic = "customers",
    ) -> Lifeline:
        """A customer's events with their places on the map, of which any can be read as they are wanted."""
        from periplus.journeys.lifeline import lifeline

        snapshot = self._seen(traffic)
        mine = history.of(snapshot, directory.find(snapshot, customer))
        rules = None if map_id is None else self.map(map_id).rules()
        return lifeline(snapshot, mine, rules, self.context(snapshot), now)

    def timeline(
        self,
        customer: str,
        map_id: str | None = None,
        now: str | None = None,
        traffic: Traffic = "customers",
    ) -> list[dict[str, Any]]:
        """A customer's events, oldest first, each with its step, stage, journey and visit on the map.

        With all traffic, `left_out` says of an event of a bot or of internal traffic why it is one. `known` are
        the properties with what the catalogue adds to them, where it does; `properties` are as they were sent.
        """
        return self.told(self.lifeline(customer, map_id, now, traffic).events())

    def told(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Events with what the catalogue knows of their products beside what was sent."""
        catalogue = self.catalogue()
        return [join.beside(event, catalogue) for event in events] if len(catalogue) else events

    def dealings(self, customer: str, traffic: Traffic = "customers") -> dict[str, Any]:
        """What a customer bought, asked and answered: `orders`, `value`, `tickets`, `answers`, the newest first.

        Amounts are integer minor units of `currency`.
        """
        from periplus.people import dealings

        snapshot = self._seen(traffic)
        return dealings.dealings(
            self.lifeline(customer, traffic=traffic), self.told, self.settings, self.context(snapshot).rates
        )

    def _seen(self, traffic: str) -> Snapshot:
        """The events that a view of all traffic, or of the customers' alone, looks at."""
        if traffic not in get_args(Traffic):
            message, hint, allowed = unknown("traffic", str(traffic), get_args(Traffic))
            raise QuestionError(message, code="traffic", hint=hint, allowed=allowed)
        return self.snapshot().everything if traffic == "all" else self.snapshot()

    def consent(self, customer: str) -> dict[str, Any]:
        """What a customer allowed, by purpose, with time and source, and how that came about."""
        snapshot = self.snapshot().everything
        found = directory.find(snapshot, customer)
        return consent_history.consent(snapshot, self._stored(), found)

    def set_consent(
        self, customer: str, said: Mapping[str, bool], source: str = "by hand", time: str | None = None
    ) -> int:
        """Store what a customer said elsewhere, such as `{"marketing.email": False}`; returns how much was new."""
        snapshot = self.snapshot().everything
        moment = None if time is None else clock.instant(time, clock.zone(self.settings.zone))
        return consent_history.give(
            snapshot, self.state, directory.find(snapshot, customer), said, source, moment
        )

    def notes(self, customer: str) -> list[dict[str, Any]]:
        """Notes that people wrote about a customer, the newest first: number, text, author, written, changed."""
        snapshot = self.snapshot().everything
        return notes.notes(snapshot, self._stored(), directory.find(snapshot, customer))

    def add_note(self, customer: str, text: str, author: str = "by hand") -> dict[str, Any]:
        """Write a note about a customer; it stays with them when ids join or part."""
        snapshot = self.snapshot().everything
        return notes.add(snapshot, self.state, directory.find(snapshot, customer), text, author)

    def change_note(self, number: int, text: str) -> dict[str, Any]:
        """Replace the text of a note."""
        return notes.change(self.state, number, text)

    def remove_note(self, number: int) -> None:
        """Delete a note."""
        notes.remove(self.state, number)

    def subject(self, text: str) -> SubjectBook:
        """One person, by any identifier: a file of all that is held, what an erasure would do, and the erasure."""

        def dealings(customer: str) -> dict[str, Any]:
            return self.dealings(customer, "all")

        return SubjectBook(self.home, self.snapshot, self._stored, lambda: self.state, dealings, text)

    @property
    def erasures(self) -> ErasureBook:
        """What was erased, with its proof."""
        return ErasureBook(self.home, self._stored, lambda: self.state)

    @property
    def identity(self) -> IdentityBook:
        """Who is who: why one person, proposals, decisions seen before they hold and taken back."""

        def ask(asked: Mapping[str, Any], version: Snapshot) -> Mapping[str, Any]:
            return question.ask(asked, self.context(version)).to_dict()

        return IdentityBook(self.home, self.snapshot, ask, lambda: usual(self.maps(), self._stored()))

    @property
    def hashing(self) -> HashingBook:
        """Which identifiers are kept hashed, and the change of it."""
        return HashingBook(self.home, self.snapshot, self._stored)

    @property
    def segments(self) -> SegmentBook:
        """Conditions on customers, kept under a name: make, look, count."""
        return SegmentBook(
            self._stored, lambda: self.state, lambda traffic: self.context(self._seen(traffic))
        )

    @property
    def retention(self) -> RetentionBook:
        """How long events of each source are kept: show, try, adopt, carry out."""
        return RetentionBook(self.home, self._stored, lambda: self.state)

    def suggest(
        self, what: str, text: str = "", path: str | None = None, limit: int = 20
    ) -> list[dict[str, Any]]:
        """Words for a condition, the most frequent first: `event`, `where`, `trait`, `segment`, or a `value` of a path."""
        return suggest(what, text, path, limit, self.context())

    # -- names and what is expected -------------------------------------------------------------

    @property
    def vocabulary(self) -> VocabularyBook:
        """Names of other tools: look, try, adopt, apply to the past."""
        return VocabularyBook(self.home, self.snapshot, self._stored, lambda: self.state)

    @property
    def tracking_plan(self) -> TrackingPlanBook:
        """Which events are expected: suggest, adopt, check what arrived."""
        return TrackingPlanBook(self.home.settings, self.snapshot, self._stored, lambda: self.state)

    # -- bots and internal traffic --------------------------------------------------------------

    def traffic_rules(self) -> TrafficRules:
        """The rules in force: which events are left out of answers, unless they ask for all traffic."""
        return rules_of(self.snapshot().manifest)

    def try_traffic(self, rules: Mapping[str, Any] | str | Path) -> traffic_trial.Trial:
        """What other rules would do to the events that are there; changes nothing."""
        return traffic_trial.trial(self.snapshot(), TrafficRules.parse(rules))

    def adopt_traffic(self, rules: Mapping[str, Any] | str | Path, progress: Progress | None = None) -> int:
        """Put rules in force for past and future, in one version of the data; returns their own version."""
        parsed = TrafficRules.parse(rules)
        version = self.state.save("internal traffic", "traffic", parsed.document())
        admission.remark(self.home, parsed, progress=progress or _silent)
        with suppress(PeriplusError):  # the rules hold by now; this only makes later questions faster
            compact.tidy(self.home, progress or _silent)
        return version

    # -- keys -----------------------------------------------------------------------------------

    def add_token(self, name: str) -> str:
        """A new token for the HTTP API; it is shown this once."""
        return self.state.issue("token", _name(name))

    def check_token(self, text: str) -> bool:
        return self.state.check("token", text) is not None

    def tokens(self) -> list[dict[str, str]]:
        return self.state.issued("token")

    # -- sources and the collector ----------------------------------------------------------------

    def add_source(self, name: str, **fields: Any) -> str:
        """A new source of events (`SourceDocument` has the fields), or a new key of one; returns the write key."""
        return incoming.add(self.state, _name(name), fields)

    def save_source(self, document: Mapping[str, Any] | str | Path) -> str:
        """Change how a source is read; returns its name."""
        return incoming.save(self.state, document)

    def sources(self) -> list[dict[str, Any]]:
        """Where events come from: sources with a write key, with their settings, and those of imports."""
        return incoming.listed(self.state, self.snapshot().manifest)

    def ledger_counts(self, source: str | None = None) -> list[dict[str, Any]]:
        """What became of everything received, by source and hour of receipt; imports by the hour they were made."""
        return ledger.counts(self.snapshot().manifest, self.path, source)

    def rejects(self, source: str | None = None, limit: int = 100, offset: int = 0) -> list[dict[str, Any]]:
        """Messages that the collector refused, the newest first, with reason and payload."""
        return ledger.rejects(self.path, source=source, limit=limit, offset=offset)

    def collector(self, *, apart: bool = False) -> Collector:
        """The collector, not started: use it in a `with` block. One process at a time may run it.

        With `apart` it brings events into the store by a process of its own, so that requests need not wait for that.
        """
        from periplus.people.collector import Collector

        return Collector(self.home, self.state, apart=apart)

    def serving(self) -> Any:
        """A lock that admits one server to the workspace; raises BusyError if another runs."""
        return locks.held(self.path / "server.lock", who="periplus serve")


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


def _name(name: str) -> str:
    cleaned = name.strip()
    if not cleaned or len(cleaned) > 200:
        raise InputError("A name has 1 to 200 letters.", hint="Name it after who will use it.")
    return cleaned


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text in UTF-8.") from None


def init(path: str | Path, **settings: Any) -> Workspace:
    """Make a new, empty workspace and open it."""
    return Workspace(home.create(Path(path), Settings(**settings)))


def open_workspace(path: str | Path) -> Workspace:
    """Open an existing workspace folder; raises NotFoundError or StoreError."""
    return Workspace(home.open_home(Path(path)))


__all__ = ["Imported", "Workspace", "init", "open_workspace"]
