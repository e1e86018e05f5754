"""One customer, for those who serve them: what is open, who, by which ids and why, what was bought, asked and noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from periplus import clock
from periplus.errors import NotFoundError
from periplus.journeys.lifeline import Lifeline
from periplus.people.notes import MOST_LETTERS
from periplus.web import words
from periplus.web.page import Page, add_page, is_fragment, link, render
from periplus.web.pages import life
from periplus.web.pages.identity import kinds, undoing
from periplus.web.pages.journeys_picture import lay_out
from periplus.web.pages.people import whole
from periplus.web.places import steps_of
from periplus.web.site import Site
from periplus.web.traffic import asked, reasons, switch
from periplus.web.words import _

SHOWN = 4
"""Orders, tickets and answers that stand open; the older ones are folded."""


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request, customer: str) -> Page | Response:
        params = request.query_params
        traffic = asked(params.get("traffic", ""))
        twin = ".json" if request.url.path.endswith(".json") else ""
        try:
            person = ws.customer(customer[:200], traffic)
        except NotFoundError as problem:
            if problem.code != "left_out":
                raise
            return RedirectResponse(link(f"/people/{quote(customer)}{twin}", traffic="all"), 302)
        number = person["customer"]
        if number != customer:
            address = f"/people/{quote(number)}{twin}"
            return RedirectResponse(link(address, traffic=None if traffic == "customers" else traffic), 301)
        if params.get("apart") and is_fragment(request):
            return render(request, "customer_apart.html", {"apart": ws.apart(number), "kinds": kinds()})
        maps = ws.maps()
        named = params.get("map") or (maps[0]["id"] if maps else None)
        document = ws.map(named) if named else None
        steps = steps_of(document) if document else {}
        chosen = life.Chosen(
            params.get("search", "").strip()[:200],
            params.get("channel", "")[:200],
            params.get("event", "")[:200],
            whole(params.get("offset", "")),
        )
        line = ws.lifeline(number, named, traffic=traffic)
        groups = life.groups(line, list(document.goal) if document else [], steps)
        seen = life.kept(line, chosen)
        drawn, indexes = life.turned(groups, seen, chosen.offset)
        events = ws.told(line.events(indexes))
        life.filled(drawn, dict(zip(indexes, events, strict=True)))
        found = int(seen.sum())
        numbered = [group for group in groups if group["number"] >= 0]
        dealings = ws.dealings(number, traffic)
        consent, notes = ws.consent(number), ws.notes(number)
        # Others are looked for among all ids of the shop, which takes longer than the rest: the page asks for them itself.
        apart = ws.apart(number) if twin or params.get("apart") else None
        links = ws.identity.merges(number)
        data = {
            "customer": person,
            "map": named,
            **dealings,
            "consent": consent,
            "links": links,
            "apart": apart,
            "notes": notes,
            "found": found,
            "of": len(line),
            "offset": chosen.offset,
            "timeline": events,
        }
        kept = {
            "map": params.get("map"),
            "search": chosen.search,
            "channel": chosen.channel,
            "event": chosen.event,
            "traffic": None if traffic == "customers" else traffic,
        }
        here = f"/people/{quote(number)}"

        def again(**change: object) -> str:
            """The address of this timeline with something else chosen."""
            return link(here, **(kept | change)) + "#timeline"

        waiting = open_things(dealings, line)
        view = {
            "person": person,
            "here": here,
            "again": again,
            "kept": kept,
            "chosen": chosen,
            "picture": picture(numbered, steps),
            "undrawn": max(0, len(numbered) - life.MOST_DRAWN),
            "groups": drawn,
            "found": found,
            "of": len(line),
            "channels": life.counted(line, "channel"),
            "names": life.counted(line, "event"),
            "pager": pager(found, chosen.offset, again),
            "reached": sum(group["reached"] for group in numbered),
            "journeys": len(numbered),
            "now": line.now,
            "shown": SHOWN,
            "where": life.where,
            "states": states(),
            "extras": extras(),
            "kinds": kinds(),
            "purposes": purposes(),
            "traffic": kept["traffic"],
            "reasons": reasons(),
            "switch": switch(
                traffic,
                None if ws.snapshot().has_marked else 0,
                lambda to: link(here, **(kept | {"traffic": None if to == "customers" else to})),
            ),
            **dealings,
            "apart": apart,
            "undoing": undoing(links, number),
            "consent": consent,
            "notes": notes,
            "waiting": waiting,
            "note_limit": MOST_LETTERS,
        }
        return Page("customer.html", data, view, title(person, numbered, waiting))

    add_page(router, "/people/{customer}", show, name="customer")


def picture(
    numbered: Sequence[dict[str, Any]], steps: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The newest journeys, drawn; None where there is none."""
    newest = [
        group | {"said": life.fate(group), "visits": group["visits"][-life.MOST_DOTS :]}
        for group in numbered[-life.MOST_DRAWN :]
    ]
    return lay_out(newest, stages_of(steps)) if newest else None


def open_things(dealings: Mapping[str, Any], line: Lifeline) -> dict[str, Any]:
    """What this person waits for: the oldest open ticket, and the newest parcel that is on its way."""
    tickets = [ticket for ticket in dealings["tickets"] if ticket["open"] and ticket["opened"]]
    parcels = [
        order
        for order in dealings["orders"]
        if order["state"] == "shipped" and line.now - order["micros"] < 60 * clock.UNITS["d"]
    ]
    ticket = tickets[-1] if tickets else None
    return {
        "ticket": ticket,
        "ticket_seconds": (line.now - ticket["micros"]) / 1e6 if ticket else None,
        "parcel": parcels[0] if parcels else None,
        "parcel_seconds": (line.now - parcels[0]["micros"]) / 1e6 if parcels else None,
    }


def title(
    person: Mapping[str, Any], journeys: Sequence[Mapping[str, Any]], waiting: Mapping[str, Any]
) -> str:
    """What to know about a person before anything else, in one sentence."""
    label = words.identifier(str(person["label"]))
    if waiting["ticket"]:
        lasted = words.span(waiting["ticket_seconds"])
        if waiting["ticket"]["answered"]:
            return _("{label} has a ticket that is open since {span}").format(label=label, span=lasted)
        return _("{label} has waited {span} for an answer").format(label=label, span=lasted)
    if waiting["parcel"]:
        lasted = words.span(waiting["parcel_seconds"])
        return _("{label} has a parcel on its way, ordered {span} ago").format(label=label, span=lasted)
    if not journeys:
        return _("{label} has not begun a journey on this map").format(label=label)
    last = journeys[-1]
    at = last["last"]["name"] if last["last"] else ""
    if last["fate"] == "running" and not last["reached"]:
        return _("{label} is on the way, last at {step}").format(label=label, step=at)
    if last["reached"]:
        return _("{label} reached the goal; last seen at {step}").format(label=label, step=at)
    return _("{label} stopped at {step}").format(label=label, step=at)


def pager(total: int, offset: int, again: Any) -> dict[str, Any]:
    """Links to the newer and the older events, as a pager shows them."""
    step = life.PER_PAGE
    return {
        "first": offset + 1 if total else 0,
        "last": min(total, offset + step),
        "total": total,
        "before": again(offset=max(0, offset - step) or None) if offset else None,
        "after": again(offset=offset + step) if offset + step < total else None,
    }


def stages_of(steps: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stages of a map, in its order."""
    found: dict[str, dict[str, Any]] = {}
    for step in steps.values():
        found.setdefault(
            step["stage"], {"name": step["stage"], "place": step["place"], "color": step["color"]}
        )
    return list(found.values())


def states() -> dict[str, str]:
    """What became of an order, as people read it."""
    return {
        "placed": _("Placed"),
        "shipped": _("Shipped"),
        "delivered": _("Delivered"),
        "returned": _("Return asked"),
        "cancelled": _("Cancelled"),
        "refunded": _("Refunded"),
    }


def extras() -> dict[str, str]:
    """What an order's total holds beside its products."""
    return {"shipping": _("Shipping"), "tax": _("Tax"), "discount": _("Discount")}


def purposes() -> dict[str, str]:
    """Purposes of consent; one of the shop's own is said as it is."""
    return {
        "analytics": _("Analytics"),
        "personalisation": _("Personalisation"),
        "marketing": _("Offers"),
        "marketing.email": _("Offers by e-mail"),
        "marketing.sms": _("Offers by SMS"),
        "marketing.push": _("Notifications"),
        "marketing.ads": _("Ads elsewhere"),
        "marketing.onsite": _("Messages on the site"),
    }
