"""The rules of identity as fields of a form: a switch for each kind, how many may share one, and what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import FormData

from periplus.people.identity_rules import SWITCHES, IdentityRules
from periplus.web.words import _

MARK = "rules"
"""The field by which a form of rules is told from one decision."""


def rows(rules: IdentityRules) -> list[dict[str, Any]]:
    """A row a rule: `key`, `on` (None: it cannot be switched), `name`, `means`, and `limit` where it has one."""
    limits = rules.limits.model_dump()
    return [
        {
            "key": key,
            "on": getattr(rules, key) if key in (*SWITCHES, "mailbox") else None,
            "name": name,
            "means": means,
            "limit": limits.get(key),
        }
        for key, (name, means) in _said().items()
    ]


def _said() -> dict[str, tuple[str, str]]:
    return {
        "email": (_("E-mail"), _("Whatever carries the same address belongs to one person.")),
        "phone": (_("Phone"), _("Whatever carries the same number belongs to one person.")),
        "external": (_("Card numbers"), _("Such as of a loyalty card: they rank with e-mail and phone.")),
        "device": (
            _("Device"),
            _("A visit before signing in belongs to whom the device was last seen with."),
        ),
        "reference": (
            _("Order and ticket"),
            _("A carrier's message that has only an order number belongs to whom the order was seen with."),
        ),
        "alias": (_("Alias"), _("Two accounts are one where a system says so.")),
        "mailbox": (_("Spelling of e-mails"), _("ann+news@ is ann@, and at Gmail dots do not count.")),
    }


def document(form: FormData) -> str:
    """The rules that a form's fields make up, as the document of a decision; what is as usual is left out.

    Raises DocumentError for a country, a number or a trait that cannot be.
    """

    def told(name: str) -> str:
        return str(form.get(name) or "")[:2000].strip()

    wanted: dict[str, Any] = {key: told(key) == "on" for key in (*SWITCHES, "mailbox")}
    wanted["region"] = told("region")
    wanted["external"] = [each.strip() for each in told("external").split(",") if each.strip()]
    limits = {key: told(f"limit-{key}") for key in IdentityRules().limits.model_dump()}
    wanted["limits"] = {key: _whole(value) for key, value in limits.items() if value}
    decision: dict[str, Any] = {"rules": IdentityRules.parse(wanted).document()}
    if why := told("why")[:500]:
        decision["why"] = why
    return json.dumps(decision, ensure_ascii=False)


def _whole(value: str) -> int | str:
    """A whole number where it is one; else as written, so that the rules say what is wrong with it."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else value


def texts(rules: IdentityRules) -> Mapping[str, str]:
    """The fields that are written by hand."""
    return {"region": rules.region, "external": ", ".join(rules.external)}
