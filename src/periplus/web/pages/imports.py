"""Import: upload, look before anything is written, mend the mapping, import, and take batches back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from periplus.errors import DocumentError, InputError
from periplus.watch import runner
from periplus.web import words
from periplus.web.auth import form_of_ours
from periplus.web.drafts import Draft, Drafts, safe_name
from periplus.web.jobs import Job
from periplus.web.page import Page, add_page
from periplus.web.site import Site
from periplus.web.words import _, ngettext
from periplus.yaml_text import read

SHORT = 0.6
"""Seconds a page waits for a job, so that small files need no waiting page."""

COUNTS = ("accepted", "duplicate", "rejected", "withheld")


def word(form: FormData, name: str, most: int = 200) -> str | None:
    """A short text of a form; None for an empty or missing one."""
    value = form.get(name)
    text = value.strip()[:most] if isinstance(value, str) else ""
    return text or None


def mapping_of(text: str | None) -> dict[str, Any] | None:
    """The mapping as a person wrote it; raises DocumentError that names the line."""
    if text is None or not text.strip():
        return None
    document = read(text, "mapping")
    if not isinstance(document, dict):
        raise DocumentError(_("The mapping is not a set of keys."), hint=_("It begins with “tables:”."))
    return document


def ledger_bar(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """The four fates of rows as parts of one bar, with what each means."""
    said = {
        "accepted": ("f-good", _("accepted"), _("new here")),
        "duplicate": ("f-grey", _("duplicate"), _("all their events are here already")),
        "rejected": ("f-ink", _("rejected"), _("cannot be used; kept, with the reason")),
        "withheld": ("f-framed", _("withheld"), _("no consent to analytics in the row")),
    }
    parts, x = [], 0
    for name in COUNTS:
        fill, label, meaning = said[name]
        parts.append(
            {"name": name, "fill": fill, "label": label, "meaning": meaning, "n": counts[name], "x": x}
        )
        x += counts[name]
    return parts


def add(router: APIRouter, site: Site) -> None:
    ws, jobs = site.workspace, site.jobs
    drafts = Drafts(ws.path)

    # -- the first page ---------------------------------------------------------------------------

    def show(request: Request) -> Page:
        batches = ws.batches()
        live = [batch for batch in batches if not batch.get("undone")]
        rows = sum(batch["accepted"] for batch in live)
        if not batches:
            said = _("Bring the first events in")
        else:
            n = len(live)
            said = ngettext("{rows} rows came in with {n} import", "{rows} rows came in with {n} imports", n)
            said = said.format(rows=words.number(rows), n=words.number(n))
        data = {"batches": batches, "watches": runner.described(ws)}
        view = {**data, "limit": site.upload_limit, "files_said": files_said}
        return Page("import.html", data, view, said)

    add_page(router, "/import", show, name="import")

    @router.post("/import", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def upload(request: Request) -> Response:
        form = await request.form()
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile) and file.filename]
        if not files:
            raise InputError(
                _("No file was chosen."), code="no_file", hint=_("Choose one, or drop it on the field.")
            )
        replace = word(form, "replace", 9)
        draft = drafts.new()
        draft.source = word(form, "source")
        draft.replace = int(replace) if replace and replace.isdigit() else None
        await run_in_threadpool(store, draft, files)
        await run_in_threadpool(look, draft)
        return RedirectResponse(f"/import/drafts/{draft.id}", 303)

    def store(draft: Draft, files: list[UploadFile]) -> None:
        for file in files:
            name = safe_name(file.filename or "")
            path = draft.folder / name
            if path.exists():
                path = draft.folder / f"{len(draft.files)}-{name}"
            with path.open("wb") as out:
                shutil.copyfileobj(file.file, out, 1 << 20)
            draft.files.append(path)

    # -- a draft: look, mend, import --------------------------------------------------------------

    def run(draft: Draft, *, dry: bool) -> None:
        """Start the one job of a draft anew: looking at it, or importing it."""
        mapping = mapping_of(draft.mapping)
        if draft.job is not None and draft.job.state == "running":
            draft.job.stop()
            draft.job.wait(10)
        draft.importing = not dry

        def work(job: Job) -> Any:
            paths: list[str | Path] = list(draft.files)
            return ws.import_file(
                paths,
                mapping=mapping,
                source=draft.source,
                replace=None if dry else draft.replace,
                dry_run=dry,
                progress=job.progress,
            )

        draft.job = jobs.start(work)
        draft.job.wait(SHORT)

    def look(draft: Draft) -> None:
        run(draft, dry=True)

    def show_draft(request: Request, draft: str) -> Page | Response:
        found = drafts.get(draft)
        job = found.job
        assert job is not None
        here = f"/import/drafts/{found.id}"
        view: dict[str, Any] = {"draft": found, "job": job, "here": here, "limit": site.upload_limit}
        data: dict[str, Any] = {
            **found.to_dict(),
            "state": job.state,
            "importing": found.importing,
            "done": job.done,
            "total": job.total,
            "what": job.what,
        }
        if job.state == "running":
            said = _("Importing …") if found.importing else _("Reading the file …")
            if job.stopping:
                said = _("Stopping …")
            return Page("draft_running.html", data, view, said)
        if job.state == "stopped":
            return Page("draft_stopped.html", data, view, _("Stopped; nothing was written"))
        if job.state == "failed":
            assert job.problem is not None
            data["problem"] = job.problem.to_dict()
            view |= {"problem": job.problem, "mapping": found.mapping or ""}
            return Page("draft_failed.html", data, view, job.problem.message)
        if found.importing:
            counts = job.result.to_dict()
            data["imported"] = counts
            view |= {"counts": counts, "ledger": ledger_bar(counts)}
            said = _("{accepted} of {rows} rows came in").format(
                accepted=words.number(counts["accepted"]), rows=words.number(counts["rows"])
            )
            return Page("draft_done.html", data, view, said)
        plan = job.result.to_dict()
        data["plan"] = plan
        view |= {
            "plan": plan,
            "ledger": ledger_bar(plan["counts"]),
            "mapping": found.mapping or plan["mapping"],
            "names_said": ", ".join(f"{words.number(n)} {name}" for name, n in plan["names"][:4]),
            "outcome_names": {part["name"]: part["label"] for part in ledger_bar(plan["counts"])},
        }
        return Page("draft.html", data, view, plan_title(plan["counts"]))

    add_page(router, "/import/drafts/{draft}", show_draft, name="draft")

    actions: dict[str, Callable[[Draft], str]] = {}

    @router.post("/import/drafts/{draft}", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def act(request: Request, draft: str) -> Response:
        form = await request.form()
        found = drafts.get(draft)
        action = actions.get(word(form, "action") or "")
        if action is None:
            raise InputError(
                _("What to do with the file is not said."), hint=_("Use the buttons of its page.")
            )
        if "mapping" in form:
            found.mapping = word(form, "mapping", 400_000)
        if "source" in form:
            found.source = word(form, "source")
        return RedirectResponse(await run_in_threadpool(action, found), 303)

    def look_again(draft: Draft) -> str:
        run(draft, dry=True)
        return f"/import/drafts/{draft.id}"

    def bring_in(draft: Draft) -> str:
        looked = draft.job.result if draft.job is not None and not draft.importing else None
        if draft.mapping is None and looked is not None and looked.suggested:
            # What was looked at is what is imported.
            draft.mapping = looked.mapping
        run(draft, dry=False)
        return f"/import/drafts/{draft.id}"

    def stop(draft: Draft) -> str:
        if draft.job is not None:
            draft.job.stop()
            draft.job.wait(SHORT)
        return f"/import/drafts/{draft.id}"

    def drop(draft: Draft) -> str:
        drafts.drop(draft)
        return "/import"

    actions |= {"look": look_again, "import": bring_in, "stop": stop, "drop": drop}


def plan_title(counts: dict[str, Any]) -> str:
    """What an import would do, in a sentence."""
    said = _("{accepted} of {rows} rows would come in").format(
        accepted=words.number(counts["accepted"]), rows=words.number(counts["rows"])
    )
    if counts["rejected"]:
        said += "; " + ngettext("{n} cannot be read", "{n} cannot be read", counts["rejected"]).format(
            n=words.number(counts["rejected"])
        )
    return said


def files_said(files: list[Any]) -> str:
    """The files of a batch in a few words."""
    names = [str(file["name"]) if isinstance(file, dict) else str(file) for file in files]
    said = ", ".join(names[:2])
    return said + (" " + _("and {n} more").format(n=len(names) - 2) if len(names) > 2 else "")


def batch_path(number: int) -> str:
    return f"/import/batches/{quote(str(number))}"
