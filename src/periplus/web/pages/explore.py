"""Explore: a funnel asked for in a sentence, answered by a picture, people and a table of every number."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pprint import pformat
from textwrap import indent
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from periplus.errors import PeriplusError, QuestionError
from periplus.web.asking import places, property_name, step_name, units_name
from periplus.web.documents import document
from periplus.web.page import Page, add_page, compact, link
from periplus.web.pages import funnel
from periplus.web.period import Period, presets
from periplus.web.site import Site
from periplus.web.traffic import of_answer
from periplus.web.words import _

STEPS = 12
"""Most steps a sentence holds."""

SUGGESTED = 300
"""Most event names or properties offered in a list."""

TABLED = 60
"""Values of a breakdown in the table; the download has all of them."""

WINDOWS = ("10m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "3d", "7d", "14d", "30d", "60d", "90d", "180d")

WRITTEN = ("kind", "map", "unit", "order", "steps", "within", "breakdown", "period", "now", "traffic")
"""Keys of a funnel the sentence can say; the others travel along as they are."""


def step_code(step: Mapping[str, Any]) -> str:
    """A step as the value of a control: `step:cart`, `event:Order Completed`, else its JSON."""
    if set(step) == {"step"} and isinstance(step["step"], str):
        return f"step:{step['step']}"
    if set(step) == {"event"} and isinstance(step["event"], str):
        return f"event:{step['event']}"
    return f"json:{compact(step)}"


def step_of(code: str) -> dict[str, Any]:
    """The step of a control's value; text without a sort is an event's name."""
    sort, colon, rest = code.partition(":")
    if colon and sort in ("step", "event"):
        return {sort: rest}
    if colon and sort == "json":
        return document(rest)
    return {"event": code}


def question_of(params: QueryParams) -> dict[str, Any] | None:
    """The funnel an address asks for, by its controls, else by its `question`; None if it asks for none."""
    codes = [code for code in params.getlist("step") if code.strip()][:STEPS]
    if not codes:
        return document(params["question"]) if params.get("question") else None
    drop = params.get("drop", "")
    if drop.isdigit() and len(codes) > 2 and int(drop) < len(codes):
        del codes[int(drop)]
    question: dict[str, Any] = document(params["extra"]) if params.get("extra") else {}
    question["kind"] = "funnel"
    unit, _colon, of = params.get("unit", "customers").partition(":")
    named = of or params.get("map", "")
    if named:
        question["map"] = named
    question["unit"] = unit
    question["steps"] = [step_of(code) for code in codes]
    for key, usual in (("order", "ordered"), ("within", ""), ("breakdown", "")):
        value = params.get(key, usual).strip()
        if value and value != usual:
            question[key] = value
    if "breakdown" not in question:
        question.pop("breakdown_step", None)
    return Period.of(params).put(question)


def sayable(question: Mapping[str, Any]) -> bool:
    """Whether the sentence can show a question at all, right or wrong."""
    steps = question.get("steps")
    return (
        question.get("kind") == "funnel"
        and isinstance(steps, list)
        and bool(steps)
        and all(isinstance(step, dict) for step in steps)
        and all(
            isinstance(question.get(key, ""), str | None) for key in ("map", "unit", "order", "breakdown")
        )
        and isinstance(question.get("period"), dict | None)
    )


def undivided(question: Mapping[str, Any]) -> dict[str, Any]:
    """The same question about all together."""
    return {k: v for k, v in question.items() if k not in ("breakdown", "breakdown_step")}


def with_period(question: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The same question about another period, as seen at the same moment."""
    kept = {key: str(question[key]) for key in ("now", "traffic") if question.get(key)}
    return Period({**values, **kept}).put(question)


def windows(current: object) -> list[Any]:
    """Ready windows, and the one asked for wherever it is none of them."""
    return [*([current] if current and current not in WINDOWS else []), *WINDOWS]


def table_rows(
    step: Mapping[str, Any], question: Mapping[str, Any], whole: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of one step in the table: all together, then each value of the breakdown."""
    index = step["index"]
    rows = [(step["name"], step["whole"], whole, {"step": index}, "lead")]
    for value, rung in step["parts"][:TABLED]:
        rows.append((funnel.value_name(value), rung, question, {"step": index, "breakdown": value}, "part"))
    return rows


def usual(site: Site) -> dict[str, Any] | None:
    """The question a fresh page shows: the first map's way to its goal, by its busiest step per stage."""
    maps = site.workspace.maps()
    if site.workspace.snapshot().last_time is None:
        return None
    if not maps:
        names = [str(name) for name in site.workspace.snapshot().names[:3]]
        steps = [{"event": name} for name in names]
        return {"kind": "funnel", "unit": "customers", "steps": steps} if steps else None
    named = maps[0]["id"]
    map_document = site.workspace.map(named)
    rows = {row["step"]: row["journeys"] for row in site.answers.ask({"kind": "map", "map": named}).rows}
    goal = map_document.goal[0]
    chosen = []
    for stage in map_document.stages:
        ids = [step.id for step in stage.steps if step.rule is not None]
        if goal in ids:
            before = ids[: ids.index(goal)]
            chosen += [id for id in before if rows.get(id)][:2]
            break
        busiest = max(ids, key=lambda id: rows.get(id, 0), default=None)
        if busiest is not None and rows.get(busiest):
            chosen.append(busiest)
    steps = [{"step": id} for id in [*chosen[-4:], goal]]
    return {"kind": "funnel", "map": named, "unit": "journeys", "steps": steps}


def address(question: Mapping[str, Any]) -> str:
    """The shortest address of a funnel, as the page shows it in the browser."""
    steps = [("step", step_code(step)) for step in question.get("steps", [])]
    extra = {key: value for key, value in question.items() if key not in WRITTEN}
    unit = str(question.get("unit", "customers"))
    if unit == "journeys":
        unit += f":{question.get('map')}"
    plain = {key: value for key in ("within", "breakdown") if isinstance(value := question.get(key), str)}
    order = question.get("order", "ordered")
    if not isinstance(question.get("within", ""), str):
        extra["within"] = question["within"]
    return link(
        "/explore",
        *steps,
        unit=unit,
        map=question.get("map") if unit == "customers" else None,
        order=None if order == "ordered" else order,
        extra=extra or None,
        **plain,
        **Period.of_question(question).values,
    )


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def asked(params: QueryParams) -> dict[str, Any] | None:
        question = question_of(params)
        if question is None and (question := usual(site)) is not None:
            question = Period.of(params).put(question)
        if question is not None and params.get("add"):
            question = {**question, "steps": [*question["steps"], question["steps"][-1]]}
        return question

    def suggestions(question: Mapping[str, Any]) -> dict[str, Any]:
        """What the controls offer: the map's steps, event names, properties."""
        snapshot = ws.snapshot()
        at = places(ws, question)
        maps = ws.maps()
        if not at and maps:
            at = places(ws, {"map": maps[0]["id"]})
        properties = sorted(
            snapshot.properties.items(), key=lambda item: (-getattr(item[1], "events", 0), item[0])
        )
        return {
            "at": at,
            "maps": maps,
            "map_steps": [(f"step:{id}", entry["name"]) for id, entry in at.items()],
            "events": [(f"event:{name}", name) for name in sorted(snapshot.names)[:SUGGESTED]],
            "properties": [(name, property_name(name)) for name, _info in properties[:SUGGESTED]],
        }

    def show(request: Request) -> Page:
        question = asked(request.query_params)
        if question is None:
            return Page("explore_empty.html", {"question": None}, {}, _("No events yet"))
        if not sayable(question):
            # Whoever answers it says best what is wrong with it.
            site.answers.ask(question)
            raise QuestionError(_("That is no funnel."), hint=_("Other kinds are asked for over the API."))
        offered = suggestions(question)
        view: dict[str, Any] = {
            "question": question,
            "codes": [step_code(step) for step in question.get("steps", []) if isinstance(step, dict)],
            "names": [step_name(step, offered["at"]) for step in question.get("steps", [])],
            "offered": offered,
            "period": Period.of_question(question),
            "extra": {key: value for key, value in question.items() if key not in WRITTEN},
            "address": address(question),
            "python": python_of(question),
            "problem": None,
            "unit": question.get("unit", "customers"),
            "order": question.get("order", "ordered"),
            "within": question.get("within"),
            "breakdown": question.get("breakdown"),
            "breakdown_name": property_name(str(question.get("breakdown", ""))),
            "map_id": named if isinstance(named := question.get("map"), str) else None,
            "windows": windows(question.get("within")),
            "address_with": lambda values: address(with_period(question, values)),
            "question_whole": (asked_whole := undivided(question)),
            "people_of": lambda rows, field: link(
                "/people", ("question", asked_whole), *(("row", row) for row in rows), ("field", field)
            ),
            "table_rows": lambda step: table_rows(step, question, asked_whole),
        }
        try:
            whole = site.answers.ask(asked_whole)
            split = site.answers.ask(question) if question.get("breakdown") else None
        except PeriplusError as problem:
            # The sentence stays, so that the word that is wrong can be mended where it stands.
            view |= {"problem": problem, "periods": []}
            return Page("explore.html", problem.to_dict(), view, problem.message, 400)
        figures = funnel.figures(question, whole.rows, split.rows if split else [], offered["at"])
        answer = split or whole
        view |= {
            "answer": answer,
            "periods": presets(whole.now),
            "counted": units_name(question),
            "switch": of_answer(
                whole.totals,
                question,
                lambda to: address(Period.of_question(question).with_traffic(to).put(question)),
            ),
            **figures,
        }
        data = {
            "question": question,
            "title": (said := funnel.title(question, figures["steps"])),
            "answer": answer.to_dict(),
            "whole": whole.to_dict(),
        }
        return Page("explore.html", data, view, said, headers={"HX-Push-Url": view["address"]})

    add_page(router, "/explore", show, name="explore")

    @router.get("/explore.csv", include_in_schema=False)
    def table(request: Request) -> Response:
        question = asked(request.query_params)
        rows = site.answers.ask(question).rows if question else []
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]) if rows else ["step"])
        writer.writeheader()
        writer.writerows(rows)
        headers = {"Content-Disposition": 'attachment; filename="funnel.csv"'}
        return Response(out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def python_of(question: Mapping[str, Any]) -> str:
    """The same question as a few lines of Python."""
    written = pformat(dict(question), width=88, sort_dicts=False)
    lines = [
        "import periplus",
        "",
        'ws = periplus.open(".")',
        f"answer = ws.ask(\n{indent(written, '    ')}\n)",
        "",
    ]
    return "\n".join(lines)
