"""What a customer told the shop in their own words or figures: reviews, ratings, answers to surveys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from periplus.people.orders import text_of

NAMES = frozenset(
    {
        "Product Reviewed",
        "Review Written",
        "Survey Answered",
        "Survey Completed",
        "Feedback Given",
        "Ticket Rated",
    }
)
_RATING = ("rating", "score", "satisfaction", "answer")
_TEXT = ("review_body", "text", "comment", "message", "body")
_ABOUT = ("survey", "question", "name", "product", "title", "product_name", "product_id", "ticket_id")


def answers(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The answers in some events of one customer, the newest first: event, time, `about`, `rating`, `text`, source."""
    found = []
    for event in events:
        if event.get("event") not in NAMES:
            continue
        said = event.get("known") or event.get("properties")
        said = said if isinstance(said, Mapping) else {}

        def first(names: tuple[str, ...], said: Mapping[str, Any] = said) -> str | None:
            return next((text for name in names if (text := text_of(said.get(name))) is not None), None)

        found.append(
            {
                "event": event["event"],
                "time": event["timestamp"],
                "about": first(_ABOUT),
                "rating": first(_RATING),
                "text": first(_TEXT),
                "source": event.get("source"),
                "channel": event.get("channel"),
            }
        )
    return found[::-1]
