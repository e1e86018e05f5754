"""The OpenAPI document of everything programs may call: the API as the framework describes it, and the collector's doors.

The doors take what the clients of other tools send, so their bodies are told in outline; docs/send/ has the clients.
What each door may answer is the same for all of them, as docs/collector.md says.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from periplus.collect.wire import DIALECTS
from periplus.web.auth import COOKIE
from periplus.web.collector import OURS_TOO

DOCUMENT = dict[str, Any]
_JSON = "application/json"
_ANY = "application/octet-stream"
PROBLEM: DOCUMENT = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "hint": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
    },
}
"""How the API says what is wrong."""
SECURITY: DOCUMENT = {
    "token": {"type": "http", "scheme": "bearer", "description": "Made by `periplus token add NAME`."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "A signed-in browser."},
    "writeKey": {
        "type": "http",
        "scheme": "basic",
        "description": "The write key of a source as the user, no password. Most clients send it in the body or the query instead.",
    },
}
ANSWERS = {
    "200": "Everything of it that can be kept is on disk; the body says which messages were refused.",
    "400": "It cannot be read, or every message of it was refused.",
    "401": "No write key, an unknown one, or a wrong signature.",
    "403": "The source does not send from that site, or not in that way.",
    "413": "Too large, or too many messages.",
    "429": "More than the source's rate; `Retry-After` says when to come again.",
    "503": "Nothing more can be taken now; `Retry-After` says when to come again.",
}
"""What a door may answer."""
_MESSAGE: DOCUMENT = {"type": "object"}
_BATCH: DOCUMENT = {
    "type": "object",
    "properties": {
        "batch": {"type": "array", "items": _MESSAGE},
        "sentAt": {"type": "string", "format": "date-time"},
        "writeKey": {"type": "string"},
        "api_key": {"type": "string"},
    },
}
BODIES: dict[str, DOCUMENT] = {
    "segment": {"anyOf": [_BATCH, _MESSAGE]},
    "posthog": {"anyOf": [_BATCH, _MESSAGE, {"type": "array", "items": _MESSAGE}]},
    "mixpanel": {"anyOf": [{"type": "array", "items": _MESSAGE}, _MESSAGE]},
    "ga4": {
        "type": "object",
        "required": ["events"],
        "properties": {
            "client_id": {"type": "string"},
            "events": {"type": "array", "items": {"type": "object", "required": ["name"]}},
        },
    },
}
"""The bodies of each dialect in outline; those of shops are objects."""
QUERIES = {
    "ga4": ("api_secret", "measurement_id"),
    "kissmetrics": ("_k", "_p", "_n", "_t", "_d"),
    "mixpanel": ("data", "verbose"),
}
"""What each dialect has in the query."""
KINDS = {"kissmetrics": ("image/gif",), "mixpanel": (_JSON, "text/plain")}
"""Content types of answers, where they are not only JSON."""


def describe(app: FastAPI, *, collecting: bool) -> None:
    """Make the application's document tell errors and access too, and with `collecting` the doors."""
    plain = app.openapi

    def whole() -> DOCUMENT:
        if app.openapi_schema is None:
            document = plain()
            document.setdefault("components", {})["securitySchemes"] = SECURITY
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["security"] = [{"token": []}, {"session": []}]
                    operation["responses"].setdefault("default", _problem())
                    operation["responses"].pop("422", None)  # the framework's form of it, which we never send
            if collecting:
                document["paths"] |= doors()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]


def doors() -> DOCUMENT:
    """The paths at which events are taken in, by the routes of every dialect, but for those that are also a page's."""
    found: DOCUMENT = {}
    for name in DIALECTS:
        dialect = DIALECTS[name]
        for method, path in dialect.routes:
            if path in OURS_TOO:
                continue
            operation = _door(name, dialect.title, method, path)
            found.setdefault(path.replace("*", "{name}"), {})[method.lower()] = operation
    return found


def _door(name: str, title: str, method: str, path: str) -> DOCUMENT:
    parameters: list[DOCUMENT] = [
        {"name": key, "in": "query", "required": False, "schema": {"type": "string"}}
        for key in QUERIES.get(name, ())
    ]
    if path.endswith("*"):
        parameters.append({"name": "name", "in": "path", "required": True, "schema": {"type": "string"}})
    kinds = KINDS.get(name, (_JSON,))
    operation: DOCUMENT = {
        "tags": ["collector"],
        "summary": title,
        "operationId": f"collect_{method}_{path}".replace("/", "_").replace("*", "name"),
        "security": [{"writeKey": []}, {}],
        "parameters": parameters,
        "responses": {
            status: {"description": said, "content": {kind: {} for kind in kinds}}
            for status, said in ANSWERS.items()
        },
    }
    if method == "POST":
        body = BODIES.get(name, {"type": "object"})
        # Labels are not believed: whatever it is called, it is read as what it is.
        operation["requestBody"] = {
            "content": {_JSON: {"schema": body}, "text/plain": {"schema": {"type": "string"}}, _ANY: {}}
        }
    return operation


def _problem() -> DOCUMENT:
    return {"description": "What is wrong, and what to do about it.", "content": {_JSON: {"schema": PROBLEM}}}
