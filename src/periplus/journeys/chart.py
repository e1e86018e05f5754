"""Charts of answers with Altair: bars of a funnel, and tables whose cells show their size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from periplus.question import Answer, Row


def funnel(answer: Answer) -> Any:
    """Bars per step: reached, and of those who are gone, stopped and still open; facets by breakdown."""
    import altair

    values = [
        {
            "order": row["step"],
            "step": f"{row['step'] + 1}. {row['label']}",
            "breakdown": "none" if row["breakdown"] is None else str(row["breakdown"]),
            "count": row[field],
            "of": field,
            "place": place,
        }
        for row in answer.rows
        for place, field in enumerate(("reached", "open", "stopped"))
    ]
    drawn = (
        altair.Chart({"values": values})
        .mark_bar()
        .encode(
            x=altair.X("step:N", sort=altair.SortField("order"), title=None),
            xOffset=altair.XOffset("of:N", sort=["reached", "open", "stopped"]),
            y=altair.Y(
                "count:Q", title="customers" if answer.question.get("unit") != "journeys" else "journeys"
            ),
            color=altair.Color("of:N", sort=["reached", "open", "stopped"], title=None),
            tooltip=["step:N", "of:N", "count:Q"],
        )
    )
    if answer.question.get("breakdown"):
        drawn = drawn.facet(row=altair.Row("breakdown:N", title=answer.question["breakdown"]))
    return drawn


def table(answer: Answer, keys: Sequence[str], fields: Sequence[str]) -> Any:
    """The rows as a table of numbers, each cell shaded by its size within its column."""
    import altair

    names = [" · ".join(str(row[key]) for key in keys) for row in answer.rows]
    values = [
        {"row": name, "order": place, "field": field, "count": row[field]}
        for place, (name, row) in enumerate(zip(names, answer.rows, strict=True))
        for field in fields
    ]
    greatest = {field: max((row[field] or 0 for row in answer.rows), default=0) for field in fields}
    for value in values:
        value["share"] = (value["count"] or 0) / (greatest[value["field"]] or 1)
    base = altair.Chart({"values": values}).encode(
        x=altair.X("field:N", sort=list(fields), title=None, axis=altair.Axis(orient="top", labelAngle=0)),
        y=altair.Y("row:N", sort=altair.SortField("order"), title=None),
    )
    cells = base.mark_rect().encode(
        color=altair.Color("share:Q", scale=altair.Scale(scheme="blues", domain=[0, 1]), legend=None)
    )
    ink = altair.condition("datum.share > 0.6", altair.value("white"), altair.value("black"))
    return cells + base.mark_text().encode(text=altair.Text("count:Q", format=","), color=ink)


def stacked(answer: Answer, over: str, by: str, field: str, order: Sequence[str]) -> Any:
    """Bars over time, one part per value of `by`."""
    import altair

    drawn = altair.Chart({"values": answer.rows})
    return drawn.mark_bar().encode(
        x=altair.X(f"{over}:O", title=None),
        y=altair.Y(f"{field}:Q"),
        color=altair.Color(f"{by}:N", sort=list(order), title=None),
        tooltip=[f"{over}:O", f"{by}:N", f"{field}:Q"],
    )


def lines(answer: Answer, over: str, by: str, field: str) -> Any:
    """A line over time per value of `by`."""
    import altair

    drawn = altair.Chart({"values": answer.rows})
    return drawn.mark_line(point=True).encode(
        x=altair.X(f"{over}:O", title=None),
        y=altair.Y(f"{field}:Q", title=None),
        color=altair.Color(f"{by}:N", title=None),
        tooltip=[f"{over}:O", f"{by}:N", f"{field}:Q"],
    )


def intervals(rows: Sequence[Row], keys: Sequence[str], middle: str, low: str, high: str) -> Any:
    """A point with its interval per row, on a logarithmic scale; beside 1 there is no difference."""
    import altair

    values = [
        {
            "row": " · ".join(str(row[key]) for key in keys),
            "order": place,
            middle: row[middle],
            low: row[low],
            high: row[high],
        }
        for place, row in enumerate(rows)
    ]
    base = altair.Chart({"values": values}).encode(
        y=altair.Y("row:N", sort=altair.SortField("order"), title=None)
    )
    scale = altair.Scale(type="log")
    line = base.mark_rule().encode(x=altair.X(f"{low}:Q", scale=scale, title=middle), x2=f"{high}:Q")
    point = base.mark_point(filled=True).encode(
        x=altair.X(f"{middle}:Q", scale=scale), tooltip=["row:N", f"{middle}:Q", f"{low}:Q", f"{high}:Q"]
    )
    one = (
        altair.Chart({"values": [{"at": 1}]})
        .mark_rule(strokeDash=[4, 4])
        .encode(x=altair.X("at:Q", scale=scale))
    )
    return one + line + point
