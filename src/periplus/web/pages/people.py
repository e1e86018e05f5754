"""People: a search through all customers, or the people behind one number of a question."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from periplus.errors import QuestionError
from periplus.web import words
from periplus.web.asking import said_number
from periplus.web.documents import document
from periplus.web.page import Page, add_page, link
from periplus.web.period import Period
from periplus.web.site import Site
from periplus.web.traffic import asked, switch
from periplus.web.words import _, ngettext

PER_PAGE = 100


LISTED = ("customer", "label", "time", "start", "end", "step")
"""Columns of the download of a people list."""


def plain(value: object) -> str:
    """A cell of a download that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def ids_said(identifiers: Sequence[str]) -> str:
    """The first identifiers of a customer in one line."""
    said = " · ".join(map(words.identifier, identifiers[:3]))
    return f"{said} +{len(identifiers) - 3}" if len(identifiers) > 3 else said


def whole(text: str, default: int = 0) -> int:
    """A count out of an address; the default for anything that is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default


def pages(path: str, total: int, offset: int, keep: list[tuple[str, object]]) -> dict[str, Any]:
    """Links to the pages around this one, as a pager shows them."""
    before, after = offset - PER_PAGE, offset + PER_PAGE
    return {
        "first": offset + 1 if total else 0,
        "last": min(total, after),
        "total": total,
        "before": link(path, *keep, offset=max(0, before) or None) if offset else None,
        "after": link(path, *keep, offset=after) if after < total else None,
    }


def extra_names() -> dict[str, str]:
    """What entries of some lists say of themselves, as the head of a column."""
    return {"credit": _("Share of it"), "seconds": _("Took"), "conversions": _("Conversions")}


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        params = request.query_params
        offset = whole(params.get("offset", ""))
        if params.get("question"):
            return of_number(request, offset)
        search = params.get("search", "").strip()[:200]
        traffic = asked(params.get("traffic", ""))
        part = bool(params.get("part"))
        found = ws.search(search, limit=PER_PAGE, offset=offset, traffic=traffic, part=part)
        kept = None if traffic == "customers" else traffic
        total = found["total"]
        if search:
            said = ngettext("{n} customer found for “{text}”", "{n} customers found for “{text}”", total)
        else:
            said = ngettext("{n} customer", "{n} customers", total)
        data = {
            "search": search,
            "matched": found["matched"],
            "total": total,
            "offset": offset,
            "rows": found["rows"],
        }
        view = {
            "search": search,
            "pager": pages(
                "/people",
                total,
                offset,
                [("search", search), ("traffic", kept), ("part", params.get("part"))],
            ),
            "in_parts": link("/people", search=search, traffic=kept, part=1)
            if found["matched"] == "exact"
            else None,
            "ids_said": ids_said,
            "traffic": kept,
            "switch": switch(
                traffic,
                None if ws.snapshot().has_marked else 0,
                lambda to: link("/people", search=search, traffic=None if to == "customers" else to),
            ),
        }
        return Page("people.html", data, view, said.format(n=words.number(total), text=search))

    def of_number(request: Request, offset: int) -> Page:
        """The people of one or several rows of a question's answer; several rows simply follow each other."""
        params = request.query_params
        question = document(params["question"])
        rows = [document(row) for row in params.getlist("row")[:200]] or [{}]
        field = params.get("field", "")
        if not field:
            raise QuestionError(_("Which number is meant is not said."), hint=_("Add field=reached."))
        people: list[Mapping[str, Any]] = []
        for row in rows:
            people.extend(ws.people(question, row, field))
        total = len(people)
        data = {
            "question": question,
            "rows_asked": rows,
            "field": field,
            "total": total,
            "offset": offset,
            "rows": people[offset : offset + PER_PAGE],
        }
        keep: list[tuple[str, object]] = [
            ("question", question),
            *(("row", row) for row in rows),
            ("field", field),
        ]
        what = said_number(ws, question, rows, field, total)
        view = {
            "what": what,
            "traffic": Period.of_question(question).values.get("traffic"),
            "csv": link("/people.csv", *keep),
            "pager": pages("/people", total, offset, keep),
            "timed": any(person.get("time") for person in people[offset : offset + PER_PAGE]),
            "extra": {
                key: name for key, name in extra_names().items() if any(key in person for person in people)
            },
            "stepped": any(person.get("step") for person in people[offset : offset + PER_PAGE]),
        }
        return Page("people_of.html", data, view, what["title"])

    @router.get("/people.csv", include_in_schema=False)
    def table(request: Request) -> Response:
        params = request.query_params
        question = document(params.get("question", ""))
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(LISTED)
        for row in params.getlist("row")[:200] or ["{}"]:
            for person in ws.people(question, document(row), params.get("field", "")):
                writer.writerow([plain(person.get(name)) for name in LISTED])
        headers = {"Content-Disposition": 'attachment; filename="people.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    add_page(router, "/people", show, name="people")
