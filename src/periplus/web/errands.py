"""Errands: work that a page starts with a document, shows while it runs, and answers when it is over.

Trying a vocabulary on the events that are there, adopting rules, running a watch: each is a job with an
address of its own, so that the page can be loaded again, and what was written is not lost if it is wrong.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from periplus.errors import InputError, NotFoundError
from periplus.web.auth import form_of_ours
from periplus.web.jobs import Job, Jobs
from periplus.web.page import Page, add_page
from periplus.web.problems import told
from periplus.web.words import _

SHORT = 0.6
"""Seconds a page waits for an errand, so that short ones need no waiting page."""
KEPT = 50
"""Errands that are remembered, the newest."""
LONGEST = 400_000
"""Characters of a document that a form may bring; what reads it refuses sooner."""


@dataclass(frozen=True)
class Errand:
    """What was asked (`action`) on a page (its address), with which document and period, and the job that does it."""

    page: str
    action: str
    text: str
    since: str | None
    job: Job

    @property
    def here(self) -> str:
        """Its own address."""
        return f"{self.page}/errands/{self.job.id}"


Work = Callable[[str, str | None, Job], Any]
"""What an errand does with its document, since when, and the job to report to."""
Finished = Callable[[Errand, dict[str, Any], dict[str, Any]], Page]
"""The page of an errand that is done, from its data and what else the drawing needs."""


class Errands:
    """The errands of one server. Threads may share it."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self._known: dict[str, Errand] = {}
        self._lock = threading.Lock()

    def start(self, page: str, action: str, text: str, since: str | None, work: Work) -> Errand:
        """Begin, and wait a moment for the end; raises InputError where too much is under way."""
        errand = Errand(page, action, text, since, self.jobs.start(lambda job: work(text, since, job)))
        with self._lock:
            for old in [key for key, one in self._known.items() if one.job.state != "running"][:-KEPT]:
                del self._known[old]
            self._known[errand.job.id] = errand
        errand.job.wait(SHORT)
        return errand

    def get(self, page: str, name: str) -> Errand:
        """The errand of a page by its name."""
        with self._lock:
            found = self._known.get(name)
        if found is None or found.page != page:
            raise NotFoundError(
                _("That is not known any more."), hint=_("The server may have been started anew; ask again.")
            )
        return found


def add_errands(
    router: APIRouter,
    errands: Errands,
    here: str,
    actions: Mapping[str, Work],
    finished: Finished,
    label: Callable[[], str],
) -> None:
    """The addresses of a page's errands: the form's, by the name of its button, each errand's own, and its end.

    `label` says what the document is, over the field in which it can be mended.
    """

    @router.post(here, include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def act(request: Request) -> Response:
        form = await request.form()
        action = str(form.get("action"))
        if action not in actions:
            raise InputError(_("What to do is not said."), hint=_("Use the buttons of the page."))
        since = str(form.get("since") or "").strip()[:40] or None
        started = await run_in_threadpool(errands.start, here, action, text_of(form), since, actions[action])
        return RedirectResponse(started.here, 303)

    def show(request: Request, errand: str) -> Page | Response:
        return page_of(errands.get(here, errand), finished, label())

    add_page(router, here + "/errands/{errand}", show, name=f"{here} errand")

    @router.post(
        here + "/errands/{errand}/stop", include_in_schema=False, dependencies=[Depends(form_of_ours)]
    )
    def stop(errand: str) -> Response:
        found = errands.get(here, errand)
        found.job.stop()
        found.job.wait(SHORT)
        return RedirectResponse(found.here, 303)


def text_of(form: FormData) -> str:
    """The document that a form brings, its line ends as files have them; empty where it brings none."""
    value = form.get("document")
    return value[:LONGEST].replace("\r\n", "\n") if isinstance(value, str) else ""


def page_of(errand: Errand, finished: Finished, label: str) -> Page:
    """The page of an errand as it stands: how far it is, why it failed, or what `finished` makes of its result."""
    job = errand.job
    state = job.state
    data: dict[str, Any] = {
        "action": errand.action, "state": state, "done": job.done, "total": job.total, "what": job.what,
    }  # fmt: skip
    view = {"errand": errand, "job": job, "here": errand.page, "text": errand.text, "label": label}
    if state == "running":
        said = _("Stopping …") if job.stopping else _("This takes a moment …")
        return Page("errand_running.html", data, view, said)
    if state == "stopped":
        return Page("errand_over.html", data, view, _("Stopped; nothing is half done"))
    if job.problem is not None:
        problem = told(job.problem)
        data["problem"] = problem.to_dict()
        return Page("errand_over.html", data, {**view, "problem": problem}, problem.message)
    data["result"] = job.result
    return finished(errand, data, view)
