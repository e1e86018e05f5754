"""Columns of events with the identifiers in them hashed: the SQL of `hashing.py`, for imports and for what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from periplus.collect.hashing import PHONE_NAMES, SIGNS, Hashing, named
from periplus.store.door import Connection, literal, quoted, text_functions

_HOW = {
    "email": "email", "phone": "phone", "user_id": "id", "anonymous_id": "id", "previous_id": "id", "event": "text",
    "original": "text", "channel": "text", "department": "text",
}  # fmt: skip
"""What is done to a physical column; others hold no text that somebody sends."""
INTERNAL = "context.internal"
_NUMBERS = ("BIGINT", "DOUBLE")


def define(connection: Connection, hashing: Hashing) -> None:
    """Give a connection `hashed_email(text)` and its like: the methods of that name."""
    names = ("email", "phone", "id", "text", "json", "refused", "internal")
    text_functions(connection, {f"hashed_{name}": getattr(hashing, name) for name in names})


def kinds(hashing: Hashing, columns: Mapping[str, str]) -> dict[str, str]:
    """Shredded columns with their kinds as they have to be: a pseudonym of a number is a text."""
    found = {path: _kind(hashing, path, kind) for path, kind in columns.items()}
    return found if hashing.staff is None else {INTERNAL: "BOOLEAN", **found}


def _kind(hashing: Hashing, path: str, kind: str) -> str:
    return "VARCHAR" if "phone" in hashing.kinds and kind in _NUMBERS and named(path).phone else kind


def physical(name: str, text: str) -> str:
    """SQL of a physical column of which `text` is SQL; a message id that holds an identifier is left out.

    The key of such an event stands for it, as for those that never had an id.
    """
    if name == "message_id":
        return f"CASE WHEN {told('text', text)} = {text} THEN {text} END"
    return told(_HOW[name], text) if name in _HOW else text


def shredded(hashing: Hashing, path: str, kind: str, value: str) -> str:
    """SQL of a shredded column that has a kind, of which `value` is SQL."""
    if kind == "JSON":
        return told("json", value)
    called = named(path)
    if kind in _NUMBERS and _kind(hashing, path, kind) == "VARCHAR":
        whole = (
            f"{value}::VARCHAR"
            if kind == "BIGINT"
            else f"coalesce(TRY_CAST({value} AS BIGINT)::VARCHAR, {value}::VARCHAR)"
        )
        return told("phone", whole)
    if kind != "VARCHAR":
        return value
    if called.email or called.phone:
        return told("email" if called.email else "phone", value)
    return told("text", value)


def internal(hashing: Hashing, kind: str, value: str, *addresses: str) -> str:
    """SQL of `context.internal` (of a kind; `value` is SQL): true where one of the addresses (SQL) is of the shop's own people."""
    if hashing.staff is None:
        return value
    met = " OR ".join(f"hashed_internal({each}) = 'true'" for each in addresses)
    return f"CASE WHEN {met} THEN {_TRUE.get(kind, 'NULL')} ELSE {value} END"


_TRUE = {"BOOLEAN": "true", "VARCHAR": "'true'", "JSON": "'true'"}


def told(how: str, text: str) -> str:
    """SQL of a text with what is hashed in it; most hold nothing of the kind, and are not looked into."""
    if how not in ("text", "id", "json"):
        return f"hashed_{how}({text})"
    looks = [f"contains({text}, {literal(sign)})" for sign in (SIGNS if how == "json" else SIGNS[:3])]
    looks += [f"contains(lower({text}), {literal(name)})" for name in (PHONE_NAMES if how == "json" else ())]
    return f"CASE WHEN {' OR '.join(looks)} THEN hashed_{how}({text}) ELSE {text} END"


def every(hashing: Hashing, fixed: Iterable[str], columns: Mapping[str, str]) -> str:
    """SQL list of all columns of stored rows, hashed: the `fixed` ones, the shredded, and the rest."""
    listed = [f"{physical(name, quoted(name))} AS {quoted(name)}" for name in fixed]
    for path, kind in kinds(hashing, columns).items():
        value = shredded(hashing, path, columns[path], quoted(path)) if path in columns else "NULL::BOOLEAN"
        if path == INTERNAL:
            value = internal(hashing, kind, value, "email", "user_id")
        listed.append(f"{value} AS {quoted(path)}")
    return ", ".join([*listed, f"{told('json', 'rest')} AS rest"])
