"""Which events are not customers': those of bots, and of the shop's own people and machines.

What is decided here is never written into an event. An event keeps what was sent, and the rules of the day say
whether it counts; so rules that were wrong can be mended for the past as well, and taken back without a trace.
The one thing only the door knows is the address a message came from. It is personal, so it is not kept: `mark`
leaves in the message the *network of the rules* that holds it, and nothing where none does.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from periplus import yaml_text
from periplus.collect.authored import Names, Note, Part, parsed
from periplus.collect.bots import is_bot
from periplus.collect.user_agent import KNOWN
from periplus.condition.automaton import Pattern
from periplus.condition.pattern import pattern

Reason = Literal["says so", "bot", "user agent", "address", "staff", "e-mail"]
"""Why an event is left out, in the order in which reasons are looked for."""

MARKING = ("context.bot", "context.internal", "context.userAgent", "context.ip", "context.network")
"""Paths by which an event is marked."""
MOST = 5000
"""Entries of one list of the rules."""
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Listed = Annotated[Names, Field(max_length=MOST)]


class TrafficRules(Part):
    """What is left out of answers unless they ask for all traffic.

    `bots`: user agents of known programs. `marks`: events that say so themselves, `context.bot` or
    `context.internal` being true. `addresses`: networks or single addresses. `user_agents`: regular expressions
    of the kind conditions have, upper and lower case alike. `staff`: user ids. `emails`: addresses, or domains
    with all below them.

    >>> TrafficRules.parse("{addresses: [192.0.2.0/24], emails: shop.example}").emails
    ('shop.example',)
    """

    description: Note | None = None
    bots: bool = True
    marks: bool = True
    addresses: _Listed = ()
    user_agents: Annotated[Names, Field(max_length=200)] = ()
    staff: _Listed = ()
    emails: Annotated[Names, Field(max_length=500)] = ()

    @field_validator("addresses", mode="after")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(str(_network(each)) for each in value))

    @field_validator("user_agents", mode="after")
    @classmethod
    def _patterns(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                if _pattern(each).search(""):
                    raise ValueError("it matches every user agent")
            except ValueError as problem:
                raise ValueError(f"{each!r} cannot be used as a pattern, {problem}") from None
        return value

    @field_validator("staff", mode="after")
    @classmethod
    def _ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.strip() for each in value)

    @field_validator("emails", mode="after")
    @classmethod
    def _mails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(each.strip().lower().removeprefix("@") for each in value)
        for each in found:
            name, at, domain = each.rpartition("@")
            if "." not in domain or (at and not name) or any(sign in each for sign in " ,;*"):
                raise ValueError(f"{each!r} is neither an e-mail address nor a domain such as shop.example")
        return found

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | TrafficRules) -> TrafficRules:
        """From a dict, YAML text or a file; raises DocumentError that names the key and its nearest right word."""
        if isinstance(document, TrafficRules):
            return document
        return parsed(cls, document, "traffic rules", "docs/traffic.md")

    def document(self) -> dict[str, Any]:
        """The plain form, without what is as usual; `parse(document())` equals this."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def yaml(self) -> str:
        """The whole document as text, what is as usual too."""
        return yaml_text.write(self.model_dump(mode="json", exclude_none=True))


def _network(text: str) -> _Network:
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is no address and no network such as 192.0.2.0/24 or 2001:db8::/32"
        ) from None
    if found.prefixlen == 0:
        raise ValueError(f"{text!r} is every address there is")
    return found


@lru_cache(maxsize=1024)
def _pattern(text: str) -> Pattern:
    return pattern(text if text.startswith("(?i)") else f"(?i){text}")


@dataclass(frozen=True)
class Judge:
    """Rules made ready to judge with: one method for each thing an event can be told by."""

    rules: TrafficRules
    networks: tuple[_Network, ...]
    staff: frozenset[str]
    mails: frozenset[str]
    domains: frozenset[str]

    def agent(self, text: str) -> Reason | None:
        """What the user agent alone says."""
        if self.rules.bots and is_bot(text):
            return "bot"
        return "user agent" if self.patterns(text) else None

    def patterns(self, text: str) -> list[str]:
        """The patterns of the rules that a user agent meets."""
        return [each for each in self.rules.user_agents if _pattern(each).search(text)]

    def network(self, address: str) -> str | None:
        """The network of the rules that an address, or a network noted at the door, lies in."""
        if not self.networks:
            return None
        try:
            found = ipaddress.ip_network(address.strip(), strict=False)
        except ValueError:
            return None
        mapped = found.network_address.ipv4_mapped if found.version == 6 else None
        if mapped is not None and found.prefixlen >= 96:
            found = ipaddress.ip_network(f"{mapped}/{found.prefixlen - 96}", strict=False)
        for known in self.networks:
            if known.version == found.version and found.subnet_of(known):  # type: ignore[arg-type]
                return str(known)
        return None

    def mail(self, text: str) -> bool:
        """Whether an e-mail address is one of the rules', or of one of their domains."""
        address = text.strip().lower()
        if address in self.mails:
            return True
        domain = address.rpartition("@")[2].split(".")
        return any(".".join(domain[start:]) in self.domains for start in range(len(domain)))

    def reason(self, event: Mapping[str, Any]) -> Reason | None:
        """Why an event (a message in the Segment spec) is left out; None where it counts."""
        context = event.get("context")
        said = context if isinstance(context, Mapping) else {}
        if self.rules.marks and (_true(said.get("bot")) or _true(said.get("internal"))):
            return "says so"
        agent = said.get("userAgent")
        if isinstance(agent, str) and (found := self.agent(agent)) is not None:
            return found
        if any(isinstance(at, str) and self.network(at) for at in (said.get("ip"), said.get("network"))):
            return "address"
        user, mail = event.get("userId"), event.get("email")
        if user is not None and str(user).strip() in self.staff:
            return "staff"
        return "e-mail" if isinstance(mail, str) and self.mail(mail) else None


def _true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


@lru_cache(maxsize=8)
def judge(rules: TrafficRules) -> Judge:
    """The rules made ready.

    >>> judge(TrafficRules.parse({"staff": ["u1"]})).reason({"userId": "u1"})
    'staff'
    """
    return Judge(
        rules,
        tuple(_network(each) for each in rules.addresses),
        frozenset(rules.staff),
        frozenset(each for each in rules.emails if "@" in each),
        frozenset(each for each in rules.emails if "@" not in each),
    )


@lru_cache(maxsize=KNOWN)
def _network_of(rules: TrafficRules, address: str) -> str | None:
    return judge(rules).network(address)


def mark(message: dict[str, Any], rules: TrafficRules, address: str | None) -> None:
    """Leave in `context.network` the network of the rules that a message came from, before its address is forgotten.

    Whatever else the rules go by is in the message itself and is judged when it is written, and again whenever
    the rules change. A message that says its network already keeps it.

    >>> message = {"type": "page"}
    >>> mark(message, TrafficRules.parse({"addresses": ["192.0.2.0/24"]}), "192.0.2.7")
    >>> message["context"]
    {'network': '192.0.2.0/24'}
    """
    if address is None or not rules.addresses or (network := _network_of(rules, address)) is None:
        return
    context = message.get("context")
    if context is None or isinstance(context, Mapping):
        message["context"] = {"network": network, **(context or {})}


def freeze(message: dict[str, Any], rules: TrafficRules) -> None:
    """Write the verdict itself into a message that is about to lose what it goes by, as one kept by nobody's name is.

    It then says so itself, `context.bot` or `context.internal`, and no later rule finds it out again.
    """
    reason = judge(rules).reason(message)
    if reason is None or reason == "says so":
        return
    context = message.get("context")
    if context is None or isinstance(context, Mapping):
        message["context"] = {**(context or {}), "bot" if reason == "bot" else "internal": True}
