"""Which channel brought somebody: paid search, social, email, direct … from campaign, click id and referrer.

One table decides for every source, `channels.yaml` beside this file. What speaks first wins:

1. the campaign's medium, where it names a channel; where it says only "paid", its source says of what kind;
2. the click id an advertising system added to the address;
3. the campaign's source; a campaign that says nothing we know is `other`;
4. the host of the referrer; any other site is a `referral`;
5. a page without any of these is `direct`.

Events later in the session say what brought it in `context.arrival` (our own tracker does) and get the same channel;
of other clients, only the page somebody landed on can be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

TABLE = Path(__file__).with_name("channels.yaml")
LONGEST = 2048
"""Characters of an address that are looked at."""
PASSING = "passing"
"""The group of hosts that only hand people back: a payment page, a sign-in."""
PAID, OTHER, REFERRAL, DIRECT = "paid", "other", "referral", "direct"
_APART = re.compile(r"[\s_+-]+")
_PLAIN_HOST = re.compile(r"https?://([A-Za-z0-9.-]+)(?::[0-9]*)?(?:[/?#]|$)").match
_UTM = {"utm_medium": "medium", "utm_source": "source", "utm_campaign": "name"}


@dataclass(frozen=True)
class Table:
    """The rows of `channels.yaml`, turned round: from each word or host to its channel."""

    mediums: Mapping[str, str]
    paid: frozenset[str]
    becomes: Mapping[str, str]
    sources: Mapping[str, str]
    clicks: Mapping[str, str]
    hosts: Mapping[str, str]

    @property
    def channels(self) -> frozenset[str]:
        """Every channel that can come of it."""
        named = {*self.mediums.values(), *self.becomes.values(), *self.sources.values()}
        return frozenset(
            {*named, *self.clicks.values(), *self.hosts.values(), PAID, OTHER, DIRECT} - {PASSING}
        )


@dataclass(frozen=True)
class Arrival:
    """What is known of how somebody came: each None where nothing is said; `here` is the shop's own host."""

    medium: str | None = None
    source: str | None = None
    campaign: bool = False
    click: str | None = None
    referrer: str | None = None
    here: str | None = None


@cache
def table() -> Table:
    """The table, read once."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    mediums = {channel: [channel, *words] for channel, words in rows["mediums"].items()}
    return Table(
        mediums=_turned(mediums),
        paid=frozenset(rows["paid"]["mediums"]),
        becomes=rows["paid"]["becomes"],
        sources={**_turned(rows["names"]), **_turned(rows["sources"])},
        clicks=_turned(rows["clicks"]),
        hosts=_turned(rows["hosts"]),
    )


def _turned(rows: Mapping[str, list[str]]) -> dict[str, str]:
    return {word: channel for channel, words in rows.items() for word in words}


def channel(message: dict[str, Any]) -> dict[str, Any]:
    """The message with its top-level `channel`, where it had none and something tells.

    >>> landed = {"type": "page", "context": {"page": {"url": "https://shop.example/?gclid=1"}}}
    >>> channel(landed)["channel"]
    'paid search'
    """
    if message.get("channel") not in (None, ""):
        return message
    found = _of_arrival(message) or _of_landing(message)
    return message if found is None else {**message, "channel": found}


def _of_arrival(message: Mapping[str, Any]) -> str | None:
    """The channel of what the message says brought the session it belongs to."""
    said = _part(_part(message, "context"), "arrival")
    if said is None:
        return None
    campaign = _part(said, "campaign")
    arrival = Arrival(
        medium=_word(campaign, "medium"),
        source=_word(campaign, "source"),
        campaign=bool(campaign),
        click=_text(said, "click"),
        referrer=_host(_text(said, "referrer")),
    )
    return named(arrival) or DIRECT


def _of_landing(message: Mapping[str, Any]) -> str | None:
    """The channel a single message tells by its own campaign, address and referrer."""
    context = _part(message, "context")
    page = _part(context, "page")
    campaign, via = _part(context, "campaign"), _part(context, "referrer")
    address = _text(page, "url") or _text(page, "search") or ""
    if "?" not in address and not campaign and not via and message.get("type") != "page":
        if _text(page, "referrer") is None:
            return None  # as most events of a session
    asked = dict(_asked(address))
    said = campaign or {_UTM[key]: value for key, value in asked.items() if key in _UTM}
    clicks = table().clicks
    click = _text(via, "type")
    arrival = Arrival(
        medium=_word(said, "medium"),
        source=_word(said, "source"),
        campaign=bool(said),
        click=click if click in clicks else next((key for key in asked if key in clicks), None),
        referrer=_host(_text(page, "referrer") or _text(via, "url") or _text(via, "link")),
        here=_host(address),
    )
    found = named(arrival)
    if found is None and message.get("type") == "page" and arrival.here and not arrival.referrer:
        return DIRECT
    return found


def named(arrival: Arrival) -> str | None:
    """The channel of an arrival; None where nothing brought it from outside.

    >>> named(Arrival(referrer="www.google.gr")), named(Arrival(medium="cpc", source="facebook", campaign=True))
    ('organic search', 'paid social')
    """
    rows = table()
    medium, source = arrival.medium or "", arrival.source or ""
    if found := rows.mediums.get(medium):
        return found
    by_source = rows.sources.get(source) or of_host(source)
    if medium in rows.paid:
        return rows.becomes.get(by_source or "") or rows.clicks.get(arrival.click or "") or PAID
    if found := rows.clicks.get(arrival.click or ""):
        return found
    if by_source and by_source != PASSING:
        return by_source
    if arrival.campaign:
        return OTHER
    if arrival.referrer is None or _same_site(arrival.referrer, arrival.here):
        return None
    found = of_host(arrival.referrer)
    return None if found == PASSING else found or REFERRAL


@lru_cache(maxsize=10_000)
def of_host(host: str) -> str | None:
    """The group of a host, by itself or the nearest host above it that is listed.

    >>> of_host("l.facebook.com"), of_host("www.google.co.uk"), of_host("mail.google.com"), of_host("a.example")
    ('social', 'organic search', 'email', None)
    """
    hosts = table().hosts
    labels = host.split(".")
    for first in range(len(labels) - 1):
        rest = labels[first:]
        if found := hosts.get(".".join(rest)):
            return found
        # google.gr, google.co.uk and google.com.tw; google.example.org is somebody else's.
        if len(rest) == 2 or (len(rest) == 3 and len(rest[1]) <= 3 and len(rest[2]) == 2):
            if found := hosts.get(f"{rest[0]}.*"):
                return found
    return None


def _asked(address: str) -> Iterator[tuple[str, str]]:
    """The parameters of an address, the first of each name."""
    query = address[:LONGEST].partition("?")[2].partition("#")[0] if "?" in address else ""
    try:
        return iter(reversed(parse_qsl(query, max_num_fields=200)))
    except ValueError:
        return iter(())


def _same_site(host: str, here: str | None) -> bool:
    if not here:
        return False
    one, other = host.removeprefix("www."), here.removeprefix("www.")
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def _host(address: str | None) -> str | None:
    """The host of an address, in lower case; None where there is none."""
    if not address:
        return None
    if (plain := _PLAIN_HOST(address[:LONGEST])) is not None:
        return plain[1].lower().rstrip(".") or None
    try:
        host = urlsplit(address[:LONGEST].strip()).hostname
    except ValueError:  # such as a bracket that opens an IPv6 address and never closes it
        return None
    return host.rstrip(".") or None if host else None


def _part(holder: Any, key: str) -> Mapping[str, Any] | None:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else None


def _text(holder: Mapping[str, Any] | None, key: str) -> str | None:
    value = holder.get(key) if holder else None
    return value if isinstance(value, str) and value else None


def _word(holder: Mapping[str, Any] | None, key: str) -> str | None:
    """A text as the table writes it: lower case, one space for hyphens and underscores."""
    value = _text(holder, key)
    return _APART.sub(" ", value[:200].lower()).strip() if value else None
