"""Feeds for Google Merchant Center: RSS 2.0 or Atom, whose fields are in the namespace `g:`.

The file comes from outside: it is read as a stream by a parser that refuses document types and entities,
which honest feeds do not have, and that lets nothing lie deep or grow long.
Source: the product data specification of Merchant Center.
"""

from __future__ import annotations

from typing import BinaryIO
from xml.parsers import expat

from periplus.collect.catalogue.kinds import KINDS, Found, Kind
from periplus.collect.catalogue.product import Product, Unread, product
from periplus.errors import InputError

G = "http://base.google.com/ns/1.0"
ATOM = "http://www.w3.org/2005/Atom"
DEEPEST = 20
LONGEST = 100_000
"""Letters of one field; a longer one is no field of a feed."""
BLOCK = 1 << 16
_FIELDS = {
    "id": "id", "item_group_id": "parent", "title": "title", "price": "price", "sale_price": "sale_price",
    "availability": "availability", "product_type": "category", "google_product_category": "category",
    "brand": "brand", "image_link": "image", "link": "link", "quantity": "stock", "mpn": "sku",
}  # fmt: skip
_ATTRIBUTES = ("color", "size", "gender", "age_group", "material", "pattern", "condition", "gtin", "mpn")


class _Reader:
    """Collects the fields of one item after another."""

    def __init__(self, currency: str | None) -> None:
        self.currency = currency
        self.done: list[Product | Unread] = []
        self._number, self._path = 0, list[str]()
        self._values: dict[str, str] | None = None
        self._text: list[str] | None = None
        self._size = self._item = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype

    def _doctype(self, *told: object) -> None:
        del told
        raise InputError(
            "The feed declares a document type, which feeds of products do not need.",
            code="doctype",
            hint="Export the feed anew; a file with a <!DOCTYPE …> is not read.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= DEEPEST:
            raise InputError(
                f"The feed is more than {DEEPEST} deep.", code="too_deep", hint="It is no feed of products."
            )
        inside = self._values is not None
        self._path.append(name)
        if not inside and name in ("item", f"{ATOM} entry"):
            self._number += 1
            self._values, self._item = {}, len(self._path)
        elif inside and self._depth() == 1:
            self._text, self._size = [], 0
            if name == f"{ATOM} link" and self._values is not None and attributes.get("href"):
                self._values.setdefault("link", attributes["href"])

    def _depth(self) -> int:
        """How deep in an item we are: 1 in one of its fields."""
        return len(self._path) - self._item

    def _characters(self, text: str) -> None:
        if self._text is None:
            return
        self._size += len(text)
        if self._size > LONGEST:
            raise InputError(
                f"A field of item {self._number} has more than {LONGEST:,} letters.", code="too_long",
                hint="Shorten it in the feed.",
            )  # fmt: skip
        self._text.append(text)

    def _end(self, name: str) -> None:
        depth = self._depth() if self._values is not None else -1
        self._path.pop()
        if self._values is None:
            return
        if depth == 1 and self._text is not None:
            local = name.rpartition(" ")[2]
            text = "".join(self._text).strip()
            # Of a field of the feed and one of Google's of the same name, Google's counts.
            if text and (name.startswith(G) or local not in self._values):
                self._values[local] = text
            self._text = None
        elif depth == 0:
            self.done.append(_item(self._values, self._number, self.currency))
            self._values = None


def read(file: BinaryIO, currency: str | None) -> Found:
    """The items of a feed; raises InputError where it is no well-formed XML, or not a feed."""
    reader = _Reader(currency)
    try:
        while block := file.read(BLOCK):
            reader.parser.Parse(block, False)
            yield from reader.done
            reader.done.clear()
        reader.parser.Parse(b"", True)
        yield from reader.done
    except expat.ExpatError as problem:
        raise InputError(
            f"The feed is no well-formed XML: {expat.ErrorString(problem.code)} in line {problem.lineno}.",
            code="xml",
            hint="Export it anew; it may have been cut off.",
        ) from None
    except (LookupError, ValueError) as problem:
        raise InputError(
            f"The feed cannot be read: {problem}.", code="xml", hint="Write it in UTF-8."
        ) from None


def _item(fields: dict[str, str], number: int, currency: str | None) -> Product | Unread:
    values: dict[str, object] = {}
    for name, ours in _FIELDS.items():
        if fields.get(name):
            values.setdefault(ours, fields[name])
    values["attributes"] = {name: fields[name] for name in _ATTRIBUTES if name in fields}
    return product(values, currency) or Unread(number, "The item has no g:id.")


KINDS.add("merchant", Kind("Feed for Google Merchant Center (XML)", xml=read))
