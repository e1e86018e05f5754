"""Sources as people see them: made, changed and listed, with what has come from each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from periplus.clock import iso
from periplus.collect.sources import KEY, KIND, SECRETS, SourceDocument
from periplus.errors import NotFoundError, unknown
from periplus.store.manifest import Manifest
from periplus.store.state import State


def add(state: State, name: str, fields: Mapping[str, Any]) -> str:
    """A new source, or one more key of one that is there; returns the key, which is shown only now."""
    known = state.document(KIND, name) or {}
    document = SourceDocument.parse({**known, **fields, "name": name})
    state.save(KIND, name, document.document())
    return state.issue(KEY, name)


def save(state: State, document: Mapping[str, Any] | str | Path) -> str:
    """Change a source that is there; raises NotFoundError with the nearest name for one that is not.

    Secrets are never shown, so no document that was written by hand has them: one that names none keeps them.
    """
    parsed = SourceDocument.parse(document)
    before = state.document(KIND, parsed.name) or {}
    kept = {key: before[key] for key in SECRETS if key in before and key not in parsed.model_fields_set}
    if parsed.store is None:
        kept.pop("token", None)  # without the shop's number it is good for nothing
    if kept:
        parsed = SourceDocument.parse({**parsed.document(), **kept})
    known = {row["name"] for row in state.issued(KEY)} | set(state.names(KIND))
    if parsed.name not in known:
        message, hint, allowed = unknown("source", parsed.name, known)
        raise NotFoundError(message, hint=hint, allowed=allowed)
    state.save(KIND, parsed.name, parsed.document())
    return parsed.name


def listed(state: State, live: Manifest) -> list[dict[str, Any]]:
    """Sources with write keys, then those of imports: name, kind (`key` or `import`), since when, and settings.

    The `secret` that signs webhooks is never shown; `signed` says whether there is one. Nor is the
    `token` of a shop's API; `fetches` says whether there is one.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in state.issued(KEY):
        if row["name"] in found:
            found[row["name"]]["keys"] += 1
            continue
        body = state.document(KIND, row["name"]) or {"name": row["name"]}
        document = SourceDocument.parse(body)
        settings = document.model_dump(mode="json", exclude={*SECRETS, "name"})
        found[row["name"]] = {
            **row,
            "kind": "key",
            "keys": 1,
            **settings,
            "signed": document.secret is not None,
            "fetches": document.token is not None,
        }
    imported = {batch.source: batch.created for batch in reversed(live.batches) if not batch.live}
    rows = [{"name": name, "created": iso(created), "kind": "import"} for name, created in imported.items()]
    return [*found.values(), *rows]
