"""The switch that brings bots and internal traffic back onto a page, or leaves them out again; it is in the address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from periplus.question import Traffic
from periplus.web import words
from periplus.web.words import _, ngettext


@dataclass(frozen=True)
class Switch:
    """What a page says of the events it leaves out, and the address of the page the other way round.

    `said` and `name` are empty where there is nothing to leave out.
    """

    said: str
    name: str
    address: str


def switch(traffic: str, left_out: int | None, address: Callable[[str], str]) -> Switch:
    """The switch of a page that shows some traffic; `address` gives that of the page with another.

    `left_out` is how many events were (None: not counted, but some may have been).
    """
    if traffic == "all":
        return Switch(
            _("Bots and internal traffic are shown too."), _("Leave them out"), address("customers")
        )
    if left_out is None:
        return Switch(_("Bots and internal traffic are left out."), _("Show them"), address("all"))
    if not left_out:
        return Switch("", "", "")
    said = ngettext(
        "{n} event of bots and internal traffic is left out.",
        "{n} events of bots and internal traffic are left out.",
        left_out,
    )
    return Switch(said.format(n=words.number(left_out)), _("Show them"), address("all"))


def of_answer(
    totals: Mapping[str, Any], question: Mapping[str, Any], address: Callable[[str], str]
) -> Switch:
    """The switch of a page that shows an answer."""
    return switch(str(question.get("traffic", "customers")), totals.get("left_out", 0), address)


def asked(traffic: str) -> Traffic:
    """The traffic an address asks for; nothing means that of customers. The workspace refuses other words."""
    return cast(Traffic, traffic.strip()[:20] or "customers")


def reasons() -> dict[str, str]:
    """Why an event is left out, as people read it."""
    return {
        "says so": _("says so itself"),
        "bot": _("a known bot"),
        "user agent": _("internal, by its user agent"),
        "address": _("internal, by its address"),
        "staff": _("staff"),
        "e-mail": _("internal, by its e-mail address"),
    }
