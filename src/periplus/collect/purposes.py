"""Purposes of consent: ours, what other tools call them, and what counts as a yes.

A message says its consent by purpose in `consent`, or where the Segment spec has it, in
`context.consent.categoryPreferences`, or in `context.consent` itself. Of several names for one purpose a no
wins; a word that is neither yes nor no is a no; what is empty says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periplus.store.door import literal

PURPOSES = {
    "analytics": "visits and orders may be analysed",
    "personalisation": "pages and offers may follow what the customer did",
    "marketing": "the shop may write and advertise, in every channel that has no word of its own",
    "marketing.email": "the shop may write by e-mail",
    "marketing.sms": "the shop may write by SMS",
    "marketing.push": "the shop may send notifications to browser and app",
    "marketing.ads": "the customer may be in audiences of advertising networks",
    "marketing.onsite": "messages and offers may be shown on the shop's own pages",
}
"""Every purpose of our own, and what a yes to it allows."""

NECESSARY = frozenset(
    {"necessary", "strictly_necessary", "strictly necessary", "essential", "security_storage", "c0001"}
)
"""What needs no consent, and is none."""

_OTHERS = {
    "analytics": ("statistics", "statistic", "performance", "measurement", "analytics_storage", "c0002"),
    "personalisation": (
        "personalization", "functional", "functionality", "preferences", "personalization_storage",
        "functionality_storage", "c0003",
    ),
    "marketing": ("direct_marketing",),
    "marketing.email": ("email", "email_marketing", "newsletter"),
    "marketing.sms": ("sms", "sms_marketing", "text_messages"),
    "marketing.push": ("push", "push_notifications", "notifications"),
    "marketing.ads": (
        "advertising", "ads", "advertisement", "targeting", "ad_storage", "ad_user_data", "ad_personalization", "c0004",
    ),
    "marketing.onsite": ("onsite", "on_site"),
}  # fmt: skip
_NAMES = {name: purpose for purpose, others in _OTHERS.items() for name in (purpose, *others)}

YES = (
    "true", "1", "1.0", "yes", "y", "t", "on", "granted", "grant", "allow", "allowed", "accepted", "opt_in", "opt-in", "optin",
)  # fmt: skip
"""Words that mean yes, in lower case."""
MOST = 40
"""Purposes that are read of one message, beside our own."""


def purpose(name: str) -> str | None:
    """Our name of a purpose; None for what needs no consent. A name nobody knows is a purpose of its own.

    >>> purpose("Advertising"), purpose("C0002"), purpose("Strictly Necessary"), purpose("Loyalty")
    ('marketing.ads', 'analytics', None, 'loyalty')
    """
    plain = name.lower()
    return None if plain in NECESSARY or not plain or len(plain) > 60 else _NAMES.get(plain, plain)


def said(value: Any) -> bool | None:
    """Whether a value is a yes or a no; None where it says nothing.

    >>> said("GRANTED"), said("perhaps"), said(""), said(0)
    (True, False, None, False)
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value == 1
    if isinstance(value, str) and value.strip():
        return value.strip().lower() in YES
    return None


def stated(message: Mapping[str, Any]) -> dict[str, bool]:
    """The consent that a message itself carries, by our purposes.

    >>> stated({"context": {"consent": {"categoryPreferences": {"Advertising": False, "Analytics": True}}}})
    {'marketing.ads': False, 'analytics': True}
    """
    return by_purpose(_carried(message))


def by_purpose(consent: Mapping[str, Any]) -> dict[str, bool]:
    """Consent under whatever names, by our purposes."""
    told: dict[str, bool] = {}
    for name, value in consent.items():
        given, ours = said(value), purpose(str(name))
        if given is not None and ours is not None and (ours in PURPOSES or len(told) < MOST):
            told[ours] = told.get(ours, True) and given
    return told


def allows(consent: Mapping[str, bool], wanted: str) -> bool | None:
    """What is said of a purpose, or of the wider one it belongs to; None where neither is mentioned.

    >>> allows({"marketing": False, "marketing.email": True}, "marketing.email")
    True
    """
    if wanted in consent:
        return consent[wanted]
    return consent.get(wanted.rpartition(".")[0]) if "." in wanted else None


def _carried(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(own := message.get("consent"), Mapping):
        return own
    context = message.get("context")
    consent = context.get("consent") if isinstance(context, Mapping) else None
    if not isinstance(consent, Mapping):
        return {}
    preferences = consent.get("categoryPreferences")
    return preferences if isinstance(preferences, Mapping) else consent


def refuses_sql(consent: str) -> str:
    """SQL: whether a consent, a JSON object as text, refuses analytics; equals `by_purpose(…)` on it."""
    names = [name for name, ours in _NAMES.items() if ours == "analytics"]
    lowered = f"lower({consent})"
    texts = [f"trim(json_extract_string({lowered}, {literal(_pointer(name))}))" for name in names]
    listed = ", ".join(map(literal, YES))
    no = " OR ".join(
        f"COALESCE({text} <> '' AND NOT starts_with({text}, '{{') AND NOT starts_with({text}, '[') "
        f"AND {text} NOT IN ({listed}), false)"
        for text in texts
    )
    return f"({consent} IS NOT NULL AND ({no}))"


def _pointer(name: str) -> str:
    return f'$."{name}"'
