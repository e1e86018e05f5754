"""Customers: found, shown, with what they allowed and what people noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from periplus import clock
from periplus.question import Traffic
from periplus.workspace.catalogue import Catalogue
from periplus.workspace.maps import Maps

if TYPE_CHECKING:
    from periplus.journeys.lifeline import Lifeline
    from periplus.people.subject_book import ErasureBook, SubjectBook


class Customers(Maps, Catalogue):
    """Customers."""

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
        from periplus.people import directory

        return directory.search(self._seen(traffic), text, limit=limit, offset=offset, part=part)

    def customer(self, id_text: str, traffic: Traffic = "customers") -> dict[str, Any]:
        """One customer: who, every identifier and the event that linked it, traits, first and last seen; old ids resolve."""
        from periplus.people import directory, profile

        snapshot = self._seen(traffic)
        return profile.profile(snapshot, directory.find(snapshot, id_text))

    def apart(self, customer: str) -> list[dict[str, Any]]:
        """Identifiers of a customer that others use too, and who they are: proposals nobody has joined."""
        from periplus.people import directory, profile

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
        from periplus.people import directory, history

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

    def dealings(self, customer: str, traffic: Traffic = "customers") -> dict[str, Any]:
        """What a customer bought, asked and answered: `orders`, `value`, `tickets`, `answers`, the newest first.

        Amounts are integer minor units of `currency`.
        """
        from periplus.people import dealings

        snapshot = self._seen(traffic)
        return dealings.dealings(
            self.lifeline(customer, traffic=traffic), self.told, self.settings, self.context(snapshot).rates
        )

    def consent(self, customer: str) -> dict[str, Any]:
        """What a customer allowed, by purpose, with time and source, and how that came about."""
        from periplus.people import consent_history, directory

        snapshot = self.snapshot().everything
        found = directory.find(snapshot, customer)
        return consent_history.consent(snapshot, self._stored(), found)

    def set_consent(
        self, customer: str, said: Mapping[str, bool], source: str = "by hand", time: str | None = None
    ) -> int:
        """Store what a customer said elsewhere, such as `{"marketing.email": False}`; returns how much was new."""
        from periplus.people import consent_history, directory

        snapshot = self.snapshot().everything
        moment = None if time is None else clock.instant(time, clock.zone(self.settings.zone))
        return consent_history.give(
            snapshot, self.state, directory.find(snapshot, customer), said, source, moment
        )

    def notes(self, customer: str) -> list[dict[str, Any]]:
        """Notes that people wrote about a customer, the newest first: number, text, author, written, changed."""
        from periplus.people import directory, notes

        snapshot = self.snapshot().everything
        return notes.notes(snapshot, self._stored(), directory.find(snapshot, customer))

    def add_note(self, customer: str, text: str, author: str = "by hand") -> dict[str, Any]:
        """Write a note about a customer; it stays with them when ids join or part."""
        from periplus.people import directory, notes

        snapshot = self.snapshot().everything
        return notes.add(snapshot, self.state, directory.find(snapshot, customer), text, author)

    def change_note(self, number: int, text: str) -> dict[str, Any]:
        """Replace the text of a note."""
        from periplus.people import notes

        return notes.change(self.state, number, text)

    def remove_note(self, number: int) -> None:
        """Delete a note."""
        from periplus.people import notes

        notes.remove(self.state, number)

    def subject(self, text: str) -> SubjectBook:
        """One person, by any identifier: a file of all that is held, what an erasure would do, and the erasure."""
        from periplus.people.subject_book import SubjectBook

        def dealings(customer: str) -> dict[str, Any]:
            return self.dealings(customer, "all")

        return SubjectBook(self.home, self.snapshot, self._stored, lambda: self.state, dealings, text)

    @property
    def erasures(self) -> ErasureBook:
        """What was erased, with its proof."""
        from periplus.people.subject_book import ErasureBook

        return ErasureBook(self.home, self._stored, lambda: self.state)
