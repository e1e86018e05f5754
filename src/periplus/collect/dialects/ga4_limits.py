"""What Google's documents say an event of the Measurement Protocol may be, and the messages of its validation server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from periplus.collect.dialects.told import refused

LONGEST_NAME = 40
LONGEST_VALUE = 100
MOST_PARAMS = 25
BACK = 72 * 3600 * 1_000_000
"""How far back Google takes times, in microseconds."""
RESERVED = frozenset(
    {
        "ad_activeview", "ad_click", "ad_exposure", "ad_query", "ad_reward", "adunit_exposure", "app_clear_data",
        "app_exception", "app_install", "app_remove", "app_store_refund", "app_update", "app_upgrade", "dynamic_link_app_open",
        "dynamic_link_app_update", "dynamic_link_first_open", "error", "firebase_campaign", "firebase_in_app_message_action",
        "firebase_in_app_message_dismiss", "firebase_in_app_message_impression", "first_open", "first_visit",
        "in_app_purchase", "notification_dismiss", "notification_foreground", "notification_open", "notification_receive",
        "os_update", "session_start", "user_engagement",
    }
)  # fmt: skip
"""Names that Google's own tags use, and its server drops from others."""
RESERVED_PREFIXES = ("_", "firebase_", "ga_", "google_", "gtag.")
FREE = frozenset(
    {"session_id", "engagement_time_msec", "items", "page_location", "page_referrer", "page_title"}
)
"""Parameters whose values may be longer, or that are lists."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

Finding = dict[str, str]
Findings = list[Finding]


def finding(path: str, description: str, code: str) -> Finding:
    """One message of validation: where, what, and which of Google's codes it is."""
    return {"fieldPath": path, "description": description[:500], "validationCode": code}


def check_name(name: str, path: str) -> Findings:
    """Refuses a name that no event may have; finds those that Google keeps for itself."""
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
        raise refused(
            "no_event_name",
            f"{name[:60]!r} is no name of a GA4 event.",
            f"Use at most {LONGEST_NAME} letters, digits and underscores, a letter first.",
        )
    if name in RESERVED or name.startswith(RESERVED_PREFIXES):
        return [
            finding(f"{path}.name", f"Google reserves the name {name!r}; it is kept here.", "NAME_RESERVED")
        ]
    return []


def check_params(params: Mapping[str, Any], path: str) -> Findings:
    """What Google would cut; it is kept here."""
    found = []
    if len(params) > MOST_PARAMS:
        found.append(
            finding(
                f"{path}.params",
                f"{len(params)} parameters; Google takes {MOST_PARAMS}.",
                "EXCEEDED_MAX_ENTITIES",
            )
        )
    for name, value in params.items():
        where = f"{path}.params.{name[:LONGEST_NAME]}"
        if len(name) > LONGEST_NAME or not _NAME.fullmatch(name):
            found.append(
                finding(where, "Google takes no parameter of this name; it is kept here.", "NAME_INVALID")
            )
        if isinstance(value, str) and len(value) > LONGEST_VALUE and name not in FREE:
            found.append(
                finding(
                    where,
                    f"Google cuts values after {LONGEST_VALUE} characters; it is kept here.",
                    "VALUE_OUT_OF_BOUNDS",
                )
            )
        if name == "items" and not (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
            found.append(finding(where, "`items` is a list of objects.", "VALUE_INVALID"))
    return found


def check_time(micros: int, received: int, path: str) -> Findings:
    """A time that Google would not take as it is."""
    if received - BACK <= micros <= received:
        return []
    what = "lies in the future" if micros > received else "is more than 72 hours ago"
    return [
        finding(f"{path}.timestamp_micros", f"The time {what}; Google changes it.", "VALUE_OUT_OF_BOUNDS")
    ]
