"""One batch: what became of its rows, the rejected ones with their reasons, and the way to take it back."""

from __future__ import annotations

import csv
import io
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from periplus.errors import NotFoundError
from periplus.web import words
from periplus.web.auth import form_of_ours
from periplus.web.page import Page, add_page
from periplus.web.pages.imports import COUNTS, batch_path, files_said, ledger_bar
from periplus.web.pages.people import PER_PAGE, pages, plain, whole
from periplus.web.site import Site
from periplus.web.words import _

COLUMNS = ("file", "line", "reason", "column", "value", "payload")
"""Columns of the download of rejected rows."""

ALL = 1_000_000


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def find(text: str) -> dict[str, Any]:
        for batch in ws.batches():
            if str(batch["id"]) == text:
                return dict(batch)
        raise NotFoundError(_("There is no such batch."), hint=_("The import page lists them all."))

    def show(request: Request, batch: str) -> Page:
        found = find(batch)
        outcome = request.query_params.get("outcome") or "rejected"
        offset = whole(request.query_params.get("offset", ""))
        rows = ws.ledger(found["id"], outcome=outcome, limit=PER_PAGE, offset=offset)
        undone = found.get("undone")
        said = _("Batch {n}: {accepted} of {rows} rows came in").format(
            n=found["id"], accepted=words.number(found["accepted"]), rows=words.number(found["rows"])
        )
        if undone:
            said = _("Batch {n} was taken back").format(n=found["id"])
        here = batch_path(found["id"])
        view = {
            "batch": found,
            "undone": undone,
            "ledger": ledger_bar(found),
            "outcome": outcome,
            "rows": rows,
            "pager": pages(here, found[outcome] if outcome in COUNTS else 0, offset, [("outcome", outcome)]),
            "here": here,
            "limit": site.upload_limit,
            "files_said": files_said,
        }
        return Page("batch.html", {"batch": found, "outcome": outcome, "rows": rows}, view, said)

    add_page(router, "/import/batches/{batch}", show, name="batch")

    @router.get("/import/batches/{batch}/rejected.csv", include_in_schema=False)
    def rejected(batch: str) -> Response:
        found = find(batch)
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for row in ws.ledger(found["id"], outcome="rejected", limit=ALL, offset=0):
            writer.writerow([plain(row.get(name)) for name in COLUMNS])
        name = f"rejected-{found['id']}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    @router.post(
        "/import/batches/{batch}/undo", include_in_schema=False, dependencies=[Depends(form_of_ours)]
    )
    def undo(batch: str) -> Response:
        found = find(batch)
        ws.undo(found["id"])
        return RedirectResponse(batch_path(found["id"]), 303)
