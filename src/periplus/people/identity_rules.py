"""Which identifiers link, and how their spellings are compared: the rules of identity as a document.

Each rule that is not as usual is one line of YAML. A kind that is switched off still names whom its events belong
to where they carry nothing stronger, but it joins nobody: every link with it is as if cut.

What two spellings of one identifier are is said twice, as SQL for millions and in Python for one; a test holds
them together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from periplus import yaml_text
from periplus.collect.authored import Names, Part, parsed
from periplus.errors import nearest
from periplus.people.guards import Limits
from periplus.people.identifiers import email, phone, usable
from periplus.store.door import literal

SWITCHES = ("alias", "email", "phone", "device", "reference")
"""What can be switched off."""
DOTLESS = ("gmail.com", "googlemail.com")
"""Mail providers to whom dots in the name of a mailbox mean nothing."""


class IdentityRules(Part):
    """Which links count. `parse` reads the document, `document` gives it back without what is as usual.

    `alias`: an alias joins two user ids. `email`, `phone`, `device`: such identifiers link what they are seen with.
    `reference`: an event that carries only an order or ticket number belongs to whom that was seen with.
    `external`: traits that hold a number of a person, such as of a loyalty card; it ranks with e-mail and phone.
    `mailbox`: `ann+news@` is `ann@`, and at Gmail dots do not count. `region`: the country (two letters) whose phone
    numbers are written without their country code. `limits`: with how many others an identifier may be seen (`guards.py`).
    """

    alias: bool = True
    email: bool = True
    phone: bool = True
    device: bool = True
    reference: bool = True
    external: Annotated[Names, Field(max_length=8)] = ()
    mailbox: bool = False
    region: str = ""
    limits: Limits = Limits()

    @field_validator("external", mode="after")
    @classmethod
    def _traits(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(each.strip().removeprefix("traits.") for each in value if each.strip()))
        if any(":" in name for name in names):
            raise ValueError("a trait's name has no colon")
        return names

    @field_validator("region", mode="after")
    @classmethod
    def _region(cls, value: str) -> str:
        region = value.strip().upper()
        if region and numbering(region) is None:
            from phonenumbers import SUPPORTED_REGIONS

            close = nearest(region, SUPPORTED_REGIONS)
            meant = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{value[:40]!r} is no country of two letters such as GR or DE{meant}")
        return region

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | IdentityRules) -> IdentityRules:
        """From a dict, YAML text or a file; raises DocumentError that names the key and its nearest right word."""
        if isinstance(document, IdentityRules):
            return document
        return parsed(cls, document, "identity rules", "docs/identity.md")

    def document(self) -> dict[str, Any]:
        """The plain form, without what is as usual; `parse(document())` equals this."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def yaml(self) -> str:
        """The whole document as text, what is as usual too."""
        return yaml_text.write(self.model_dump(mode="json"))

    def links(self, kind: str) -> bool:
        """Whether identifiers of a kind link; a number from a trait does where it is named at all."""
        return bool(getattr(self, kind)) if kind in SWITCHES else True

    def value(self, kind: str, column: str) -> str:
        """SQL of the identifier in `column` as it is compared, NULL where it means nobody."""
        if kind == "email":
            return _mailbox_sql(email(column)) if self.mailbox else email(column)
        if kind == "phone":
            return _international_sql(phone(column), self.region)
        if kind == "external":  # its trait stands before it: numbers of different cards are different
            number = usable(f"substr({column}, position(':' IN {column}) + 1)")
            return f"CASE WHEN {number} IS NOT NULL THEN split_part({column}, ':', 1) || ':' || {number} END"
        return usable(column)

    def alike(self, kind: str, column: str) -> str:
        """SQL that equals `value` wherever that is not NULL, and is quicker: to find who carries known identifiers."""
        text = f"trim({column}, E' \\t\\r\\n')"
        if kind == "email":
            return _mailbox_sql(f"lower({text})") if self.mailbox else f"lower({text})"
        return text if kind in ("user", "device") else self.value(kind, column)

    def plain(self, kind: str, value: str) -> str:
        """The same for one identifier that is in its plain form (`collect.identifying.normal`)."""
        if kind == "email" and self.mailbox:
            return mailbox(value)
        return international(value, self.region) if kind == "phone" else value


@dataclass(frozen=True)
class Numbering:
    """How phone numbers of a country are written at home: its code, what stands before them, which there can be."""

    code: str
    prefix: str
    pattern: str

    @property
    def heads(self) -> list[str]:
        """What may stand before the number itself, in the order in which it is looked for."""
        return list(dict.fromkeys((self.prefix, "", self.code)))


@cache
def numbering(region: str) -> Numbering | None:
    """The numbering of a country by its two letters (libphonenumber's metadata); None where there is none."""
    from phonenumbers import PhoneMetadata

    found = PhoneMetadata.metadata_for_region(region, None)
    pattern = (
        None if found is None or found.general_desc is None else found.general_desc.national_number_pattern
    )
    if found is None or pattern is None:
        return None
    return Numbering(str(found.country_code), found.national_prefix or "", pattern)


def international(number: str, region: str) -> str:
    """A plain number with its country's code, where it is one of `region` written as at home; else as it is.

    >>> international("6912345678", "GR"), international("030123456", "DE"), international("+15550001111", "GR")
    ('+306912345678', '+4930123456', '+15550001111')
    """
    known = numbering(region) if region else None
    if known is None or number.startswith("+"):
        return number
    for head in known.heads:
        if number.startswith(head) and re.fullmatch(known.pattern, number[len(head) :], re.ASCII):
            return f"+{known.code}{number[len(head) :]}"
    return number


def _international_sql(value: str, region: str) -> str:
    known = numbering(region) if region else None
    if known is None:
        return value
    cases = "".join(
        f" WHEN starts_with(n, '{head}') AND regexp_full_match(substr(n, {len(head) + 1}), {literal(known.pattern)}) "
        f"THEN '+{known.code}' || substr(n, {len(head) + 1})"
        for head in known.heads
    )
    return f"list_transform([{value}], lambda n: CASE WHEN starts_with(n, '+') THEN n{cases} ELSE n END)[1]"


def mailbox(address: str) -> str:
    """The mailbox behind an address in lower case: without its tag, and at Gmail without dots.

    >>> mailbox("ann.b+news@gmail.com"), mailbox("ann.b+news@shop.example")
    ('annb@gmail.com', 'ann.b@shop.example')
    """
    name, _, domain = address.rpartition("@")
    plain = name.partition("+")[0] or name
    if domain in DOTLESS:
        return f"{plain.replace('.', '') or plain}@{DOTLESS[0]}"
    return f"{plain}@{domain}"


def _mailbox_sql(value: str) -> str:
    name, domain = "regexp_extract(a, '^(.*)@', 1)", "regexp_extract(a, '@([^@]*)$', 1)"
    plain = f"coalesce(nullif(split_part({name}, '+', 1), ''), {name})"
    dotless = f"coalesce(nullif(replace({plain}, '.', ''), ''), {plain}) || '@{DOTLESS[0]}'"
    listed = ", ".join(f"'{each}'" for each in DOTLESS)
    return (
        f"list_transform([{value}], lambda a: CASE WHEN a IS NULL THEN NULL WHEN {domain} IN ({listed}) "
        f"THEN {dotless} ELSE {plain} || '@' || {domain} END)[1]"
    )
