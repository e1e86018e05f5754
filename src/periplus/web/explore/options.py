"""Controls of the options that few questions need; most stand in the folded part under the sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from starlette.datastructures import QueryParams

from periplus.web.asking import property_name
from periplus.web.explore.controls import LONGEST, WINDOWS, OfOneKey, Pairs, Part, Said, text, window_name
from periplus.web.explore.offered import Offered
from periplus.web.page import compact
from periplus.web.words import _, ngettext

Groups = Sequence[tuple[str, Sequence[tuple[str, str]]]]
"""Options in groups: the heading (empty: none) and the values with their names."""


def encoded(value: Any) -> str:
    """A value of a question as the value of a control: texts as they are, all else as JSON."""
    return value if isinstance(value, str) else compact(value)


def decoded(written: str) -> Any:
    """The value that a control's value says; what is no JSON is a text."""
    if written[:1] not in tuple('[{"-0123456789tfn'):
        return written
    try:
        return json.loads(written, parse_constant=str)
    except (ValueError, RecursionError):
        return written


@dataclass(frozen=True)
class Coded(OfOneKey):
    """One of several values of any shape: its options are their codes. What has no option is shown as its JSON."""

    key: str
    label: Said
    groups: Callable[[Offered], Groups]
    field: str = ""
    sort: ClassVar[str] = "coded"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        written = text(params, self.field or self.key)
        return {self.key: decoded(written)} if written else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        value = question.get(self.key)
        return [] if value is None else [(self.field or self.key, encoded(value))]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        value = question.get(self.key)
        chosen = "" if value is None else encoded(value)
        groups = [(name, list(listed)) for name, listed in self.groups(offered)]
        if not any(chosen == code for _name, listed in groups for code, _said in listed):
            groups.append(("", [(chosen, chosen)]))
        return {"field": self.field or self.key, "label": self.label(), "groups": groups, "chosen": chosen}


def plainly(options: Mapping[str, str]) -> Groups:
    """Options without groups."""
    return [("", list(options.items()))]


@dataclass(frozen=True)
class Ticked(OfOneKey):
    """Some of many values of any shape, ticked in a sheet; none of them is what the question means without."""

    key: str
    label: Said
    groups: Callable[[Offered], Groups]
    usual: tuple[str, ...] = ()
    none: Said | None = None
    sort: ClassVar[str] = "ticked"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        chosen = tuple(dict.fromkeys(each[:LONGEST] for each in params.getlist(self.key) if each.strip()))
        return {} if chosen in ((), self.usual) else {self.key: [decoded(each) for each in chosen]}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        chosen = self._chosen(question)
        return [] if chosen == self.usual else [(self.key, each) for each in chosen]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        chosen = self._chosen(question)
        groups = [(name, list(listed)) for name, listed in self.groups(offered)]
        known = {code for _name, listed in groups for code, _said in listed}
        if more := [(code, code) for code in chosen if code not in known]:
            groups.append((_("Others"), more))
        names = {code: said for _name, listed in groups for code, said in listed}
        usual = chosen == self.usual
        return {
            "label": self.label(),
            "groups": groups,
            "chosen": chosen,
            "said": self.none() if usual and self.none else ", ".join(names[code] for code in chosen[:3]),
            "left": 0 if usual else max(0, len(chosen) - 3),
        }

    def _chosen(self, question: Mapping[str, Any]) -> tuple[str, ...]:
        value = question.get(self.key)
        return tuple(encoded(each) for each in value) if isinstance(value, list) else self.usual


@dataclass(frozen=True)
class Listed(OfOneKey):
    """Several texts, numbers or spans of numbers, written with commas: `0-1, 1-4` for `[[0, 1], [1, 4]]`."""

    key: str
    label: Said
    example: str
    of: Literal["texts", "numbers", "spans"] = "texts"
    properties: bool = False
    sort: ClassVar[str] = "listed"

    def read(self, params: QueryParams, offered: Offered) -> Part:
        written = text(params, self.key)
        parts = [part.strip() for part in written.split(",") if part.strip()]
        return {self.key: [self._value(part) for part in parts]} if parts else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        return [(self.key, said)] if (said := self._said(question)) else []

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        return {
            "label": self.label(),
            "value": self._said(question),
            "example": self.example,
            "properties": self.properties,
        }

    def _value(self, part: str) -> Any:
        if self.of == "spans":
            return [_number(end) for end in part.split("-", 1)]
        return _number(part) if self.of == "numbers" else part

    def _said(self, question: Mapping[str, Any]) -> str:
        value = question.get(self.key)
        listed = value if isinstance(value, list) else []
        if self.of == "spans":
            return ", ".join("-".join(map(str, each)) for each in listed if isinstance(each, list))
        return ", ".join(map(str, listed))


def _number(written: str) -> Any:
    """A number as it was written; what is none goes on as it is, and the question says what is wrong with it."""
    try:
        number = float(written)
    except ValueError:
        return written
    if number - number != 0:
        return written
    return int(number) if number.is_integer() and "." not in written else number


@dataclass(frozen=True)
class SessionOptions:
    """What ends a session: the silence, midnight, another campaign; each as the workspace has it, or as said here."""

    key: str = "sessions"
    sort: ClassVar[str] = "sessions"
    covers: tuple[str, ...] = ("sessions",)

    def named(self, name: str) -> bool:
        return name in ("gap", "midnight", "campaign")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        found: Part = {}
        if gap := text(params, "gap"):
            found["gap"] = gap
        for name in ("midnight", "campaign"):
            if said := text(params, name):
                found[name] = {"true": True, "false": False}.get(said, said)
        return {"sessions": found} if found else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        asked = question.get("sessions")
        said = asked if isinstance(asked, Mapping) else {}
        return [
            (name, str(value).lower() if isinstance(value, bool) else str(value)[:LONGEST])
            for name in ("gap", "midnight", "campaign")
            if (value := said.get(name)) is not None
        ]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        said = dict(self.pairs(question))
        gaps = {each: window_name(each) for each in ("10m", "30m", "1h", "2h", "12h", "1d")}
        if said.get("gap", "30m") not in gaps:
            gaps[said["gap"]] = said["gap"]
        usual = _("as the workspace has it")
        ends = {"": usual, "true": _("ends one"), "false": _("does not")}
        return {
            "label": _("What ends a session"),
            "choices": [
                ("gap", _("after this silence"), {"": usual, **gaps}, said.get("gap", "")),
                ("midnight", _("midnight"), ends, said.get("midnight", "")),
                ("campaign", _("another campaign"), ends, said.get("campaign", "")),
            ],
        }


def windows() -> dict[str, str]:
    """Times within which something must happen: lengths of time, and numbers of sessions."""
    sessions = {
        compact({"sessions": n}): ngettext("{n} session", "{n} sessions", n).format(n=n) for n in (1, 2, 3)
    }
    return {**{each: window_name(each) for each in WINDOWS}, **sessions}


def within() -> Coded:
    """The window of a funnel in all."""
    return Coded(
        "within",
        lambda: _("Within what time"),
        lambda _offered: plainly({"": _("the time it may take"), **windows()}),
    )


def sums(offered: Offered, none: str) -> Groups:
    """The sum of each property that holds numbers, or none of them."""
    numbers = [
        path.removeprefix("properties.")
        for path, info in offered.paths.items()
        if info.kind in ("BIGINT", "DOUBLE")
    ]
    listed = [(compact({"sum": name}), _("the sum of {name}").format(name=name)) for name in numbers]
    return [("", [("", none), *listed])]


def attempts() -> Coded:
    """Whether each customer's best attempt counts, or every one."""
    return Coded(
        "attempts",
        lambda: _("Which attempts count"),
        lambda _offered: plainly(
            {"": _("the one that gets furthest"), "every": _("every one, one after the other")}
        ),
    )


def hold() -> Listed:
    """The properties that all steps must share."""
    return Listed("hold", lambda: _("What stays the same at all steps"), "cart_id", properties=True)


def among() -> Coded:
    """The customers that count: all, those in a segment or not, those who did something before or had not."""

    def groups(offered: Offered) -> Groups:
        segments = [
            (compact(document), said.format(name=name))
            for name in offered.segments
            for document, said in (
                ({"segment": name}, _("those in {name}")),
                ({"not": {"segment": name}}, _("those not in {name}")),
            )
        ]
        names = [code.removeprefix("event:") for code, _name in offered.event_codes]
        return [
            ("", [("", _("all customers"))]),
            *([(_("Segments"), segments)] if segments else []),
            *([(_("Traits"), traits)] if (traits := _traits(offered)) else []),
            (
                _("Who had done it before"),
                [(compact({"did": {"event": name}}), _("who did {event}").format(event=name)) for name in names],
            ),
            (
                _("Who had not done it before"),
                [
                    (compact({"did_not": {"event": name}}), _("who never did {event}").format(event=name))
                    for name in names
                ],
            ),
        ]  # fmt: skip

    return Coded("customers", lambda: _("Of which customers"), groups)


def _traits(offered: Offered) -> list[tuple[str, str]]:
    """Traits with the values they often have, as conditions on customers."""
    return [
        (
            compact({"trait": {path.removeprefix("traits."): value}}),
            _("{name} is {value}").format(name=property_name(path), value=value),
        )
        for path, info in offered.paths.items()
        if path.startswith("traits.")
        for value in info.values[:8]
    ][:80]


def zones() -> Coded:
    """The zone whose days are meant."""

    def groups(_offered: Offered) -> Groups:
        return [
            ("", [("", _("as the workspace has it")), *((name, name.replace("_", " ")) for name in ZONES)])
        ]

    return Coded("zone", lambda: _("Days and weeks of which place"), groups)


ZONES = (
    "UTC", "Europe/London", "Europe/Lisbon", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Rome",
    "Europe/Warsaw", "Europe/Athens", "Europe/Bucharest", "Europe/Chisinau", "Europe/Kyiv", "Europe/Moscow",
    "Europe/Istanbul", "Asia/Tehran", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Taipei",
    "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles",
)  # fmt: skip
"""Places that are offered; another one is written in the question as JSON."""


def breakdown(*, sessions: bool = False, events: bool = True) -> Coded:
    """What splits an answer: a property of the event, a trait or segment of the customer, what is said of the session."""

    def groups(offered: Offered) -> Groups:
        traits = [(path, name) for path, name in offered.properties if path.startswith("traits.")]
        others = [(path, name) for path, name in offered.properties if not path.startswith("traits.")]
        segments = [(f"segment.{name}", _("in {name} or not").format(name=name)) for name in offered.segments]
        return [
            ("", [("", _("nothing"))]),
            *([(_("Segments"), segments)] if segments else []),
            *([(_("Properties"), others)] if events else []),
            *([(_("Traits"), traits)] if traits else []),
            *([(_("The session"), list(session_values().items()))] if sessions else []),
        ]

    return Coded("breakdown", lambda: _("Split by what"), groups)


def session_values() -> dict[str, str]:
    """What is said of sessions, as one says it after "split by"."""
    return {
        "session.landing": _("page it landed on"),
        "session.exit": _("page it ended on"),
        "session.source": _("source of the session"),
        "session.campaign": _("campaign of the session"),
        "session.referrer": _("site that linked here"),
        "session.channel": _("channel of the session"),
        "session.device": _("device of the session"),
        "session.length": _("length of the session"),
        "session.bounced": _("whether it bounced"),
        "session.number": _("which of their sessions it is"),
    }
