"""A first mapping for a file that has none: what each column probably is, with the reason why.

It looks at names and at the first rows only, and proposes; the import itself reads by the document.
Ids stay text; what people typed freely is left out, as it may hold personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus.collect import exports, fields, formats
from periplus.collect.found import bare, matches
from periplus.collect.look import Look, look, written
from periplus.collect.mapping import Field_
from periplus.collect.opened import Workbench
from periplus.errors import InputError


@dataclass(frozen=True)
class Guess:
    """What a column becomes (`userId`, `properties.total`, "" where it is left out) and why."""

    column: str
    field: str
    why: str
    samples: tuple[str, ...] = ()
    filled: float = 0.0


@dataclass(frozen=True)
class Suggestion:
    """A mapping document, and for each file what its columns become."""

    document: dict[str, Any]
    guesses: dict[str, list[Guess]]


_USER = r"(user|customer|client|member|buyer|account|shopper|kunde|cust)(_?(unique|pseudo))?_?(id|no|nr|number|key)?|uid|login"
_ANONYMOUS = r"(anonymous|anon|visitor|session|device|cookie|client|browser|full_?visitor|user_pseudo|ga)_?(id|uuid|key)|fullvisitorid|distinct_id|cid"
_ORDER = r"(order|invoice|receipt|transaction|purchase|bestell|basket)_?(id|no|nr|number|num|ref|reference|code)|ordernumber|invoice|order"
_TIME = r".*(timestamp|time|date|_at|datum|day|created|updated)$|^(ts|time|date|when|day)$|.*_(at|on|dt)$"
_MESSAGE = r"(message|event|insert|hit|log)_?(id|uuid)|insert_id|uuid|event_uuid"
_EVENT = r"event(_?(name|type|action))?|action|activity|activity_?name"
_TOTAL = r"(order_|grand_|total_)?(total|amount|revenue|sum|value|paid|price)(_?(paid|value|amount|price|eur|usd))?|dollar_value|umsatz"
_FREE = r".*(comment|note|memo|message|remark|description|address|street|first_?name|last_?name|full_?name|body|review_text)s?$|^name$"
_CONSENT = r".*(consent|tracking_?ok|opt_?in).*"
_KNOWN: tuple[tuple[str, str], ...] = (
    (r"(device|device_?type|device_?category)", "context.device.type"),
    (r"(os|operating_?system|platform)", "context.os.name"),
    (r"utm_?source", "context.campaign.source"),
    (r"utm_?medium", "context.campaign.medium"),
    (r"utm_?campaign", "context.campaign.name"),
    (r"(referrer|referer)", "context.page.referrer"),
    (r"(page_?)?(url|uri)", "context.page.url"),
    (r"path|page_?path", "context.page.path"),
    (r"country(_?code)?", "context.location.country"),
    (r"city", "context.location.city"),
    (r"(marketing_?)?channel", "channel"),
    (r"department", "department"),
    (r"cur|currency(_?code)?|curr", "properties.currency"),
    (r"(product|item|article|sku)_?(id|no|nr|number)?", "properties.product_id"),
    (r"(product_?)?category(_?(id|name))?", "properties.category"),
    (r"quantity|qty|count|number_of_.*", "properties.quantity"),
    (r"(coupon|voucher|promo|discount)_?(code)?", "properties.coupon"),
)
_LATER: tuple[tuple[str, str], ...] = (
    (r".*deliver.*customer.*|delivered.*|.*_delivered(_at|_on)?", "Order Delivered"),
    (r"(shipped|dispatched|sent).*|.*deliver.*carrier.*", "Order Shipped"),
    (r"cancel.*", "Order Cancelled"),
    (r"refund.*|returned.*", "Order Refunded"),
)


def suggest(bench: Workbench, paths: Sequence[Path]) -> Suggestion:
    """A mapping with one table per file; raises InputError where no column can be a time.

    Files that are known by their columns get the mapping of their preset.
    """
    tables: list[dict[str, Any]] = []
    guesses: dict[str, list[Guess]] = {}
    known = {path: hit for path in paths if (hit := exports.recognised(path)) is not None}
    if known:
        first, written_as = next(iter(known.values()))
        same = [path for path, (row, how) in known.items() if (row, how) == (first, written_as)]
        document = exports.varied(first.document(), exports.columns_of(same[0], first.skip))
        looked_up = [join["file"] for table in document["tables"] for join in table.get("join", ())]
        left = [
            path for path in paths if path not in same and not any(matches(path, name) for name in looked_up)
        ]
        for table in document["tables"]:
            table["format"] = {**table.get("format", {}), **written_as}
            if len(document["tables"]) == 1 and not looked_up:
                table["files"] = [bare(path.name) for path in same]
            for path in same:
                guesses[path.name] = [
                    Guess(each.name, "", f"as in {first.label}", tuple(dict.fromkeys(each.values))[:3])
                    for each in look(bench, path, table["format"])
                ]
        if not left:
            return Suggestion(document, guesses)
        consent = document.pop("consent", None)
        tables = [{**table, **({"consent": consent} if consent else {})} for table in document["tables"]]
        paths = left
    for path in paths:
        table, found = _table(bench, path)
        tables.append(table)
        guesses[path.name] = found
    stem = re.sub(r"[^0-9a-z]+", "-", paths[0].name.lower().split(".")[0]).strip("-") or "import"
    return Suggestion({"source": stem, "tables": tables}, guesses)


def _table(bench: Workbench, path: Path) -> tuple[dict[str, Any], list[Guess]]:
    format = written(path)
    looks = look(bench, path, format)
    if any(value.upper() in ("NA", "NULL", "N/A") for each in looks for value in each.values):
        words = {value for each in looks for value in each.values if value.upper() in ("NA", "NULL", "N/A")}
        format["null"] = sorted(words)
        looks = [
            Look(each.name, [v for v in each.values if v not in words], each.rows, each.seen)
            for each in looks
        ]
    guesses: dict[str, Guess] = {}

    def take(each: Look, target: str, why: str) -> None:
        guesses[each.name] = Guess(
            each.name,
            target,
            why,
            tuple(dict.fromkeys(each.values))[:3],
            len(each.values) / max(1, each.rows),
        )

    def first(pattern: str, accept: Callable[[Look], bool] = lambda each: True) -> Look | None:
        for each in looks:
            if (
                each.name not in guesses
                and each.values
                and re.fullmatch(pattern, each.words)
                and accept(each)
            ):
                return each
        return None

    moments = [each for each in looks if each.values and (forms := _form(bench, each)) is not None and forms]
    moments.sort(
        key=lambda each: (
            not re.fullmatch(_TIME, each.words),
            _is_later(each.words) is not None,
            -len(each.values),
        )
    )
    if not moments:
        names = ", ".join(each.name for each in looks[:8])
        raise InputError(
            f"No column of {path.name} looks like a time, so its rows are no events.",
            code="no_time",
            hint=f"Its columns are {names}. If one is a time in a form of its own, write a mapping with a `format`.",
        )
    event: dict[str, Any] = {}
    time = moments[0]
    take(time, "time", _form(bench, time) or "")
    event["time"] = time.name
    for key, pattern, why in (
        ("messageId", _MESSAGE, "every value differs: rows are told apart by it"),
        ("anonymousId", _ANONYMOUS, "joins what was seen before somebody was known"),
        ("userId", _USER, "names the customer; text, never a number"),
    ):
        accept = (lambda each: each.distinct == each.rows) if key == "messageId" else (lambda each: True)
        if (each := first(pattern, accept)) is not None:
            take(each, key, why)
            event[key] = each.name
    if (unique := first(r"(customer|user)_unique_id")) is not None:
        take(unique, "userId", "names the person")
        event["userId"] = unique.name
    for each in looks:
        if (
            each.name not in guesses
            and each.values
            and sum("@" in value and "." in value for value in each.values) > 0.8 * len(each.values)
        ):
            take(each, "email", "joins the customer")
            event.setdefault("email", each.name)
    if (each := first(r".*(phone|mobile|telephone)(_?(no|number))?")) is not None:
        take(each, "phone", "joins the customer; text, never a number")
        event["phone"] = each.name
    order = first(_ORDER, lambda each: each.distinct > 1 or each.rows == 1)
    named = first(_EVENT, lambda each: each.distinct <= max(20, each.rows // 4))
    if named is not None:
        take(named, "event", f"{named.distinct} names of events in the first {named.rows:,} rows")
        event["event"] = {"column": named.name}
    total = first(
        _TOTAL,
        lambda each: (
            (order is not None or len(each.values) > each.rows / 2)
            and (
                fields.kind_of(_plain(each), "x", each.seen) in ("BIGINT", "DOUBLE")
                or _decimal(each) is not None
            )
        ),
    )
    properties: dict[str, Any] = {}
    context: dict[str, Any] = {}
    if order is not None:
        take(order, "properties.order_id", "text, never a number")
        properties["order_id"] = order.name
    if total is not None and (order is not None or named is None):
        form = _decimal(total)
        target = "total" if order is not None or named is None else "value"
        take(total, f"properties.{target}", "an amount" if form is None else f"an amount, written {form}")
        properties[target] = {"column": total.name, "type": "number"} | (
            {} if form is None else {"format": form}
        )
    if named is None:
        event["event"] = "Order Completed" if order is not None or total is not None else _title(path)
    later: list[dict[str, Any]] = []
    if order is not None and named is None:
        ids: dict[str, Any] = {
            key: event[key] for key in ("userId", "anonymousId", "email", "phone") if key in event
        }
        for each in moments[1:]:
            name = _is_later(each.words)
            if name is not None and each.name not in guesses and name not in [row["event"] for row in later]:
                take(each, f"time of {name}", "a second event where it is filled")
                later.append(
                    {"event": name, **ids, "time": each.name, "properties": {"order_id": order.name}}
                )
    consent = _rest(looks, guesses, take, properties, context, event)
    events = [
        event
        | ({"properties": properties} if properties else {})
        | ({"context": context} if context else {}),
        *later,
    ]
    for each in looks:
        if each.name not in guesses:
            take(
                each,
                "",
                "empty in the first rows" if not each.values else "not guessed; left out until you say",
            )
    files = re.sub(r"\.(gz|zst)$", "", path.name)
    table: dict[str, Any] = {"files": files, "format": format, "events": events}
    if consent:
        table["consent"] = consent
    return table, [guesses[each.name] for each in looks]


def _rest(
    looks: list[Look], guesses: dict[str, Guess], take: Callable[[Look, str, str], None], properties: dict[str, Any],
    context: dict[str, Any], event: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """The columns that are left: consent, known paths, plain properties; free text stays out."""
    consent: dict[str, Any] = {}
    for each in looks:
        if each.name in guesses or not each.values:
            continue
        words = {value.strip().lower() for value in each.values}
        if re.fullmatch(_CONSENT, each.words) and words <= {*fields.TRUE, *fields.FALSE}:
            purpose = "marketing" if re.search("market|newsletter|mail", each.words) else "analytics"
            take(
                each,
                f"consent.{purpose}",
                "a row that says no to analytics is withheld"
                if purpose == "analytics"
                else "kept with the event",
            )
            consent[purpose] = {"column": each.name}
            continue
        if re.fullmatch(_FREE, each.words) or _typed_freely(each):
            take(each, "", "free text, may hold personal data")
            continue
        target = next((path for pattern, path in _KNOWN if re.fullmatch(pattern, each.words)), None)
        if target is None and re.fullmatch(r"(order_?)?(state|status)", each.words):
            continue
        target = target or f"properties.{each.words}"
        if target in ("channel", "department"):
            event[target] = each.name
        else:
            root, key = target.split(".", 1)
            held = properties if root == "properties" else context
            if key in held:
                target, key = f"properties.{each.words}", each.words
                held = properties
            held[key] = {"column": each.name, "type": "text"} if key.endswith("_id") else each.name
        kind = fields.kind_of(_plain(each), target, each.seen)
        take(
            each,
            target,
            {
                "VARCHAR": "text",
                "BIGINT": "whole numbers",
                "DOUBLE": "numbers",
                "BOOLEAN": "yes or no",
                "JSON": "a list",
            }.get(kind or "", ""),
        )
    return consent


def _plain(each: Look) -> Any:
    return Field_(column=each.name)


def _decimal(each: Look) -> str | None:
    """How amounts with a decimal comma or thousands are written, if all are."""
    for pattern, form in (
        (r"-?\d{1,3}(\.\d{3})*,\d{1,2}", "1.234,5"), (r"-?\d+,\d{1,2}", "1234,5"), (r"-?\d{1,3}(,\d{3})+(\.\d{1,2})?", "1,234.5"),
    ):  # fmt: skip
        if each.values and all(re.fullmatch(pattern, value.strip()) for value in each.values):
            return form
    return None


def _typed_freely(each: Look) -> bool:
    """Whether values are what people typed: long, of several words, and nearly all different."""
    words = sum(len(value.split()) for value in each.values) / len(each.values)
    return words > 4 and each.distinct > 0.5 * len(each.values)


def _is_later(words: str) -> str | None:
    return next(
        (name for pattern, name in _LATER if re.fullmatch(pattern, words) and "estimat" not in words), None
    )


def _form(bench: Workbench, each: Look) -> str | None:
    """Why a column can be a time: the form that reads at least half of its first values; None if none does."""
    if not re.fullmatch(_TIME, each.words) and not any(mark in each.values[0] for mark in "-/.:"):
        return None
    bench.connection.execute("CREATE OR REPLACE TEMP TABLE looked_at (x VARCHAR)")
    bench.connection.execute("INSERT INTO looked_at SELECT unnest(?)", [each.values[:200]])
    form, _, why = formats.decide(bench.connection, "looked_at", "trim(x)")
    return why if form and formats.readable(bench.connection, "looked_at", "trim(x)", form) >= 0.5 else None


def _title(path: Path) -> str:
    words = re.sub(r"[^0-9A-Za-z]+", " ", path.name.split(".")[0]).split()
    return " ".join(word.capitalize() for word in words) or "Imported Event"
