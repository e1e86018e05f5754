"""A shop whose people are known: who is behind every event, with all that makes identity hard, for measuring it.

The stream of `simulate` is about journeys, and nobody in it shares anything. This one is about who is who. People
have several devices, sign in now and then, order as guests, mistype their address, ring up, buy at the till, give
presents; families share a tablet; and some identifiers are used by hundreds. What was planted is told beside the events.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from periplus.clock import UNITS, iso

START = 1_767_225_600_000_000
"""2026-01-01, microseconds UTC."""
DAYS = 365

ACCOUNTS, PHONES, LOYAL = 0.62, 0.85, 0.25
"""Shares of people who have, or will have, an account, give a phone number, carry a loyalty card."""
DEVICES = ((3, 0.30), (2, 0.30), (1, 0.40))
"""How many devices people have, with their shares."""
SHARED = 0.025
"""The share of people whose family shares a tablet."""
TYPING_ERRORS = 0.03
"""The share of e-mails typed at a checkout that have an error."""
SIGNS_IN, SIGNS_IN_SHARED = 0.55, 0.7
"""How often a visit of somebody with an account is signed in; on a tablet of the family, where one must."""
CALLS = 0.35
"""Orders by telephone for each person, on average; the agent types the call centre's address."""
USED_BY_MANY = (
    ("email", "orders@callcentre.example", "the call centre's address on its orders"),
    ("phone", "+302105550199", "the shop's own number, typed where none was given"),
    ("device", "till-tablet-2", "the tablet on the counter"),
    ("order", "PENDING", "an order number before there is one"),
)
"""Identifiers of many people: kind, value, what it is."""
JUNK = (
    ("email", "test@test.com"),
    ("email", "noreply@shop.example"),
    ("phone", "0000000000"),
    ("phone", "1234567890"),
    ("user", "guest"),
    ("device", "00000000-0000-0000-0000-000000000000"),
)
"""Identifiers that mean nobody."""
MAILED = 0.3
"""How often a visit of somebody whose address the shop has comes from a newsletter: the link says whose it was."""
CARD_SHOWN = 0.6
"""How often a guest who has a card types its number at the checkout."""
JUNKED = 0.012
"""The share of people one of whose orders carries junk; another such share stand at the tablet on the counter."""


@dataclass
class Person:
    """One person: what they can be told by, from when they have an account, and when they first ordered."""

    number: int
    user: str
    email: str
    phone: str | None
    loyalty: str | None
    devices: list[str]
    since: int | None
    tablet: str | None = None
    junk: tuple[str, str] | None = None
    ordered: int | None = None


@dataclass
class Log:
    """Events as they come, and who is behind each."""

    chance: random.Random
    rows: list[dict[str, Any]] = field(default_factory=list)
    who: dict[str, int] = field(default_factory=dict)
    orders: int = 0

    def add(self, person: Person, time: int, event: str | None, said: dict[str, Any], **more: Any) -> None:
        """One message of `person`: identifiers `said` by their Segment names, properties and others in `more`."""
        number = f"m{len(self.rows)}"
        kind = "identify" if event is None else "track"
        row = {"type": kind, "messageId": number, "timestamp": iso(time), **said, **more}
        self.rows.append(row if event is None else {**row, "event": event})
        self.who[number] = person.number

    def order(self) -> str:
        self.orders += 1
        return f"A{100_000 + self.orders}"


def households(
    out: str | Path, *, people: int = 3000, seed: int = 1, truth: str | Path | None = None
) -> dict[str, Any]:
    """Write the events as Segment messages, one per line, and return the truth (also as JSON to `truth`).

    The truth has `people`, `events`, `person` (of each message by its id), `shared` (tablets with their people), and `traps`:
    identifiers that must link nothing, each with kind, value and why. The same arguments give the same bytes.
    """
    log = Log(random.Random(seed))
    everybody = list(_people(log.chance, people))
    shared = _families(log.chance, everybody)
    for person in everybody:
        _life(log, person)
    for person in everybody:
        _used_by_many(log, person)
    log.rows.sort(key=lambda row: (row["timestamp"], int(row["messageId"][1:])))
    Path(out).write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in log.rows), encoding="utf-8"
    )
    told = {
        "seed": seed,
        "people": people,
        "events": len(log.rows),
        "person": log.who,
        "shared": shared,
        "traps": [{"kind": kind, "value": value, "why": why} for kind, value, why in USED_BY_MANY]
        + [{"kind": kind, "value": value, "why": "means nobody"} for kind, value in JUNK],
    }
    if truth is not None:
        Path(truth).write_text(json.dumps(told), encoding="utf-8")
    return told


def _people(chance: random.Random, count: int) -> Iterator[Person]:
    for number in range(count):
        has = chance.random() < ACCOUNTS
        # A third of them had it before; the others order as guests until then.
        since = (
            START - 1 if chance.random() < 0.35 else START + int(chance.random() * DAYS * 0.7 * UNITS["d"])
        )
        devices = chance.choices([n for n, _ in DEVICES], [share for _, share in DEVICES])[0]
        yield Person(
            number,
            f"u{number}",
            f"{chance.choice(_FIRST)}.{chance.choice(_LAST)}{number}@{chance.choice(_MAILS)}",
            f"+3069{chance.randrange(10**8):08d}" if chance.random() < PHONES else None,
            f"L{7_000_000 + number}" if chance.random() < LOYAL else None,
            [f"d-{number}-{place}-{chance.getrandbits(48):012x}" for place in range(devices)],
            since if has else None,
            junk=chance.choice(JUNK) if chance.random() < JUNKED else None,
        )


def _families(chance: random.Random, everybody: list[Person]) -> list[dict[str, Any]]:
    """Families of two to four on one tablet each; all of them have accounts, since they must take turns."""
    left = round(len(everybody) * SHARED) + 1
    members = [person for person in everybody if person.since is not None]
    chance.shuffle(members)
    found: list[dict[str, Any]] = []
    while left > 0 and len(members) >= 4:
        family = [members.pop() for _ in range(chance.choice((2, 2, 3, 4)))]
        tablet = f"family-{len(found)}-{chance.getrandbits(40):010x}"
        for person in family:
            person.tablet = tablet
        found.append({"device": tablet, "people": [person.number for person in family]})
        left -= len(family)
    return found


def _life(log: Log, person: Person) -> None:
    """The visits of a person, what they order, and what comes of it."""
    chance = log.chance
    for visit in range(3 + min(int(chance.expovariate(1 / 4)), 40)):
        time = START + int(chance.random() * (DAYS - 15) * UNITS["d"])
        at_home = person.tablet is not None and chance.random() < 0.4
        own = person.devices[visit] if visit < len(person.devices) else chance.choice(person.devices)
        device = person.tablet if at_home else own
        said: dict[str, Any] = {"anonymousId": device}
        member = person.since is not None and time > person.since
        if (member or (person.ordered is not None and person.ordered < time)) and chance.random() < MAILED:
            log.add(person, time - 1, "Email Link Clicked", {**said, "email": person.email})
        signs_in = member and chance.random() < (SIGNS_IN_SHARED if at_home else SIGNS_IN)
        for page in range(1 + int(chance.expovariate(1 / 2))):
            time += int(chance.expovariate(1 / 60) * UNITS["s"])
            log.add(person, time, "Product Viewed", said, properties={"sku": f"p{page}"})
            if page == 0 and signs_in:
                said = {**said, "userId": person.user}
                log.add(person, time + 1, None, said, traits=_traits(person))
        if chance.random() < (0.45 if signs_in else 0.3):
            _order(log, person, time + 2 * UNITS["m"], said)
    if person.loyalty:
        for _ in range(1 + chance.randrange(3)):
            time = START + int(chance.random() * DAYS * UNITS["d"])
            log.add(person, time, "Order Completed", {}, channel="store", traits={"loyalty_number": person.loyalty},
                    properties={"order_id": log.order(), "total": 20})  # fmt: skip


def _traits(person: Person) -> dict[str, str]:
    said = {"email": person.email, "phone": person.phone, "loyalty_number": person.loyalty}
    return {key: value for key, value in said.items() if value is not None}


def _order(log: Log, person: Person, time: int, said: dict[str, Any]) -> None:
    """An order: signed in, or as a guest with e-mail and phone; then the parcel, perhaps a present, perhaps a ticket."""
    chance, number = log.chance, log.order()
    properties: dict[str, Any] = {"order_id": number, "total": 10 + chance.randrange(200)}
    if "userId" not in said:
        typed = person.email if chance.random() >= TYPING_ERRORS else _mistyped(chance, person.email)
        said = {**said, "email": typed, **({"phone": _spelt(chance, person.phone)} if person.phone else {})}
        if person.loyalty and chance.random() < CARD_SHOWN:
            said = {**said, "traits": {"loyalty_number": person.loyalty}}
    person.ordered = min(time, person.ordered or time)
    if person.junk is not None:
        kind, value = person.junk
        said = {**said, {"user": "userId", "device": "anonymousId"}.get(kind, kind): value}
        person.junk = None
    if chance.random() < 0.06:  # a present: the other one is a person of their own, whoever they are
        friend = f"friend{log.orders}@{chance.choice(_MAILS)}"
        properties |= {"gift": True, "recipient": {"name": "A friend", "email": friend}}
    log.add(person, time, "Order Completed", said, properties=properties)
    log.add(person, time + UNITS["d"], "Order Shipped", {}, properties={"order_id": number})
    log.add(person, time + 3 * UNITS["d"], "Order Delivered", {}, properties={"order_id": number})
    if chance.random() < 0.08:
        ticket = f"T{log.orders}"
        contact = (
            {"email": person.email.upper()}
            if chance.random() < 0.7 or not person.phone
            else {"phone": person.phone}
        )
        log.add(
            person, time + 4 * UNITS["d"], "Support Ticket Created", contact, properties={"ticket_id": ticket}
        )
        log.add(person, time + 5 * UNITS["d"], "Support Ticket Solved", {}, properties={"ticket_id": ticket})


def _used_by_many(log: Log, person: Person) -> None:
    """Orders by telephone, the counter's tablet, a number typed where there is none, orders without a number yet."""
    chance = log.chance
    (_, centre, _), (_, own, _), (_, counter, _), (_, pending, _) = USED_BY_MANY
    time = START + int(chance.random() * (DAYS - 5) * UNITS["d"])
    if person.phone and chance.random() < CALLS / PHONES:
        said = {"email": centre, "phone": person.phone}
        log.add(person, time, "Order Completed", said, channel="phone", properties={"order_id": log.order()})
    if chance.random() < JUNKED:
        log.add(person, time + 1, "Order Completed", {"email": person.email, "phone": own}, channel="store",
                properties={"order_id": log.order()})  # fmt: skip
    if chance.random() < JUNKED:
        log.add(person, time + 2, "Product Viewed", {"anonymousId": counter}, properties={"sku": "p0"})
        log.add(person, time + UNITS["m"], "Receipt Sent", {"anonymousId": counter, "email": person.email})
    if chance.random() < JUNKED:
        said = {"anonymousId": person.devices[0], "email": person.email}
        log.add(person, time + 3, "Payment Info Entered", said, properties={"order_id": pending})
        log.add(person, time + 4, "Payment Refused", {}, properties={"order_id": pending})


def _mistyped(chance: random.Random, email: str) -> str:
    """An address with one letter lost, doubled or swapped, or with a common wrong ending."""
    name, _, domain = email.partition("@")
    place = chance.randrange(len(name) - 1)
    return chance.choice(
        (
            f"{name[:place]}{name[place + 1 :]}@{domain}",
            f"{name[:place]}{name[place]}{name[place:]}@{domain}",
            f"{name[:place]}{name[place + 1]}{name[place]}{name[place + 2 :]}@{domain}",
            f"{name}@{domain.replace('.example', '.exmaple')}",
        )
    )


def _spelt(chance: random.Random, phone: str) -> str:
    """The same number, as people write it."""
    return chance.choice((phone, phone.replace("+", "00"), f"{phone[:3]} {phone[3:6]} {phone[6:]}"))


_FIRST = (
    "maria",
    "eleni",
    "nikos",
    "giorgos",
    "anna",
    "katerina",
    "dimitris",
    "sofia",
    "ion",
    "elena",
    "lukas",
)
_LAST = ("papadopoulos", "ionescu", "nikolaou", "weber", "pappas", "popa", "kosta", "marin", "vlachou")
_MAILS = ("mail.example", "post.example", "inbox.example", "web.example")
