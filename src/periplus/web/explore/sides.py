"""The control of what a funnel is compared with: another time, a segment, a filter, two values of the breakdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.datastructures import QueryParams

from periplus.web.documents import document
from periplus.web.explore import filters
from periplus.web.explore.conditions import rows_in
from periplus.web.explore.controls import LONGEST, Pairs, Part, text
from periplus.web.explore.offered import Offered
from periplus.web.page import compact
from periplus.web.words import _

FIELDS = ("since", "until", "one", "other", "with", "first_side", "second_side")
SEGMENT = "segment:"


@dataclass(frozen=True)
class Compared:
    """`compare` of a funnel: `against` says of what sort, the other fields which."""

    key: str = "compare"
    sort: ClassVar[str] = "compared"
    covers: tuple[str, ...] = ("compare",)

    def named(self, name: str) -> bool:
        return name == "against"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        against = text(params, "against")
        if not against:
            return {}
        if against in ("previous", "year"):
            return {"compare": against}
        if against.startswith("json:"):
            return {"compare": document(against.removeprefix("json:"))}
        said = {name: text(params, f"against.{name}") for name in FIELDS}
        found: Part
        if against == "period":
            ends = {"from": said["since"], "to": said["until"]}
            found = {"period": {key: value for key, value in ends.items() if value}}
        elif against == "values":
            given = [value for value in (said["one"], said["other"]) if value]
            info = offered.info(text(params, "breakdown"))
            # Where none is named yet, the two most frequent ones.
            found = {"values": given or ([] if info is None else list(info.values[:2]))}
        elif against.startswith(SEGMENT):
            found = {"condition": {"segment": against.removeprefix(SEGMENT)}}
            if said["with"]:
                found["with"] = {"segment": said["with"]}
        elif against == "filter":
            rows = rows_in(params, "against")
            found = {"condition": filters.where(rows, lambda path: _kind(offered, path))}
        else:
            return {"compare": against}
        labels = [said["first_side"], said["second_side"]]
        return {"compare": found | ({"labels": labels} if all(labels) else {})}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        against, said, rows = self._said(question.get("compare"))
        found: Pairs = [("against", against)] if against else []
        found += [(f"against.{name}", value) for name, value in said.items() if value]
        for row in rows:
            found += [(f"against.{letter}", value) for letter, value in zip("pov", row, strict=True)]
        return found

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        against, said, rows = self._said(question.get("compare"))
        options = {
            "": _("nothing"),
            "previous": _("the period before"),
            "year": _("the year before"),
            "period": _("another period"),
            "values": _("two values of what splits it"),
            "filter": _("those of a filter, and the rest"),
            **{
                f"{SEGMENT}{name}": _("those in {name}, and the rest").format(name=name)
                for name in offered.segments
            },
        }
        if against not in options:
            options[against] = against.removeprefix("json:")
        info = offered.info(str(question.get("breakdown", "")))
        return {
            "label": _("Beside what"),
            "options": options,
            "chosen": against,
            "said": {name: said.get(name, "") for name in FIELDS},
            "known": [] if info is None else info.values,
            "segments": [name for name in offered.segments if against != f"{SEGMENT}{name}"],
            "name": "against",
            "rows": [*((*row, []) for row in rows), ("", "eq", "", [])],
            "comparisons": filters.comparisons(),
        }

    def _said(self, compare: Any) -> tuple[str, dict[str, str], list[filters.Filter]]:
        """A comparison as the value of `against`, the other fields, and the rows of its filter."""
        if compare is None or isinstance(compare, str):
            return str(compare or ""), {}, []
        if not isinstance(compare, Mapping):
            return f"json:{compact(compare)}", {}, []
        labels = compare.get("labels")
        left = {key: value for key, value in compare.items() if key != "labels"}
        said: dict[str, str] = {}
        if isinstance(labels, list) and len(labels) == 2 and all(isinstance(each, str) for each in labels):
            said = {"first_side": labels[0], "second_side": labels[1]}
        elif labels is not None:
            return f"json:{compact(compare)}", {}, []
        match left:
            case {"period": {**ends}} if len(left) == 1 and set(ends) <= {"from", "to"}:
                said |= {"since": str(ends.get("from", "")), "until": str(ends.get("to", ""))}
                return "period", said, []
            case {"values": [*values]} if len(left) == 1 and all(isinstance(v, str) for v in values):
                said |= dict(zip(("one", "other"), values, strict=False))
                return "values", said, []
            case {"condition": {"segment": str(name), **rest}} if not rest:
                other = left.get("with")
                if other is None:
                    return f"{SEGMENT}{name}", said, []
                if isinstance(other, Mapping) and set(other) == {"segment"}:
                    return f"{SEGMENT}{name}", said | {"with": str(other["segment"])[:LONGEST]}, []
            case {"condition": {**condition}} if len(left) == 1 and not set(condition) - {"where", "all"}:
                rows = filters.rows_of({str(key): value for key, value in condition.items()})
                if rows is not None:
                    return "filter", said, rows
        return f"json:{compact(compare)}", {}, []


def _kind(offered: Offered, path: str) -> str:
    info = offered.info(path)
    return "VARCHAR" if info is None else info.kind
