"""What a message is given on its way from the inbox to the store: device and channel, where it does not say them itself.

A step takes a message in the Segment spec and gives it back, with more in it; it changes nothing the client said,
never fails on what it does not understand, and leaves the message it was given alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from periplus.collect.channel import channel
from periplus.collect.user_agent import user_agent

Step = Callable[[dict[str, Any]], dict[str, Any]]

STEPS: tuple[Step, ...] = (user_agent, channel)
"""In this order, after the vocabulary has named the event and its properties."""


def enrich(message: dict[str, Any], steps: Sequence[Step] = STEPS) -> dict[str, Any]:
    """The message after every step.

    >>> enrich({"type": "page", "context": {"page": {"url": "https://shop.example/", "referrer": "https://t.co/a"}}})["channel"]
    'social'
    """
    for step in steps:
        message = step(message)
    return message
