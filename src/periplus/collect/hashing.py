"""E-mail addresses and phone numbers kept hashed: each is replaced by its pseudonym before anything is stored.

What is replaced, in an event as in what people type:

- an identifier by its place: the fields and columns `email` and `phone`, and any property or trait whose name ends
  in such a word (`billing_email`, `phoneNumber`), in any spelling that identity takes for one;
- in ids (user, anonymous, previous id) and in every other text, at any depth: whatever looks like an e-mail address,
  also percent-encoded in a URL, and like an international phone number (+ and digits).

An address is brought into the form in which identity compares it first, so that its spellings have one pseudonym;
one in an id is taken letter by letter, as ids are. What means nobody (`noreply@`, 000000) stays as it is, and so does
what is a pseudonym already.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from periplus.collect.identifying import identifiers
from periplus.store import pseudonyms
from periplus.store.pseudonyms import Form
from periplus.store.tombstones import keyed

Plain = Callable[[str, str], str | None]
"""A kind and a text: the identifier as identity compares it, None where it means nobody."""
SIGNS = ("@", "+", "%40", "\\u00")
"""What stands in every address or international number, the last in JSON only: most texts have none of it."""
PHONE_NAMES = ("phone", "tel", "mobile", "msisdn", "cell", "fax")
"""What stands in every name of a phone number."""
IDS = ("userId", "anonymousId", "previousId")
"""Fields of a message that hold ids."""
REMEMBERED = 100_000
"""Texts of which the result is remembered."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_MAIL_NAMES = frozenset({"email", "emails", "mail", "emailaddress"})
_PHONE_NAMES = frozenset(
    {"phone", "phones", "telephone", "tel", "mobile", "msisdn", "cell", "cellphone", "mobilephone", "fax",
     "phonenumber", "mobilenumber"}
)  # fmt: skip
_TOKEN = re.compile(r"""[^\s<>()\[\]{},;:="'&?/\\|]+""")
_DOMAIN = re.compile(r"(?!\d+x\.)[^@\s]+\.(?:[^\W\d_]{2,24}|xn--[a-z0-9-]+)", re.IGNORECASE)
"""What stands behind the @; `logo@2x.png` is a picture."""
_NUMBER = re.compile(r"(?<![\w+])\+[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)")
_DIGITS = re.compile(r"[+\d\s()./-]{6,40}")


class Named(NamedTuple):
    """Which identifier a property is by its name."""

    email: bool
    phone: bool


def named(path: str) -> Named:
    """What the name of a property says of its values: its last words, or last but a word such as number.

    >>> named("traits.billing_email"), named("phoneNumber").phone, named("properties.hotel").phone
    (Named(email=True, phone=False), True, False)
    """
    words = [word.lower() for word in _WORDS.findall(path.rpartition(".")[2])]
    if words and words[-1] in ("number", "no", "address") and len(words) > 1:
        words.pop()
    last = words[-1] if words else ""
    return Named(last in _MAIL_NAMES, last in _PHONE_NAMES)


@dataclass(frozen=True)
class Hashing:
    """The kinds that are kept hashed, the secret of the workspace, and how identity reads an identifier."""

    kinds: tuple[Form, ...]
    own: bytes = field(repr=False)
    plain: Plain
    staff: Callable[[str], bool] | None = field(default=None, repr=False, compare=False)
    """Whether the traffic rules mean an address; None where they name none."""
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False, compare=False)

    def email(self, text: str) -> str:
        """A text that stands where an e-mail address does."""
        return self._remembered("email", text, self._email)

    def phone(self, text: str) -> str:
        """A text that stands where a phone number does."""
        return self._remembered("phone", text, self._phone)

    def id(self, text: str) -> str:
        """An id, which may be an address, or hold one."""
        return self._remembered("id", text, self._id)

    def text(self, text: str) -> str:
        """Any other text."""
        return self._told(text, self._email, self._phone) if self._may_hold(text) else text

    def value(self, value: Any, name: str = "") -> Any:
        """A value as JSON has them, under a name; the same one where nothing in it is an identifier."""
        if isinstance(value, str):
            return self._named(value, name)
        if isinstance(value, Mapping):
            return {self.text(key): self.value(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.value(each, name) for each in value]
        if isinstance(value, int) and not isinstance(value, bool) and "phone" in self.kinds:
            return self._named(str(value), name) if named(name).phone and value > 99_999 else value
        return value

    def internal(self, text: str) -> str:
        """`true` for an address, or an id that is one, which the traffic rules mean; else empty."""
        return "true" if self.staff is not None and self.staff(text) else ""

    def message(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """A message in the Segment spec; its id is left as it is. What the traffic rules know by its address says so itself."""
        told = {
            name: self.value(each, name)
            for name, each in message.items()
            if name not in IDS and name != "messageId"
        }
        told |= {
            name: self.id(str(each)) if isinstance(each, str | int) and not isinstance(each, bool) else each
            for name in IDS
            if (each := message.get(name)) is not None
        }
        after = {name: told.get(name, each) for name, each in message.items()}
        context = after.get("context")
        if self._is_internal(message) and (context is None or isinstance(context, Mapping)):
            after["context"] = {**(context or {}), "internal": True}
        return after

    def _is_internal(self, message: Mapping[str, Any]) -> bool:
        if self.staff is None:
            return False
        ids = (message.get("userId"), *(value for kind, value in identifiers(message) if kind == "email"))
        return any(isinstance(each, str) and self.staff(each) for each in ids)

    def json(self, text: str) -> str:
        """A JSON text, as it is where nothing in it is an identifier; a text that is none is read as any other."""
        if not self.may_hold_json(text):
            return text
        try:
            before = json.loads(text)
            after = self.value(before)
        except (ValueError, RecursionError):
            return self.text(text)
        return text if after == before else json.dumps(after, ensure_ascii=False, separators=(",", ":"))

    def refused(self, text: str) -> str:
        """The text of a refused row or message; empty where it may hold a number that nothing tells from others."""
        try:
            document = json.loads(text)
            if isinstance(document, Mapping):
                told = self.message(document)
                told |= {"messageId": self.value(told["messageId"])} if "messageId" in told else {}
                return json.dumps(told, ensure_ascii=False)
        except (ValueError, RecursionError):
            pass
        return "" if "phone" in self.kinds else self.text(text)

    def typed(self, text: str) -> list[str]:
        """What somebody who types an identifier may mean: the text itself, and its pseudonyms."""
        plain = text.strip()
        found = [plain, self.id(plain), self.text(plain)]
        found += [self.email(plain)] if "@" in plain else []
        found += [self.phone(plain)] if _DIGITS.fullmatch(plain) else []
        return list(dict.fromkeys(found))

    # -- within ---------------------------------------------------------------------------------

    def _remembered(self, what: str, text: str, tell: Callable[[str], str]) -> str:
        found = self._known.get((what, text))
        if found is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            found = self._known[what, text] = tell(text)
        return found

    def _named(self, text: str, name: str) -> str:
        if len(text) <= 1000 and ("@" in text or _DIGITS.fullmatch(text)):
            called = named(name)
            if called.email and "@" in text:
                return self.email(text)
            if called.phone and _DIGITS.fullmatch(text):
                return self.phone(text)
        return self.text(text)

    def _email(self, text: str) -> str:
        if "email" not in self.kinds or pseudonyms.form(text) is not None:
            return text
        plain = self.plain("email", text)
        if plain is not None:
            return pseudonyms.written("email", keyed(self.own, "email", plain))
        return text if _TOKEN.fullmatch(text.strip()) else self.text(text)

    def _phone(self, text: str) -> str:
        if "phone" not in self.kinds or pseudonyms.form(text) is not None:
            return text
        plain = self.plain("phone", text)
        return text if plain is None else pseudonyms.written("phone", keyed(self.own, "phone", plain))

    def _id(self, text: str) -> str:
        trimmed = text.strip(" \t\r\n")
        return (
            self._told(trimmed, self._of_id("email"), self._of_id("phone")) if self._may_hold(text) else text
        )

    def _of_id(self, form: Form) -> Callable[[str], str]:
        def tell(text: str) -> str:
            if form not in self.kinds or pseudonyms.form(text) is not None or self.plain(form, text) is None:
                return text
            return pseudonyms.written(form, keyed(self.own, "user", text))

        return tell

    def _told(self, text: str, email: Callable[[str], str], phone: Callable[[str], str]) -> str:
        """A text with what is told of each address and number in their place."""
        if "email" in self.kinds and ("@" in text or "%40" in text):
            text = _TOKEN.sub(lambda found: _address(found[0], email), text)
        if "phone" in self.kinds and "+" in text:
            text = _NUMBER.sub(lambda found: phone(found[0]), text)
        return text

    def _may_hold(self, text: str) -> bool:
        return "@" in text or "+" in text or "%40" in text

    def may_hold_json(self, text: str) -> bool:
        """Whether a JSON text is worth being read: most hold none."""
        if any(sign in text for sign in SIGNS):
            return True
        if "phone" not in self.kinds:
            return False
        lower = text.lower()
        return any(name in lower for name in PHONE_NAMES)


def _address(token: str, tell: Callable[[str], str]) -> str:
    """A word of a text, with what is told of the address that it is, if it is one."""
    body = token.strip(".!*")
    plain = unquote(body) if "%" in body else body
    name, at, domain = plain.rpartition("@")
    if not at or not name or len(plain) > 320 or not _DOMAIN.fullmatch(domain):
        return token
    told = tell(plain)
    return token if told == plain else token.replace(body, told)


def told(hashing: Hashing, kind: str, value: str) -> str:
    """An identifier of a kind, as it is kept."""
    return (
        hashing.email(value)
        if kind == "email"
        else hashing.phone(value)
        if kind == "phone"
        else hashing.id(value)
    )
