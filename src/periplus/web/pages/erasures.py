"""What is held about one person: taken along as a file, or erased, with a proof that is kept."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from periplus.errors import InputError
from periplus.web.api import body_of
from periplus.web.auth import form_of_ours
from periplus.web.errands import Errand, add_errands
from periplus.web.jobs import Job
from periplus.web.page import Page, add_page, json_response
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.who import who
from periplus.web.words import _

HERE = "/erasures"
FORMS = {"json": "application/json", "zip": "application/zip"}
_JSON: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def held(request: Request, customer: str) -> Page:
        del request
        found = ws.subject(customer[:200]).preview()
        view = {
            "held": found,
            "here": f"/people/{quote(customer, safe='')}",
            "places": places(),
            "kinds": kinds(),
        }
        return Page("held.html", found, view, _("What is held about {label}").format(label=found["label"]))

    add_page(router, "/people/{customer}/held", held, name="held")

    @router.post("/people/{customer}/export", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def export(request: Request, customer: str) -> Response:
        form = str((await request.form()).get("form"))
        if form not in FORMS:
            raise InputError(_("In which form is not said."), hint=_("Use the buttons of the page."))
        name = f"person.{form}"
        content = await run_in_threadpool(ws.subject(customer[:200]).file, name, who(request, ws))
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return Response(content, media_type=FORMS[form], headers=headers)

    @router.post("/people/{customer}/erase", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def erase(request: Request, customer: str) -> Response:
        form = await request.form()
        if form.get("sure") != "yes":
            raise InputError(
                _("Nothing was erased: that you are sure is not said."), code="not_confirmed",
                hint=_("Tick the box, then erase."),
            )  # fmt: skip
        by, reason, later = who(request, ws), str(form.get("reason") or "")[:500], form.get("later") == "yes"

        def work(text: str, since: str | None, job: Job) -> Any:
            del text, since
            proof = ws.subject(customer[:200]).erase(by, reason, later, _unstopped(job))
            return {"number": proof["number"]}

        started = await run_in_threadpool(site.errands.start, HERE, "erase", "", None, work)
        return RedirectResponse(started.here, 303)

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        page = proof_page(ws.erasures.show(data["result"]["number"]), {**view, "errand": errand})
        return Page(page.template, {**data, "proof": page.data}, page.view, page.title)

    add_errands(router, site.errands, HERE, {}, finished, lambda: "")

    def show(request: Request) -> Page:
        del request
        proofs, log = ws.erasures.listed(), ws.erasures.actions(200)
        data = {"erasures": proofs, "unfinished": ws.erasures.unfinished(), "actions": log}
        view = {"proofs": proofs, "log": log, "unfinished": data["unfinished"], "acts": acts()}
        return Page(
            "erasures.html", data, view, _("Who was erased, and what else was done with people's data")
        )

    add_page(router, HERE, show, name="erasures")

    def proof(request: Request, number: str) -> Page:
        del request
        return proof_page(ws.erasures.show(whole(number)), {})

    add_page(router, HERE + "/{number}", proof, name="erasure")

    @router.post(
        "/api/customers/{customer}/export",
        summary="All that is held about a customer",
        description="Events, traits, identifiers, consent, notes, orders and tickets; that it was asked for is noted.",
    )
    def export_by_program(request: Request, customer: str) -> Response:
        return json_response(ws.subject(customer[:200]).everything(who(request, ws)))

    @router.get("/api/customers/{customer}/held", summary="What an erasure would remove; changes nothing")
    def held_by_program(customer: str) -> Response:
        return json_response(ws.subject(customer[:200]).preview())

    @router.post(
        "/api/customers/{customer}/erase",
        summary="Erase a customer from everything",
        description='The body is {"sure": true}, with "reason" and "later" where wanted; the response is the proof.',
        openapi_extra=_JSON,
    )
    async def erase_by_program(request: Request, customer: str) -> Response:
        body = await body_of(request)
        if body.get("sure") is not True:
            raise InputError(
                "Nothing was erased.", code="not_confirmed", hint='Send {"sure": true} to do it.'
            )
        by, reason, later = who(request, ws), str(body.get("reason") or "")[:500], body.get("later") is True
        found = await run_in_threadpool(ws.subject(customer[:200]).erase, by, reason, later)
        return json_response(found)

    @router.get("/api/erasures", summary="Proofs of what was erased, the newest first")
    def listed() -> Response:
        return json_response({"erasures": ws.erasures.listed(), "unfinished": ws.erasures.unfinished()})


def _unstopped(job: Job) -> Any:
    """How far an erasure is; once begun it is not stopped by a button."""

    def told(done: int, total: int, what: str) -> None:
        job.done, job.total, job.what = done, total, what

    return told


def proof_page(proof: dict[str, Any], view: dict[str, Any]) -> Page:
    """The proof of one erasure."""
    shown = {**view, "proof": proof, "places": places(), "kinds": kinds()}
    return Page("erasure.html", proof, shown, _("Erasure {n}").format(n=proof["number"]))


def places() -> dict[str, str]:
    """Sorts of places, as people read them."""
    return {
        "events": _("Events"),
        "keys": _("Keys of events"),
        "claims": _("Rows that a second import brought too"),
        "rejects": _("Refused rows of imports"),
        "decisions": _("Decisions about who is who"),
        "inbox": _("Messages received a moment ago"),
        "ledger": _("Refused messages"),
        "consents": _("What they allowed"),
        "notes": _("Notes"),
        "deviations": _("Examples in the tracking plan's report"),
        "watches": _("Messages of watches"),
        "uploads": _("Uploads that wait to be imported"),
        "earlier versions": _("Files of earlier versions"),
    }


def kinds() -> dict[str, str]:
    """Kinds of identifiers."""
    return {
        "user": _("Account"),
        "email": _("E-mail"),
        "phone": _("Phone"),
        "device": _("Device"),
        "external": _("Card or other number"),
        "reference": _("Order or ticket"),
    }


def acts() -> dict[str, str]:
    """What people did, as a log says it."""
    return {
        "export": _("All events exported"),
        "person export": _("One person exported"),
        "erase": _("One person erased"),
        "retention": _("Old events removed"),
        "rules": _("Rules of retention set"),
    }
