"""What the doors for other tools have in common: a request, what a dialect reads in it, what it answers.

A *dialect* is the wire form one family of clients speaks. It only translates: bytes into messages in the
Segment spec, and outcomes into the reply its clients expect. It knows no store, no keys and no clock.
Each dialect is one file of `dialects/` that registers itself in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from periplus.collect.outline import Sent
from periplus.registry import Registry


@dataclass(frozen=True)
class Request:
    """One HTTP request, its body already decompressed; names of headers are lower-case.

    `received` is the time of receipt in microseconds UTC.
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    received: int
    address: str | None = None


@dataclass(frozen=True)
class Refused:
    """One message of a request that cannot become an event: `reason` from a closed list, what to do, and the message."""

    reason: str
    message: str
    payload: Any


@dataclass(frozen=True)
class Reading:
    """What a dialect found in a request.

    `messages` are documents in the Segment spec, in the order they were sent, names and properties as the
    client wrote them (as they came, `Sent`, only from `Skimmed.skim`); `sent_at` is the client's own clock when it
    sent them (ISO 8601, or microseconds), by which skew is corrected. `key` is the write key, None where the request names none. `found` is
    whatever the dialect's own reply needs to know.
    """

    key: str | None
    messages: Sequence[dict[str, Any] | Sent | Refused]
    sent_at: str | int | None = None
    found: Mapping[str, Any] = field(default_factory=dict)


class Fate(StrEnum):
    """What becomes of a message: every one received ends in exactly one of these."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Outcome:
    """The fate of one message; a rejected one says why."""

    fate: Fate
    reason: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Reply:
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """One wire form. `routes` are (method, path); a path may end in `*`, which stands for any rest."""

    name: str
    title: str
    routes: Sequence[tuple[str, str]]

    def read(self, request: Request) -> Reading:
        """The messages of a request; raises InputError (`malformed`) where the whole of it cannot be read."""
        ...

    def reply(self, request: Request, reading: Reading, outcomes: Sequence[Outcome]) -> Reply:
        """The answer once everything is committed; `outcomes` are in the order of `reading.messages`."""
        ...

    def refusal(self, request: Request, status: int, code: str, message: str) -> Reply:
        """The answer where nothing was taken: 400, 401, 413, 429, 503; the door adds Retry-After."""
        ...


class Skimmed(Protocol):
    """What a dialect has besides whose messages are mostly in the house's own form already."""

    def skim(self, request: Request) -> Reading:
        """As `read`, where messages that need no change may stay as they came."""
        ...


class Signed(Protocol):
    """What a dialect has besides whose requests are signed: a shop's webhooks name their source in the path.

    The door looks for these with `getattr`: a dialect with `verify` gets the secret of its source, and a
    request that it does not hold for is refused with 401 before it is read.
    """

    def source(self, request: Request) -> str:
        """The name of the source, from the path."""
        ...

    def verify(self, request: Request, secret: str) -> bool:
        """Whether the request is signed with the secret, compared in constant time."""
        ...


Fetch = Callable[[str], Mapping[str, Any]]
"""A document of a shop's API by its path under the shop, such as `orders/XJ12H`; raises BusyError to be tried again."""


class Completed(Protocol):
    """What a dialect has besides whose requests only name things, where the source has access to the shop's API."""

    def access(self, store: str, token: str) -> Fetch:
        """The API of a shop, by its number there and a secret token; nothing is asked of it yet."""
        ...

    def complete(self, request: Request, reading: Reading, fetch: Fetch) -> Reading:
        """The reading with what was named, fetched; raises BusyError (reply 503, so that it is sent again)."""
        ...


DIALECTS: Registry[Dialect] = Registry("dialect")
"""Every dialect by name; `dialects/__init__.py` imports the files that register here."""
