"""Which identifiers a version keeps hashed, made ready to hash with; and what people type, turned into what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from periplus.collect.hashing import Hashing
from periplus.collect.identifying import normal
from periplus.collect.marks import judge
from periplus.condition.tree import OPERATORS
from periplus.people import decisions
from periplus.people.identity_rules import IdentityRules
from periplus.people.traffic import rules_of
from periplus.store import tombstones
from periplus.store.manifest import Manifest
from periplus.store.pseudonyms import FORMS, Form
from periplus.store.snapshot import Snapshot


def kinds(manifest: Manifest) -> tuple[Form, ...]:
    """The kinds that a version keeps hashed."""
    named = manifest.hashed.get("kinds", ())
    return tuple(kind for kind in FORMS if kind in named)


def of(root: Path, manifest: Manifest) -> Hashing | None:
    """How a version hashes what comes in; None where it does not. Raises StoreError where the secret is missing."""
    return made(root, manifest, kinds(manifest)) if kinds(manifest) else None


def ever(root: Path, manifest: Manifest) -> Hashing | None:
    """By what something in a version may be hashed, also where new events no longer are; None where nothing is."""
    return made(root, manifest, FORMS) if manifest.hashed else None


def made(root: Path, manifest: Manifest, wanted: tuple[Form, ...]) -> Hashing:
    """Hashing of some kinds, with the secret that there is, and identity and traffic as the version has them."""
    rules = decisions.of(root, manifest).force().rules
    traffic = judge(rules_of(manifest))

    def means(text: str) -> bool:
        return traffic.mail(text) or text.strip() in traffic.staff

    told = means if traffic.mails or traffic.domains or any("@" in each for each in traffic.staff) else None
    return Hashing(wanted, tombstones.secret(root), plain_by(rules), told)


def plain_by(rules: IdentityRules) -> Any:
    """How identity compares an identifier under some rules."""

    def plain(kind: str, text: str) -> str | None:
        value = normal(kind, text)
        return None if value is None else rules.plain(kind, value)

    return plain


def meanings(snapshot: Snapshot, text: str) -> list[str]:
    """What a text that somebody looks for may be stored as: as it is, first, and hashed."""
    hashing = ever(snapshot.root, snapshot.manifest)
    return [text] if hashing is None else hashing.typed(text)


def asked(snapshot: Snapshot, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A question, a condition or a decision as people write it, with identifiers as they are stored."""
    hashing = of(snapshot.root, snapshot.manifest)
    return (
        document if hashing is None else {key: _asked(hashing, each, key) for key, each in document.items()}
    )


def stored(snapshot: Snapshot, document: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The same of a document that may be none."""
    return document if document is None or not kinds(snapshot.manifest) else asked(snapshot, document)


_TAGGED = {"email": "email", "phone": "phone", "user": "id", "device": "id"}
"""Kinds that stand before an identifier in a decision, and how such a one is hashed."""


def _asked(hashing: Hashing, value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        about = value.get("trait")
        name = about if isinstance(about, str) else name
        if (how := _TAGGED.get(str(value.get("kind")))) is not None and isinstance(value.get("value"), str):
            return {**value, "value": getattr(hashing, how)(value["value"])}
        return {key: _asked(hashing, each, name if key in OPERATORS else key) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_asked(hashing, each, name) for each in value]
    if isinstance(value, str):
        tag, colon, rest = value.partition(":")
        if colon and tag.strip() in _TAGGED:
            return f"{tag}:{cast(str, getattr(hashing, _TAGGED[tag.strip()])(rest))}"
        if name in ("user_id", "anonymous_id", "userId", "anonymousId"):
            return hashing.id(value)
    return hashing.value(value, name)
