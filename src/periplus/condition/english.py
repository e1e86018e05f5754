"""The reading aloud: a condition as an English sentence. All its words are in `WORDS`."""

from __future__ import annotations

import json

from periplus import clock
from periplus.condition import times
from periplus.condition.customer import Answered, CustomerPart, Did, Segment, Trait
from periplus.condition.document import bare
from periplus.condition.tree import All, Any, Compare, Exists, Named, Node, Not, Operand, Referred, Test

WORDS = {
    "everything": "any event",
    "where": "{subject} where {clauses}",
    "touchpoint": "an event on the touchpoint {names}",
    "stage": "an event in the stage {names}",
    "is": "it is {subject}",
    "not": "it is not the case that {clause}",
    "anything but": "any event but {subject}",
    "either": "either {clauses}",
    "and": "{first} and {last}",
    "or": "{first} or {last}",
    "group": "({clause})",
    "every": "for every value, {clause}",
    "exists": "{path} is there",
    "missing": "{path} is not there",
    "eq": "{path} is {value}",
    "ne": "{path} is other than {value}",
    "gt": "{path} is more than {value}",
    "gte": "{path} is at least {value}",
    "lt": "{path} is less than {value}",
    "lte": "{path} is at most {value}",
    "in": "{path} is {value}",
    "not_in": "{path} is other than {value}",
    "contains": "{path} contains {value}",
    "starts_with": "{path} starts with {value}",
    "ends_with": "{path} ends with {value}",
    "matches": "{path} matches the pattern {value}",
    "before time": "{path} is before {value}",
    "after time": "{path} is {value} or later",
    "between time": "{path} is from {first} on and before {last}",
    "within time": "{path} is in the {value} before the event",
    "ahead time": "{path} is in the {value} after the event",
    "text": "“{value}”",
    "everybody": "every customer",
    "did": "the customer did {event}",
    "trait": "the customer’s {clause}",
    "segment": "the customer is in the segment {names}",
    "answered": "the customer answered the survey {survey}",
    "answer": "the customer’s last answer to the survey {survey} has {clauses}",
    "eq times": "{value} times",
    "in times": "{value} times",
    "ne times": "other than {value} times",
    "not_in times": "other than {value} times",
    "gt times": "more than {value} times",
    "gte times": "at least {value} times",
    "lt times": "less than {value} times",
    "lte times": "at most {value} times",
    "at most": "at most {time} ",
    "before": "{gap}before {event}",
    "after": "{gap}after {event}",
    "within": "in the last {time}",
    "since": "from {time} on",
    "until": "until {time}",
    "with": "{did}, where {clauses}",
    "sum": "the sum of {path}",
    "mean": "the mean of {path}",
    "min": "the least {path}",
    "max": "the greatest {path}",
    "first": "of the first one {clause}",
    "last": "of the last one {clause}",
    "as of event": "before the event {clause}",
    "as of start": "before the start {clause}",
    "as of now": "as of now {clause}",
}
"""Every template of the sentence, by what it is for; operators by their own names."""


def english(node: Node) -> str:
    """The tree as a phrase that names events: `Product Added where price is at least 10`."""
    match node:
        case All(()):
            return WORDS["everything"]
        case All((Named() | Referred() as first, *others)):
            clauses = _joined("and", [_grouped(part) for part in others])
            return WORDS["where"].format(subject=english(first), clauses=clauses)
        case Named(names):
            return _joined("or", list(names))
        case Referred(kind, names):
            return WORDS[kind].format(names=_joined("or", list(names)))
        case Any(parts) if all(isinstance(part, Named | Referred) for part in parts):
            return _joined("or", [english(part) for part in parts])
        case Not(Named() | Referred() as part):
            return WORDS["anything but"].format(subject=english(part))
        case _:
            return WORDS["where"].format(subject=WORDS["everything"], clauses=_clause(node))


def of_customer(node: Node) -> str:
    """The tree as a clause about a customer: `the customer did Order Completed at least 2 times`."""
    return WORDS["everybody"] if node == All(()) else _clause(node)


def _clause(node: Node) -> str:
    """The tree as a clause about one event, that can follow "where"."""
    match node:
        case All((Named() | Referred(), *_)) | All(()):
            return WORDS["is"].format(subject=english(node))
        case All(parts):
            return _joined("and", [_grouped(part) for part in parts])
        case Any(parts):
            return WORDS["either"].format(clauses=_joined("or", [_grouped(part) for part in parts]))
        case Not(part):
            return WORDS["not"].format(clause=_grouped(part))
        case Exists(path, present):
            return WORDS["exists" if present else "missing"].format(path=bare(path))
        case Compare(path, tests, every):
            clause = _joined("and", [_test(bare(path), test) for test in tests])
            return WORDS["every"].format(clause=clause) if every else clause
        case Did() | Trait() | Segment() | Answered():
            said = _customer(node)
            return said if node.as_of is None else WORDS[f"as of {node.as_of}"].format(clause=said)
        case _:
            return WORDS["is"].format(subject=english(node))


def _customer(node: CustomerPart) -> str:
    """What a part says of the customer, without its moment."""
    match node:
        case Trait(said):
            return WORDS["trait"].format(clause=_clause(said).removeprefix("traits."))
        case Segment(names):
            return WORDS["segment"].format(names=_joined("or", list(names)))
        case Answered(survey, said):
            if said is None:
                return WORDS["answered"].format(survey=survey)
            return WORDS["answer"].format(survey=survey, clauses=_clause(said))
        case Did():
            return _did(node)


def _did(node: Did) -> str:
    """What the customer did: the event, how often, when, then what holds of all these events together."""
    told = [WORDS["did"].format(event=_subject(node.event))]
    if node.count:
        told.append(_joined("and", [_often(test) for test in node.count]))
    for word, near in (("before", node.before), ("after", node.after)):
        if near is not None:
            gap = (
                WORDS["at most"].format(time=clock.duration_text(near.within))
                if near.within is not None
                else ""
            )
            told.append(WORDS[word].format(gap=gap, event=_subject(near.event)))
    if node.within is not None:
        told.append(WORDS["within"].format(time=clock.duration_text(node.within)))
    for word, time in (("since", node.since), ("until", node.until)):
        if time is not None:
            told.append(WORDS[word].format(time=time))
    clauses = [
        _joined(
            "and",
            [_test(WORDS[amount.measure].format(path=bare(amount.path)), test) for test in amount.tests],
        )
        for amount in node.amounts
    ]
    for word, such in (("first", node.first), ("last", node.last)):
        if such is not None:
            clauses.append(WORDS[word].format(clause=_grouped(such)))
    said = " ".join(told)
    return WORDS["with"].format(did=said, clauses=_joined("and", clauses)) if clauses else said


def _subject(node: Node) -> str:
    """An event's phrase, in brackets where it is more than a name."""
    plain = isinstance(node, Named | Referred) or node == All(())
    return english(node) if plain else WORDS["group"].format(clause=english(node))


def _often(test: Test) -> str:
    value = _joined("or", [_value(operand) for operand in test.operands])
    return WORDS[f"{test.operator} times"].format(value=value)


def _grouped(node: Node) -> str:
    """A clause within a longer one: in brackets where it would run into its neighbours."""
    match node:
        case All((_, _, *_)) | Any() | Not():
            return WORDS["group"].format(clause=_clause(node))
        case Compare(_, (_, _, *_)) | Compare(every=True):
            return WORDS["group"].format(clause=_clause(node))
        case _:
            return _clause(node)


def _test(path: str, test: Test) -> str:
    if test.operator in times.OPERATORS:
        return _time(path, test)
    value = _joined("or", [_value(operand) for operand in test.operands])
    return WORDS[test.operator].format(path=path, value=value)


def _time(path: str, test: Test) -> str:
    if test.operator in times.RELATIVE:
        length = clock.duration_text(int(test.operands[0].value))
        return WORDS[f"{test.operator} time"].format(path=path, value=length)
    said = [str(operand.value) for operand in test.operands]
    if test.operator != "between":
        return WORDS[f"{test.operator} time"].format(path=path, value=said[0])
    if not all(said):
        word = "after time" if said[0] else "before time"
        return WORDS[word].format(path=path, value=said[0] or said[1])
    return WORDS["between time"].format(path=path, first=said[0], last=said[1])


def _value(operand: Operand) -> str:
    if operand.kind == "text":
        return WORDS["text"].format(value=operand.value)
    return json.dumps(operand.value)


def _joined(word: str, phrases: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(phrases) == 1:
        return phrases[0]
    return WORDS[word].format(first=", ".join(phrases[:-1]), last=phrases[-1])
