"""The flow of a map as a table: what leaves each step, and where it goes; it adds up step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request

from periplus.web.asking import places
from periplus.web.page import Page, add_page
from periplus.web.period import Period, by_names, presets
from periplus.web.places import ends
from periplus.web.site import Site
from periplus.web.traffic import of_answer
from periplus.web.words import _


def leaving(rows: Sequence[Mapping[str, Any]], at: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a flow by their source, in the order of the map, each with the sum its rows add up to."""
    sources = {row["source"] for row in rows}
    found = []
    for source in [end for end in ("(start)", *at) if end in sources]:
        own = sorted((row for row in rows if row["source"] == source), key=lambda row: -int(row["visits"]))
        found.append({"source": source, "visits": sum(row["visits"] for row in own), "rows": own})
    return found


def title(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str], at: Mapping[str, Any]) -> str:
    between = [row for row in rows if row["source"] in at and row["target"] in at]
    if not between:
        return _("No journeys in this period yet")
    most = max(between, key=lambda row: int(row["visits"]))
    return _("The most used way goes from {a} to {b}").format(
        a=names[most["source"]], b=names[most["target"]]
    )


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        maps = ws.maps()
        if not maps or ws.snapshot().last_time is None:
            return Page("explore_empty.html", {"question": None}, {}, _("No events yet"))
        named = request.query_params.get("map") or maps[0]["id"]
        period = Period.of(request.query_params)
        question = period.put({"kind": "flow", "map": named})
        answer = site.answers.ask(question)
        at = places(ws, question)
        names = {**ends(), **{id: str(entry["name"]) for id, entry in at.items()}}
        view = {
            "question": question,
            "groups": leaving(answer.rows, at),
            "names": names,
            "at": at,
            "answer": answer,
            "period": period,
            "periods": presets(answer.now),
            "map_id": named,
            "by_names": by_names(),
            "switch": of_answer(
                answer.totals,
                question,
                lambda to: period.with_traffic(to).link("/explore/flow", map=request.query_params.get("map")),
            ),
        }
        said = title(answer.rows, names, at)
        return Page(
            "flow.html", {"question": question, "title": said, "answer": answer.to_dict()}, view, said
        )

    add_page(router, "/explore/flow", show, name="flow")
