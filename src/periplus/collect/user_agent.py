"""What a browser says of itself, as device, system and browser: `context.userAgent` into words one can filter by.

The pattern lists are those of the ua-parser project, which keeps them up to date for everybody. They name families;
whether a device is a phone or a tablet follows here from those families and from the marks browsers leave in the string.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ua_parser

LONGEST = 1024
"""Characters of a user agent that are looked at; real ones have fewer than 400."""
KNOWN = 20_000
"""Strings whose reading is kept; a shop sees a few thousand."""

BOT, TV, TABLET, MOBILE, DESKTOP = "bot", "tv", "tablet", "mobile", "desktop"
DEVICES = (BOT, TV, TABLET, MOBILE, DESKTOP)
"""The values of `context.device.type`."""

_BOT = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|headlesschrome|lighthouse|facebookexternalhit|monitor", re.I
)
_TV = re.compile(
    r"smart-?tv|hbbtv|appletv|apple tv|googletv|google tv|android tv|roku|bravia|web0s|\baft[a-z]", re.I
)
_TABLET = re.compile(r"ipad|tablet|kindle|silk/(?!.*mobile)|playbook|android(?!.*mobi)", re.I)
_MOBILE = re.compile(r"mobi|iphone|ipod|android|windows phone|blackberry|opera mini", re.I)
_DESKTOP = re.compile(r"windows nt|macintosh|x11|cros ", re.I)


@dataclass(frozen=True)
class Agent:
    """The reading of one user agent; None where it says nothing we know."""

    device: str | None = None
    os: str | None = None
    os_version: str | None = None
    browser: str | None = None
    browser_version: str | None = None


@lru_cache(maxsize=KNOWN)
def agent(text: str) -> Agent:
    """The device, system and browser of a user agent.

    >>> agent("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:131.0) Gecko/20100101 Firefox/131.0")
    Agent(device='desktop', os='Windows', os_version='10', browser='Firefox', browser_version='131.0')
    """
    found = ua_parser.parse(text)
    system, browser = found.os, found.user_agent
    spider = found.device is not None and found.device.family == "Spider"
    return Agent(
        device=BOT if spider else device(text),
        os=system.family if system else None,
        os_version=_version(system.major, system.minor) if system else None,
        browser=browser.family if browser else None,
        browser_version=_version(browser.major, browser.minor) if browser else None,
    )


def device(text: str) -> str | None:
    """The kind of device, one of `DEVICES`, or None for what is no browser we know.

    Android tablets are those Androids that do not say "Mobile"; an iPad that asks for desktop pages says it is a
    Mac, and nobody can tell.

    >>> device("Mozilla/5.0 (Linux; Android 14; SM-X700) AppleWebKit/537.36 Chrome/126.0 Safari/537.36")
    'tablet'
    """
    for kind, pattern in ((BOT, _BOT), (TV, _TV), (TABLET, _TABLET), (MOBILE, _MOBILE), (DESKTOP, _DESKTOP)):
        if pattern.search(text):
            return kind
    return None


def user_agent(message: dict[str, Any]) -> dict[str, Any]:
    """The message with `context.device.type`, `context.os` and `context.browser` where they were absent.

    What the client said itself stays. A version is added only beside a name we found.
    """
    context = message.get("context")
    text = context.get("userAgent") if isinstance(context, dict) else None
    if not isinstance(context, dict) or not isinstance(text, str) or not text:
        return message
    added = dict(context)
    for part, (first, found) in _parts(text[:LONGEST]).items():
        said = context.get(part)
        if said is None:
            added[part] = found
        elif isinstance(said, dict) and said.get(first) is None:
            spoken = {key: value for key, value in said.items() if value is not None}
            added[part] = {**found, **spoken}
    return {**message, "context": added}


@lru_cache(maxsize=KNOWN)
def _parts(text: str) -> dict[str, tuple[str, dict[str, str]]]:
    """What a user agent adds to a context, by part, each with the name of what must be absent there."""
    # Half a surrogate pair is valid JSON and no text; user agents are ASCII.
    found = agent(text.encode("ascii", "replace").decode())
    parts: dict[str, tuple[str, dict[str, str | None]]] = {
        "device": ("type", {"type": found.device}),
        "os": ("name", {"name": found.os, "version": found.os_version}),
        "browser": ("name", {"name": found.browser, "version": found.browser_version}),
    }
    return {
        part: (first, {key: value for key, value in said.items() if value is not None})
        for part, (first, said) in parts.items()
        if said[first] is not None
    }


def _version(*parts: str | None) -> str | None:
    return ".".join(part for part in parts if part) or None
