"""The controls of a sentence: each speaks one part of a question, out of an address and back into one.

A control has a `key` (its slot in the sentence), a `sort` (the macro that draws it) and what it `covers` of the
question. `read` gives the part of the question that an address says, without what is at its default; `pairs`
are the fields of an address that say it; `view` is what drawing it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from starlette.datastructures import QueryParams

from periplus.web.explore.offered import Offered
from periplus.web.period import KEYS, Period, by_names, presets
from periplus.web.words import _, ngettext

Said = Callable[[], str]
"""A sentence, said in the language of the request."""
Part = dict[str, Any]
Pairs = list[tuple[str, str]]

WINDOWS = ("10m", "30m", "1h", "2h", "6h", "12h", "1d", "2d", "3d", "7d", "14d", "30d", "60d", "90d", "180d")
LONGEST = 4000
"""Characters of one field; longer ones are cut, and the question then says what is wrong."""


class Control(Protocol):
    """One part of a question, in a sentence."""

    @property
    def key(self) -> str: ...
    @property
    def sort(self) -> str: ...
    @property
    def covers(self) -> tuple[str, ...]: ...
    def named(self, name: str) -> bool:
        """Whether a field of an address belongs to it."""

    def read(self, params: QueryParams, offered: Offered) -> Part: ...
    def pairs(self, question: Mapping[str, Any]) -> Pairs: ...
    def view(self, question: Mapping[str, Any], offered: Offered) -> Part: ...


class OfOneKey:
    """What the controls of one key of a question share: their field of an address is called like it, or `field`."""

    key: str
    field: str = ""

    @property
    def covers(self) -> tuple[str, ...]:
        return (self.key,)

    def named(self, name: str) -> bool:
        return name == (self.field or self.key)


def text(params: QueryParams, name: str) -> str:
    return params.get(name, "").strip()[:LONGEST]


@dataclass(frozen=True)
class Choice(OfOneKey):
    """One of several words; `usual` is what the question means where it says nothing. `whole`: numbers.

    `field` is its name in an address, where the key is taken by the period.
    """

    key: str
    label: Said
    options: Callable[[Offered], Mapping[str, str]]
    usual: str = ""
    whole: bool = False
    field: str = ""
    sort: ClassVar[str] = "choice"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        value = text(params, self.field or self.key)
        if value in ("", self.usual):
            return {}
        return {self.key: int(value) if self.whole and value.isascii() and value.isdigit() else value}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        value = question.get(self.key)
        return [] if value is None or str(value) == self.usual else [(self.field or self.key, str(value))]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        options = dict(self.options(offered))
        value = question.get(self.key)
        chosen = self.usual if value is None else str(value)
        if chosen not in options:
            options = {chosen: chosen, **options}
        return {"field": self.field or self.key, "label": self.label(), "options": options, "chosen": chosen}


def window(key: str, label: Said, usual: str, none: Said | None = None) -> Choice:
    """A length of time out of ready ones; `none` is how leaving it out is said."""

    def options(_offered: Offered) -> Mapping[str, str]:
        return {**({"": none()} if none else {}), **{each: window_name(each) for each in WINDOWS}}

    return Choice(key, label, options, usual)


def window_name(written: str) -> str:
    """A length of time in words: `30 days` for `30d`."""
    n = int(written[:-1])
    said = {
        "m": ngettext("{n} minute", "{n} minutes", n),
        "h": ngettext("{n} hour", "{n} hours", n),
        "d": ngettext("{n} day", "{n} days", n),
    }[written[-1]]
    return said.format(n=n)


def property_choice(key: str, label: Said, none: Said | None = None, usual: str = "") -> Choice:
    """A property of the events; `none` is how leaving it out is said."""

    def options(offered: Offered) -> Mapping[str, str]:
        return {**({"": none()} if none else {}), **dict(offered.properties)}

    return Choice(key, label, options, usual)


@dataclass(frozen=True)
class Number(OfOneKey):
    """A whole number between two bounds."""

    key: str
    label: Said
    usual: int
    least: int
    most: int
    sort: ClassVar[str] = "number"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        value = text(params, self.key)
        if not value or value == str(self.usual):
            return {}
        # What is no number goes on as it is: the question says what is wrong with it.
        return {self.key: int(value) if value.isascii() and value.isdigit() and len(value) < 10 else value}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        value = question.get(self.key)
        return [] if value in (None, self.usual) else [(self.key, str(value))]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        value = question.get(self.key)
        return {
            "label": self.label(),
            "value": self.usual if value is None else value,
            "least": self.least,
            "most": self.most,
        }


@dataclass(frozen=True)
class Written(OfOneKey):
    """A text that is written by hand; `words` are those that may stand in it."""

    key: str
    label: Said
    words: Callable[[Offered], list[tuple[str, str]]]
    sort: ClassVar[str] = "written"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        value = text(params, self.key)
        return {self.key: value} if value else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        value = question.get(self.key)
        return [] if value is None else [(self.key, str(value))]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        value = question.get(self.key)
        return {
            "label": self.label(),
            "value": "" if value is None else str(value),
            "words": self.words(offered),
        }


@dataclass(frozen=True)
class Several(OfOneKey):
    """Some of a few values, ticked; `usual` are those meant where nothing is said. `numbers`: of type float."""

    key: str
    label: Said
    options: Callable[[], Mapping[str, str]]
    usual: tuple[str, ...]
    numbers: bool = False
    sort: ClassVar[str] = "several"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        chosen = [value[:LONGEST] for value in params.getlist(self.key) if value.strip()]
        if not chosen or tuple(chosen) == self.usual:
            return {}
        return {self.key: [self._value(each) for each in dict.fromkeys(chosen)]}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        chosen = self._chosen(question)
        return [] if tuple(chosen) == self.usual else [(self.key, each) for each in chosen]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        chosen = self._chosen(question)
        options = dict(self.options())
        options |= {each: each for each in chosen if each not in options}
        return {"label": self.label(), "options": options, "chosen": chosen}

    def _chosen(self, question: Mapping[str, Any]) -> list[str]:
        value = question.get(self.key)
        if not isinstance(value, list):
            return list(self.usual)
        return [f"{each:g}" if isinstance(each, float) else str(each) for each in value]

    def _value(self, written: str) -> Any:
        if not self.numbers:
            return written
        try:
            return float(written)
        except ValueError:
            return written


@dataclass(frozen=True)
class Unit:
    """What is counted: customers, the journeys of a map, where a kind knows them sessions; with it the map, which makes
    its steps known."""

    sessions: bool = False
    key: str = "unit"
    sort: ClassVar[str] = "choice"
    covers: tuple[str, ...] = ("unit", "map")

    def named(self, name: str) -> bool:
        return name == "unit"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        unit, _colon, of = text(params, "unit").partition(":")
        named = of or text(params, "map")
        if (
            not named
            and offered.map is not None
            and any(value.startswith("step:") for _name, value in params.multi_items())
        ):
            named = offered.map["id"]  # its steps are spoken of
        return {**({"map": named} if named else {}), "unit": unit or "customers"}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        unit, named = str(question.get("unit", "customers")), question.get("map")
        if unit == "journeys":
            return [("unit", f"journeys:{named}")]
        return [("unit", unit), *([("map", named)] if isinstance(named, str) else [])]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        options = {"customers": _("customers")}
        for map in offered.maps:
            options[f"journeys:{map['id']}"] = _("journeys on {map}").format(map=map["name"])
        if self.sessions:
            options["sessions"] = _("sessions")
        unit, named = str(question.get("unit", "customers")), question.get("map")
        chosen = f"journeys:{named}" if unit == "journeys" and isinstance(named, str) else unit
        if chosen not in options:
            options[chosen] = unit
        hidden = [("map", named)] if isinstance(named, str) else []
        return {
            "field": "unit",
            "label": _("What is counted"),
            "options": options,
            "chosen": chosen,
            "hidden": hidden,
        }


def map_choice(usual: str = "") -> Choice:
    """The map whose journeys are meant."""
    return Choice("map", lambda: _("Which map"), lambda o: {map["id"]: map["name"] for map in o.maps}, usual)


@dataclass(frozen=True)
class When:
    """The period, the moment it is seen at, and whose traffic; `said` is what lies in the period."""

    said: Said
    by: bool = False
    key: str = "period"
    sort: ClassVar[str] = "when"
    covers: tuple[str, ...] = field(default=("period", "now", "traffic"))

    def named(self, name: str) -> bool:
        return False  # a period alone asks no question: it is put on the usual one

    def read(self, params: QueryParams, offered: Offered) -> Part:
        return Period.of(params).put({})

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        return list(Period.of_question(question).values.items())

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        period = Period.of_question(question)
        values = period.values
        set_ = "from" in values or "to" in values
        when = period.said() if set_ else _("at any time")
        return {
            "label": _("The period"),
            "said": f"{self.said()} {when}",
            "values": {key: values.get(key, "") for key in KEYS},
            "by_names": by_names() if self.by else {},
        }


def with_period(question: Mapping[str, Any], values: Mapping[str, str]) -> Part:
    """The same question about another period, as seen at the same moment."""
    kept = {key: str(question[key]) for key in ("now", "traffic") if question.get(key)}
    return Period({**values, **kept}).put(question)


def ready_periods(now: str | None) -> list[tuple[str, dict[str, str]]]:
    """Periods to choose from, the whole time first."""
    return [(_("all time"), {}), *presets(now)]


def buckets() -> dict[str, str]:
    """The buckets of the calendar, as one says them after "each"."""
    return {
        "hour": _("hour"),
        "day": _("day"),
        "week": _("week"),
        "month": _("month"),
        "quarter": _("quarter"),
        "year": _("year"),
    }


def bucket(usual: str) -> Choice:
    """A bucket of the calendar."""
    return Choice("bucket", lambda: _("How long is each step of time"), lambda _offered: buckets(), usual)
