"""What the compiled loops read and write: odds, one person's state, the compact log and the books.

Each is a NumPy record, because Numba passes a record as one pointer (a tuple of forty arrays takes it
two minutes to compile). The **log** has one row per event in plain numbers; words are put in later,
column by column. The **books** count at the moment something is decided, not afterwards from the log:
that is what makes the truth file independent of the events.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from periplus.simulate import events, habits, plan
from periplus.simulate.draws import compiled

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
NEVER = np.iinfo(np.int64).max

MOST_PER_PERSON = 8192
"""No person has more events than this, nor more lines of baskets."""
MOST_IN_CART = 8
MOST_DAYS = 3660
SLOTS = 60
_LETTERS = MOST_DAYS // 14 + 2
_FUNNEL, _STEPS, _DEVICES, _KINDS = len(events.FUNNEL), len(plan.STEPS), len(plan.DEVICES), len(plan.KINDS)
_CHANNELS, _COUNTRIES, _EVENTS = len(plan.CHANNELS), len(plan.COUNTRIES), len(events.NAMES)

ROW = np.dtype(
    [
        ("time", "i8"),  # microseconds UTC, whole milliseconds
        ("amount", "i8"),  # minor units: price of the cart, total of the order, sum refunded
        ("discount", "i8"),
        ("shipping", "i8"),
        ("cart", "i8"),
        ("order", "i8"),
        ("number", "i8"),  # of a ticket, a review
        ("person", "i4"),  # place within the chunk
        ("ordinal", "i4"),  # place within the person
        ("product", "i4"),
        ("detail", "i4"),  # a word of the event's own list
        ("more", "i4"),  # a second one
        ("first_line", "i4"),
        ("lines", "i2"),
        ("event", "u1"),
        ("device", "i1"),  # where it was seen
        ("anonymous", "i1"),  # the device whose anonymous id it carries
        ("user", "u1"),  # carries the user id
        ("channel", "i1"),
        ("campaign", "i1"),
        ("quantity", "i1"),
        ("coupon", "i1"),
    ],
    align=True,
)
"""One event; -1 where it has no such value."""

LINE = np.dtype([("product", "i4"), ("quantity", "i1")], align=True)
"""One line of a basket."""

PERSON = np.dtype([("end", "i8"), ("kind", "i1"), ("country", "i1")], align=True)
"""One person of a chunk: rows end at `end`, and begin where those of the one before end."""

BOOKS = np.dtype(
    [
        ("events", "i8", (_EVENTS,)),
        ("trials", "i8", (_STEPS, _DEVICES, _KINDS)),
        ("happened", "i8", (_STEPS, _DEVICES, _KINDS)),
        ("tickets", "i8", (2, 2)),  # [usual or slow country, orders or those with a ticket]
        ("mails", "i8", (3, _KINDS)),  # [delivered, opened or clicked, kind]
        ("funnel", "i8", (_FUNNEL,)),  # customers
        ("by_device", "i8", (_FUNNEL, _DEVICES)),  # customers with that event on that device
        ("by_first", "i8", (_FUNNEL, _DEVICES)),  # customers by the device of their first product view
        ("people", "i8"),
        ("customers", "i8"),
        ("visits", "i8", (_CHANNELS,)),
        ("orders", "i8"),
        ("ordered", "i8"),  # minor units
        ("cancelled", "i8"),
        ("refunded", "i8"),  # minor units
        ("kinds", "i8", (_KINDS,)),
        ("countries", "i8", (_COUNTRIES,)),
    ],
    align=True,
)
"""Counts of what was decided."""

WHO = np.dtype(
    [
        ("state", "u8", (1,)),  # of the random generator
        ("number", "i8"),
        ("kind", "i8"),
        ("country", "i8"),
        ("account", "i8"),  # 1 if there is one
        ("letters", "i8"),  # since when they take the newsletter; 0 or less: not
        ("counter", "i8"),  # of carts, orders, tickets, reviews
        ("slow_from", "i8"),  # since when they know the slow delivery
        ("remind_at", "i8"),
        ("remind_on", "i8"),
        ("gone", "i8"),  # 1: never comes back
        ("first_row", "i8"),
        ("used", "u1", (_DEVICES,)),
        ("signed", "u1", (_DEVICES,)),  # signed in now
        ("known", "u1", (_DEVICES,)),  # has told who it belongs to
        ("reach", "u1", (_DEVICES, _FUNNEL)),
        ("first_view", "i8", (_DEVICES,)),
        ("cart", "i8", (_DEVICES,)),  # number of the cart
        ("size", "i8", (_DEVICES,)),  # products in it
        ("product", "i4", (_DEVICES, MOST_IN_CART)),
        ("quantity", "i8", (_DEVICES, MOST_IN_CART)),
    ],
    align=True,
)
"""One person, while their life is made up."""

ODDS = np.dtype(
    [
        ("seed", "u8"),
        ("start", "i8"),
        ("end", "i8"),
        ("close", "i8"),  # no visit begins at or after it
        ("day_count", "i8"),
        ("letter_count", "i8"),
        ("mean_day", "f8"),
        ("rates", "f8", (_STEPS, _DEVICES, _KINDS)),
        ("habit", "f8", (len(habits.HABITS), _KINDS)),
        ("kinds", "f8", (_KINDS,)),  # shares, cumulated like all that follow
        ("devices", "f8", (_DEVICES,)),
        ("countries", "f8", (_COUNTRIES,)),
        ("channels", "f8", (_KINDS, _CHANNELS)),
        ("campaigns", "i1", (_CHANNELS, 12, SLOTS)),
        ("month", "i1", (MOST_DAYS,)),  # from 0
        ("weekend", "i1", (MOST_DAYS,)),
        ("day", "f8", (MOST_DAYS,)),  # weight over the greatest weight
        ("days", "f8", (MOST_DAYS,)),
        ("hours", "f8", (2, _DEVICES, 24)),
        ("letter", "i8", (_LETTERS,)),  # times of the newsletters
        ("carrier", "i1", (_COUNTRIES,)),
        ("price", "i8", (habits.PRODUCTS,)),
        ("popular", "f8", (habits.PRODUCTS,)),
        ("first", "i8", (habits.CATEGORIES + 1,)),
        ("interest", "f8", (habits.CATEGORIES,)),
    ],
    align=True,
)
"""The plan, the season and the catalogue, as tables."""

_STEP_OF = np.full(_EVENTS, -1, dtype=np.int64)
_STEP_OF[list(events.FUNNEL)] = np.arange(_FUNNEL)


class World(NamedTuple):
    """All that a loop needs; `cursor` holds the next row and the next line."""

    rows: Any  # ROW[]
    lines: Any  # LINE[]
    people: Any  # PERSON[]
    cursor: NDArray[np.int64]
    books: Any  # BOOKS
    who: Any  # WHO
    odds: Any  # ODDS


def new_world(odds: Any, events_room: int, people_room: int) -> World:
    """An empty world with room for this many events and people."""
    return World(
        rows=np.zeros(events_room, ROW),
        lines=np.zeros(events_room, LINE),
        people=np.zeros(people_room, PERSON),
        cursor=np.zeros(2, np.int64),
        books=np.zeros(1, BOOKS)[0],
        who=np.zeros(1, WHO)[0],
        odds=odds,
    )


@compiled
def emit(w: World, when: int, event: int, channel: int, device: int, server: bool) -> Any:
    """Write an event; its row. On the web it carries its device, from a server the user id if there is one.

    What would happen at or after the end has not happened yet: such a row is overwritten by the next.
    """
    row = w.rows[w.cursor[0]]
    who = w.who
    row.time = when // 1000 * 1000
    row.event = event
    row.ordinal = w.cursor[0] - who.first_row
    row.device = -1 if server else device
    row.anonymous = -1 if server and who.account == 1 else device
    row.user = who.account if server else who.signed[device]
    row.channel = channel
    row.campaign = -1
    row.product = -1
    row.quantity = -1
    row.amount = -1
    row.discount = -1
    row.shipping = -1
    row.detail = -1
    row.more = -1
    row.cart = -1
    row.order = -1
    row.number = -1
    row.coupon = -1
    row.first_line = w.cursor[1]
    row.lines = 0
    if when < w.odds.end - SECOND:
        w.cursor[0] += 1
        w.books.events[event] += 1
        step = _STEP_OF[event]
        if step >= 0:
            who.reach[device, step] = 1
            if step == 0 and when < who.first_view[device]:
                who.first_view[device] = when
    return row


@compiled
def new_number(w: World) -> int:
    """A number nobody else has: for a cart, an order, a ticket, a review."""
    w.who.counter += 1
    return int(w.who.number * 1024 + w.who.counter)
