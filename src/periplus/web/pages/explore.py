"""Explore: a question of any kind asked in a sentence, answered by a picture, people and a table of every number."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from periplus import question as questions
from periplus.errors import PeriplusError
from periplus.journeys.kept_questions import KeptQuestions
from periplus.web.asking import property_name
from periplus.web.documents import document
from periplus.web.explore import form, generic, spoken
from periplus.web.explore.controls import with_period
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_figures import value_name
from periplus.web.explore.kinds import EXPLORERS, built, path_of
from periplus.web.explore.offered import Offered, offered
from periplus.web.page import Page, add_page
from periplus.web.pages.people import plain
from periplus.web.period import Period, presets
from periplus.web.problems import status_of, told
from periplus.web.site import Site
from periplus.web.traffic import Switch, of_answer
from periplus.web.words import _

JSON = "/explore/json"


def kind_asked(params: QueryParams) -> str | None:
    """The kind of the question that stands in an address as JSON."""
    if not params.get("question", "").strip():
        return None
    kind = document(params["question"]).get("kind")
    return kind if isinstance(kind, str) else None


def elsewhere(request: Request, kind: str) -> Response | None:
    """The way to the page of a question's kind, where this is the page of another one."""
    asked = kind_asked(request.query_params)
    path, _dot, ending = request.url.path.partition(".")
    if asked is None or asked not in questions.kinds or path_of(asked) == path:
        return None
    if kind == "json" and asked not in EXPLORERS:
        return None
    return RedirectResponse(f"{path_of(asked)}{'.' if ending else ''}{ending}?{request.url.query}", 303)


def tabs(kind: str) -> list[dict[str, Any]]:
    """The kinds one can go to, the one that is shown marked."""
    found = [
        {"name": explorer.name(), "address": path_of(each), "here": each == kind}
        for each, explorer in built().items()
    ]
    return [*found, {"name": _("As JSON"), "address": JSON, "here": kind == "json"}]


def shown_of(kind: str, asked: Asked) -> Shown:
    """An answer made ready. A kind that draws no breakdown shows the whole, and under it every row of the parts."""
    explorer = EXPLORERS[kind]
    if not asked.question.get("breakdown") or kind in ("funnel", "trend"):
        return explorer.shown(asked)
    apart = ("breakdown", "breakdown_step")
    whole = {key: value for key, value in asked.question.items() if key not in apart}
    split = asked.ask(asked.question)
    found = explorer.shown(dataclasses.replace(asked, question=whole))
    view = {**found.view, "question": whole, "split": {**generic.figures(split), "question": asked.question}}
    return Shown(found.title, split, view, {**found.more, "whole": found.answer.to_dict()})


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def asked_of(kind: str, explorer: Explorer, params: QueryParams) -> tuple[Any, Offered]:
        """The question of an address, and what is offered beside it."""
        can = offered(ws, params.get("map") or params.get("unit", "").partition(":")[2])
        question = form.question_of(kind, explorer, params, can, site.answers.ask)
        if question is not None and isinstance(question.get("map"), str) and can.map is not None:
            if question["map"] != can.map["id"]:
                can = offered(ws, question["map"])
        return question, can

    def show(request: Request, kind: str) -> Page | Response:
        if (other := elsewhere(request, kind)) is not None:
            return other
        explorer = EXPLORERS[kind]
        question, can = asked_of(kind, explorer, request.query_params)
        if question is None or not can.has_events:
            return Page("explore_empty.html", {"question": None}, {"tabs": tabs(kind)}, _("No events yet"))
        path = path_of(kind)
        sayable = form.sayable(explorer, question)
        here = form.address(explorer, path, question) if sayable else form.whole(path, question)
        view: dict[str, Any] = {
            **frame(request, kind, question),
            "place": path,
            "pieces": form.pieces(explorer, question, can) if sayable else [],
            "folded": form.folded(explorer, question, can) if sayable else [],
            "filter_paths": can.filter_paths,
            "extra": form.extra_of(explorer, question),
            "address": here,
            "downloads": {ending: here.replace(path, f"{path}.{ending}", 1) for ending in ("csv", "json")},
            "body": explorer.template,
            "at": can.at,
            "periods": [],
            "switch": Switch("", "", ""),
            "address_with": lambda values: form.address(explorer, path, with_period(question, values)),
        }
        try:
            shown = shown_of(kind, Asked(question, can, site.answers.ask))
        except PeriplusError as problem:
            # The sentence stays, so that the word that is wrong can be mended where it stands.
            return refused(problem, view, form.place_of(problem, explorer))
        answer = shown.answer
        view |= {
            "answer": answer,
            "periods": presets(answer.now),
            "switch": of_answer(
                answer.totals,
                question,
                lambda to: form.address(
                    explorer, path, Period.of_question(question).with_traffic(to).put(question)
                ),
            ),
            **shown.view,
        }
        data = {"question": question, "title": shown.title, "answer": answer.to_dict(), **shown.more}
        return Page("explore.html", data, view, shown.title, headers={"HX-Push-Url": here})

    def kept() -> list[dict[str, Any]]:
        return KeptQuestions(ws.state).listed()

    def frame(request: Request, kind: str, question: Mapping[str, Any] | None) -> dict[str, Any]:
        """What every page of Explore has around its answer."""
        asked = question or {}
        return {
            "kind": kind,
            "tabs": tabs(kind),
            "question": question,
            "kept_question": asked,
            "split": None,
            "property_name": property_name,
            "value_name": value_name,
            "copies": [
                ("JSON", spoken.as_json(asked)),
                ("Python", spoken.as_python(asked)),
                ("curl", spoken.as_curl(asked, str(request.base_url))),
            ],
            "as_json": spoken.as_json(asked),
            "kept": [{**each, "address": form.whole("/explore", each["question"])} for each in kept()],
            "problem": None,
            "problem_at": None,
        }

    def refused(problem: PeriplusError, view: dict[str, Any], at: str | None) -> Page:
        """The page of a question that makes no sense, the problem beside the control it is about."""
        told(problem)
        view |= {"problem": problem, "problem_at": at}
        for piece in [*view["pieces"], *view["folded"]]:
            if not isinstance(piece, str):
                piece["problem"] = problem if piece["key"] == at else None
        return Page("explore.html", problem.to_dict(), view, problem.message, status_of(problem))

    def show_json(request: Request) -> Page | Response:
        """Any question as JSON; one whose kind has a page goes there."""
        if (other := elsewhere(request, "json")) is not None:
            return other
        written = request.query_params.get("question", "")
        question = document(written) if written.strip() else None
        view: dict[str, Any] = {
            **frame(request, "json", question),
            "place": JSON, "pieces": [], "folded": [], "filter_paths": [], "extra": {}, "address": JSON, "at": {}, "periods": [],
            "downloads": {}, "body": "explore_any.html", "switch": Switch("", "", ""), "kinds": list(questions.kinds),
        }  # fmt: skip
        if question is None:
            view |= {"answer": None, "as_json": spoken.as_json({"kind": "trend", "series": [{"of": {}}]})}
            return Page("explore.html", {"question": None}, view, _("Ask any question as JSON"))
        try:
            answer = site.answers.ask(question)
        except PeriplusError as problem:
            return refused(problem, view, None)
        here = form.whole(JSON, question)
        view |= {
            **generic.figures(answer),
            "answer": answer,
            "address": here,
            "downloads": {ending: here.replace(JSON, f"{JSON}.{ending}", 1) for ending in ("csv", "json")},
        }
        title = generic.title(answer)
        data = {"question": question, "title": title, "answer": answer.to_dict()}
        return Page("explore.html", data, view, title)

    def table(request: Request, kind: str) -> Response:
        params = request.query_params
        if kind_asked(params) is not None or kind == "json":
            question = document(params.get("question", ""))
        else:
            question, _can = asked_of(kind, EXPLORERS[kind], params)
        rows = site.answers.ask(question).rows if question else []
        out = io.StringIO()
        names = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.writer(out)
        writer.writerow(names or ["kind"])
        for row in rows:
            writer.writerow(
                [plain(row.get(name)) if isinstance(row.get(name), str) else row.get(name) for name in names]
            )
        headers = {"Content-Disposition": f'attachment; filename="{kind}.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)

    def values(request: Request) -> Page:
        """The frequent values of a property that a filter names, as options of its field."""
        path = next(iter(request.query_params.values()), "").strip()[:200]
        info = offered(ws, None).info(path)
        found = [] if info is None else info.values
        return Page("explore_values.html", {"property": path, "values": found}, {}, path)

    add_page(router, "/explore/values", values, name="values of a property")
    pages: dict[str, Callable[[Request], Page | Response]] = {"json": show_json}
    pages |= {kind: partial(show, kind=kind) for kind in EXPLORERS}
    for kind, page in pages.items():
        path = JSON if kind == "json" else path_of(kind)
        add_page(router, path, page, name=f"explore {kind}")
        router.add_api_route(
            f"{path}.csv", partial(table, kind=kind), include_in_schema=False, name=f"explore {kind}.csv"
        )
