"""Who is who in the browser: rules, proposals and decisions, each seen before it holds and taken back when wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from periplus import yaml_text
from periplus.errors import InputError
from periplus.people import matching
from periplus.people.decisions import Act
from periplus.people.identity_rules import IdentityRules
from periplus.people.merges import holding
from periplus.web import words
from periplus.web.auth import form_of_ours
from periplus.web.documents import document
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.jobs import Job
from periplus.web.page import Page, add_page, compact, is_fragment, render
from periplus.web.pages import identity_effect, identity_fields
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.words import _, ngettext

HERE = "/people/identity"
WHO = "browser"
"""What a decision made by a signed-in person says of who made it, until people have names here."""
GUARDED = 100
"""Ids that too many use which the page lists, those on most events."""
AT_ONCE = 500_000
"""With fewer events than this the page has everything at once."""
SHOWN = 100
"""Decisions that the page lists, the newest."""
_ACTS = {"undo", *get_args(Act)}


def label() -> str:
    return _("YAML: rules, or one decision (docs/identity.md)")


def kinds() -> dict[str, str]:
    """Kinds of identifiers, also those that only a decision names."""
    return {
        "user": _("Account"),
        "email": _("E-mail"),
        "phone": _("Phone"),
        "external": _("Number"),
        "device": _("Device"),
        "order": _("Order"),
        "ticket": _("Ticket"),
    }


def read(text: str) -> tuple[dict[str, Any], str | None]:
    """What a form asks to decide, and the customer it came from; a document of rules is a decision for these rules."""
    told = document(text) if text.lstrip().startswith("{") else yaml_text.read(text, "decision")
    if not isinstance(told, Mapping):
        raise InputError(
            _("Nothing is decided here."), code="decision", hint=_("Use the buttons of the page.")
        )
    plain = {str(key): value for key, value in told.items()}
    origin = plain.pop("from", None)
    if not plain.keys() & _ACTS:
        plain = {"rules": IdentityRules.parse(plain).document()}
    return plain, origin if isinstance(origin, str) else None


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page | Response:
        book, part = ws.identity, request.query_params.get("part", "")
        # Two lists look through all ids there are. On a large shop the page comes first, and asks for each itself.
        at_once = sum(file.rows for file in ws.snapshot().files) < AT_ONCE or bool(part)
        wanted = {part} if part and is_fragment(request) else {"proposals", "guarded"}
        if not at_once and not request.url.path.endswith(".json"):
            wanted = set()
        lists: dict[str, Any] = {"proposals": None, "guarded": None}
        if "proposals" in wanted:
            lists["proposals"] = book.proposals()
        if "guarded" in wanted:
            guarded = [row for row in book.guards() if row["state"] in ("crowded", "shared")]
            lists["guarded"] = guarded[:GUARDED]
        view = {
            **lists,
            "here": HERE,
            "kinds": kinds(),
            "matchable": matching.installed(),
            "install": matching.INSTALL,
            "thresholds": thresholds(),
        }
        if part in lists and is_fragment(request):
            return render(request, f"identity_{part}.html", view)
        rules, log = book.rules(), book.log()
        data = {
            "rules": rules.document(),
            **lists,
            "blocked": book.blocked(),
            "log": log,
            "hashed": list(ws.hashing.kinds()),
        }
        offset = whole(request.query_params.get("offset", ""))
        view |= {
            "text": rules.yaml(),
            "fields": identity_fields.rows(rules),
            "texts": identity_fields.texts(rules),
            "label": label(),
            "hashed": ", ".join(kinds()[each] for each in data["hashed"]),
            "shown": log[offset : offset + SHOWN],
            "older": offset + SHOWN if len(log) > offset + SHOWN else None,
            "say": said,
            "as_form": compact,
        }
        return Page("identity.html", data, view, _("Who is who"))

    add_page(router, HERE, show, name="identity")

    def trial(text: str, since: str | None, job: Job) -> dict[str, Any]:
        del since
        asked, origin = read(text)
        return ws.identity.preview(asked, progress=job.progress) | {"from": origin}

    def decide(text: str, since: str | None, job: Job) -> dict[str, Any]:
        del since
        asked, origin = read(text)
        return ws.identity.decide(asked, who=WHO, progress=job.progress) | {"from": origin}

    actions: dict[str, Work] = {"try": trial, "adopt": decide}

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        result = data["result"]
        back = HERE if result.get("from") is None else f"/people/{quote(result['from'], safe='')}#ids"
        view |= {"back": back, "kinds": kinds(), "say": said}
        if errand.action == "match":
            return Page("identity_matched.html", data, view | {"fewest": matching.FEWEST}, matched(result))
        if errand.action == "adopt":
            text = _("Decision {n} is taken back") if result["undone"] else _("Decision {n} holds")
            return Page(
                "identity_decided.html", data, view | {"decision": result}, text.format(n=result["id"])
            )
        customers = result["customers"]
        title = ngettext(
            "{n} customer would become {m}", "{n} customers would become {m}", customers["before"]
        ).format(n=words.number(customers["before"]), m=words.number(customers["after"]))
        if not result["events"]:
            title = _("No event would change hands")
        view |= {"found": result, "answers": identity_effect.answers(result)}
        return Page("identity_preview.html", data, view, title)

    @router.post(f"{HERE}/say", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def say(request: Request) -> Response:
        """A decision written in fields instead of a document; with `act` adopt it is made, else tried."""
        form = await request.form()
        action = "adopt" if form.get("action") == "adopt" else "try"
        text = written(form)
        started = await run_in_threadpool(site.errands.start, HERE, action, text, None, actions[action])
        return RedirectResponse(started.here, 303)

    @router.post(f"{HERE}/match", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def match(request: Request) -> Response:
        """Look for records that may be one person; what is found is proposed."""
        threshold = likely((await request.form()).get("threshold"))

        def work(text: str, since: str | None, job: Job) -> dict[str, int]:
            del text, since
            return ws.identity.match(threshold, job.progress)

        started = await run_in_threadpool(site.errands.start, HERE, "match", "", None, work)
        return RedirectResponse(started.here, 303)

    add_errands(router, site.errands, HERE, actions, finished, label)


def thresholds() -> dict[str, str]:
    """How likely a pair must be to be proposed, as the page offers it."""
    return {
        f"{matching.THRESHOLD:g}": _("likely (90 %)"),
        "0.99": _("nearly sure (99 %)"),
        f"{matching.LOWEST:g}": _("rather one than two (50 %)"),
    }


def likely(text: object) -> float:
    """A threshold that a form brings; the usual one where it brings none."""
    try:
        return matching.checked(float(str(text or matching.THRESHOLD)[:40]))
    except ValueError:
        return matching.checked(float("nan"))


def matched(found: Mapping[str, Any]) -> str:
    """What a search for records of one person came to, as a title."""
    if found["records"] < matching.FEWEST:
        return _("Too few records to learn from")
    return ngettext("{n} pair may be one person", "{n} pairs may be one person", found["kept"]).format(
        n=words.number(found["kept"])
    )


def written(form: FormData) -> str:
    """The document that a form's fields make up: one it carries, with a reason; rules; or two identifiers and what to do."""
    if identity_fields.MARK in form:
        return identity_fields.document(form)
    carried = form.get("document")
    if isinstance(carried, str) and carried.strip():
        told, origin = read(carried[:400_000])
    else:
        ids = [str(form.get(name) or "")[:2000].strip() for name in ("one", "other")]
        act = str(form.get("act") or "")[:40]
        told, origin = {act: ids[0] if act == "block" else ids}, None
    if why := str(form.get("why") or "").strip():
        told["why"] = why[:500]
    return json.dumps(told | ({"from": origin} if origin else {}), ensure_ascii=False)


def said(row: Mapping[str, Any]) -> str:
    """What was decided, in a sentence."""
    pairs = ", ".join(f"{plain(one)} + {plain(other)}" for one, other in row["links"])
    if row["kind"] == "join":
        return _("One person: {ids}").format(ids=pairs)
    if row["kind"] == "separate":
        return _("This link does not count: {ids}").format(ids=pairs)
    if row["kind"] == "dismiss":
        return _("Several people: {ids}").format(ids=pairs)
    if row["kind"] == "block":
        one = row["identifier"]
        return _("Links nothing: {id}").format(id=plain(f"{one['kind']}:{one['value']}"))
    rules = ", ".join(f"{key}: {value}" for key, value in (row["rules"] or {}).items())
    return _("Rules: {rules}").format(rules=rules or _("as usual"))


def plain(identifier: str) -> str:
    """An identifier without its kind, which its look tells: an e-mail has an @."""
    kind, _colon, value = identifier.partition(":")
    value = words.identifier(value)
    return value if kind in ("email", "phone") else f"{kinds().get(kind, kind).lower()} {value}"


def undoing(rows: list[dict[str, Any]], customer: str) -> dict[tuple[str, str], dict[str, Any]]:
    """For each identifier of a customer: its links, and the documents of the forms that take its merges back."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        one = row["identifier"]
        entry = found.setdefault((one["kind"], one["value"]), {"links": [], "forms": []})
        entry["links"].append(row)
    for held in holding(rows):
        one = held["identifier"]
        forms = found[one["kind"], one["value"]]["forms"]
        if held["links"]:
            forms.append(compact({"separate": held["links"], "from": customer}))
        forms += [compact({"undo": number, "from": customer}) for number in held["decisions"]]
    return found
