"""Reading what a condition says of the customer, and of the moment it is read as of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any as Anything
from typing import ClassVar

from periplus import clock
from periplus.condition.customer import (
    MEASURES,
    MOMENTS,
    Amount,
    Answered,
    CustomerPart,
    Did,
    Moment,
    Near,
    Segment,
    Trait,
)
from periplus.condition.parse import MAX_NODES, EventReader, full_path, misspelt, short, wrong
from periplus.condition.times import HINT, RELATIVE
from periplus.condition.tree import (
    CUSTOMER_KEYS,
    OPERATORS,
    All,
    Any,
    Compare,
    Node,
    Not,
    Test,
    both,
    deep,
    key_order,
    nodes,
    speaks_of_customer,
)
from periplus.errors import PeriplusError
from periplus.event import join_path, split_path

NUMERIC = tuple(name for name, operator in OPERATORS.items() if "number" in operator.kinds)
EVENT_KEYS = tuple(key for key in key_order() if key not in (*CUSTOMER_KEYS, "as_of"))
NEAR_KEYS = (*EVENT_KEYS, "within")
DID_KEYS = (*EVENT_KEYS, "count", "within", "between", *MEASURES, "first", "last", "before", "after", "as_of")


def parse(document: Mapping[str, Anything], at: str) -> Node:
    """The tree of a document; `at` says where the document stands, for the messages."""
    tree = Reader().condition(document, at, 1)
    weights = [len(node.tests) if isinstance(node, Compare) else 1 for node in deep(tree)]
    if sum(weights) > MAX_NODES:
        raise wrong(at, f"the condition has more than {MAX_NODES} parts.", "Use `in` with a list of values.")
    return tree


def check_of_customers(tree: Node, at: str) -> None:
    """Raise QuestionError where a part speaks of a single event: there is none, only a customer."""
    for node in nodes(tree):
        if not isinstance(node, All | Any | Not | CustomerPart):
            raise wrong(
                at,
                "this speaks of an event, and a customer is meant.",
                "Say what the customer did: {did: {event: Order Completed}}.",
            )


@dataclass
class Reader(EventReader):
    """Reads a whole condition. `as_of` is the moment said last on the way in; `inside` the part of an event
    that is being read, where nothing can be said of the customer."""

    as_of: Moment | None = None
    inside: str = ""

    def parts(self, document: Mapping[Anything, object], at: str, depth: int) -> list[Node]:
        said = [key for key in (*CUSTOMER_KEYS, "as_of") if key in document]
        if said and self.inside:
            raise wrong(
                at,
                f"{said[0]!r} speaks of the customer, and `{self.inside}` describes an event.",
                "Describe it with `event` and `where`, and combine the two with `all`.",
            )
        outer = self.as_of
        if "as_of" in document:
            self.as_of = self.moment(document["as_of"], f"{at}.as_of")
        found = super().parts({key: each for key, each in document.items() if key != "as_of"}, at, depth)
        self.as_of = outer
        if "as_of" in document and not any(speaks_of_customer(part) for part in found):
            raise wrong(
                f"{at}.as_of",
                "there is nothing about the customer here that could be read as of a moment.",
                "Put `as_of` beside `did`, `trait` or `segment`.",
            )
        return found

    def moment(self, value: object, at: str) -> Moment:
        for moment in MOMENTS:
            if moment == value:
                return moment
        raise misspelt(at, "moment", value, MOMENTS)

    # -- what the customer did ----------------------------------------------------------------------

    def did(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, Mapping):
            raise wrong(
                at,
                f"this is an object, not {short(value)}.",
                "Write {event: Order Completed, count: {gte: 2}}.",
            )
        for key in value:
            if key not in (*DID_KEYS, *CUSTOMER_KEYS):
                raise misspelt(at, "key", key, DID_KEYS)
        since, until = (
            self.between(value["between"], f"{at}.between", self.time) if "between" in value else (None, None)
        )
        amounts: list[Amount] = []
        for measure in MEASURES:
            if measure in value:
                amounts += self.amounts(measure, value[measure], f"{at}.{measure}")
        return [
            Did(
                event=self.an_event(value, at, depth, "did"),
                count=self.numbers(value["count"], f"{at}.count") if "count" in value else (),
                within=self.duration(value["within"], f"{at}.within") if "within" in value else None,
                since=since,
                until=until,
                amounts=tuple(amounts),
                first=self.such(value, "first", at, depth),
                last=self.such(value, "last", at, depth),
                before=self.near(value, "before", at, depth),
                after=self.near(value, "after", at, depth),
                as_of=self.moment(value["as_of"], f"{at}.as_of") if "as_of" in value else self.as_of,
            )
        ]

    def did_not(self, value: object, at: str, depth: int) -> list[Node]:
        return [Not(part) for part in self.did(value, at, depth)]

    def an_event(self, value: Mapping[Anything, object], at: str, depth: int, inside: str) -> Node:
        """The condition on an event that stands among the other keys of a part."""
        outer, self.inside = self.inside, inside
        described = {key: each for key, each in value.items() if key in key_order() and key != "as_of"}
        tree = self.condition(described, at, depth + 1)
        self.inside = outer
        return tree

    def such(self, value: Mapping[Anything, object], key: str, at: str, depth: int) -> Node | None:
        return self.tested(value[key], f"{at}.{key}", depth) if key in value else None

    def tested(self, value: object, at: str, depth: int) -> Node:
        """Tests of properties, each named once."""
        found = self.where(value, at, depth)
        if not found:
            raise wrong(at, "nothing is asked of it.", "Write {total: {gte: 100}}.")
        assert isinstance(value, Mapping)
        self.once([full_path(name, at) for name in value], at)
        return both(found)

    @staticmethod
    def once(paths: list[str], at: str) -> None:
        for path in paths:
            if paths.count(path) > 1:
                raise wrong(at, f"{path!r} is asked for twice.", "Put the operators of a property together.")

    def near(self, value: Mapping[Anything, object], key: str, at: str, depth: int) -> Near | None:
        if key not in value:
            return None
        place, near = f"{at}.{key}", value[key]
        if not isinstance(near, Mapping) or not near:
            raise wrong(
                place, f"this describes another event, not {short(near)}.", "Write {event: Ticket Opened}."
            )
        for each in near:
            if each not in (*NEAR_KEYS, *CUSTOMER_KEYS):
                raise misspelt(place, "key", each, NEAR_KEYS)
        within = self.duration(near["within"], f"{place}.within") if "within" in near else None
        return Near(self.an_event(near, place, depth, key), within)

    def numbers(self, value: object, at: str) -> tuple[Test, ...]:
        """Tests of a number: a bare one means equal."""
        if not isinstance(value, Mapping):
            value = {"eq": value}
        for operator in value:
            if operator not in NUMERIC:
                raise misspelt(at, "operator", operator, NUMERIC)
        if not value:
            raise wrong(at, "nothing is asked of this number.", "Write an operator such as {gte: 2}.")
        tests = self.tests(value, at)
        for test in tests:
            for operand in test.operands:
                if operand.kind != "number" or abs(float(operand.value)) > 2**53:
                    raise wrong(
                        at, f"{short(operand.value)} is no number to compare with.", "Write {gte: 2}."
                    )
        return tests

    def amounts(self, measure: Anything, value: object, at: str) -> list[Amount]:
        if not isinstance(value, Mapping) or not value:
            raise wrong(
                at, f"this is an object of properties, not {short(value)}.", "Write {total: {gte: 100}}."
            )
        found = [
            Amount(measure, full_path(name, at), self.numbers(asked, f"{at}.{name}"))
            for name, asked in value.items()
        ]
        self.once([amount.path for amount in found], at)
        return found

    def time(self, value: object, at: str) -> str:
        hint = HINT
        text = value.isoformat() if isinstance(value, date) else value
        if not isinstance(text, str) or len(text) > 60:
            raise wrong(at, f"{short(value)} is no time.", hint)
        try:
            clock.instant(text, clock.zone("UTC"))
        except PeriplusError:
            raise wrong(at, f"{short(value)} is no time.", hint) from None
        return text

    # -- what is known of the customer --------------------------------------------------------------

    def trait(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, Mapping) or not value:
            raise wrong(at, f"this is an object of traits, not {short(value)}.", "Write {country: GR}.")
        found: list[Node] = []
        for name, asked in value.items():
            full_path(name, at)  # says what is wrong with a name
            keys = split_path(str(name))
            keys = keys[1:] if keys[0] == "traits" and len(keys) > 1 else keys
            path = join_path(("traits", *keys))
            said = self.property(path, asked, f"{at}.{name}")
            _of_no_event(said, f"{at}.{name}")
            found += [Trait(each, self.as_of) for each in said]
        return found

    def segment(self, value: object, at: str, depth: int) -> list[Node]:
        return [Segment(self.names(value, at), self.as_of)]

    def answered(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, Mapping) or not isinstance(value.get("survey"), str) or not value["survey"]:
            raise wrong(at, "an answer belongs to a survey.", "Write {survey: nps, score: {lte: 6}}.")
        asked = {key: each for key, each in value.items() if key != "survey"}
        said = self.tested(asked, at, depth) if asked else None
        _of_no_event([] if said is None else [said], at)
        (survey,) = self.names(value["survey"], f"{at}.survey")
        return [Answered(survey, said, self.as_of)]

    READ: ClassVar[dict[str, str]] = EventReader.READ | {key: key for key in CUSTOMER_KEYS}


def _of_no_event(said: list[Node], at: str) -> None:
    """Raise QuestionError where a value is compared with the time of an event, and none is meant."""
    for part in said:
        for node in nodes(part):
            if isinstance(node, Compare):
                for test in node.tests:
                    if test.operator in RELATIVE:
                        raise wrong(
                            at,
                            f"{test.operator!r} is counted from the time of an event, and here is none.",
                            "Compare it with dates: {before: 2026-07-01}, {after: …} or {between: {from: …, to: …}}.",
                        )
