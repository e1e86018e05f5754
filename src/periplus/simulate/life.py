"""One person's whole time with the shop: visits, newsletters and reminders, in order of time."""

from __future__ import annotations

from typing import Any

from periplus.simulate import events, habits, plan, words
from periplus.simulate.draws import compiled, draw, exponential, pick, pick_between, seeded
from periplus.simulate.log import DAY, HOUR, MOST_PER_PERSON, NEVER, SECOND, SLOTS, World, emit
from periplus.simulate.visit import land, visit

_MILLISECOND = 1000
_MOST_VISITS = 120  # and mails
_MAILS_COUNT_UNTIL = 7 * DAY
_PERSON_SALT = 1


@compiled
def clock_time(w: World, day: int, device: int) -> int:
    """A moment of this day, at an hour at which people use this device."""
    hour = pick(w.who.state, w.odds.hours[int(w.odds.weekend[day]), device])
    return int(w.odds.start + day * DAY + hour * HOUR + int(draw(w.who.state) * HOUR))


@compiled
def next_visit(w: World, when: int, leaves: int, device: int) -> int:
    """The next visit nobody called for, or NEVER: a Poisson process whose rate follows the season.

    Made by thinning (Lewis and Shedler 1979): candidates at the rate of the busiest day, each kept with
    the weight of its day; after a slow delivery with `DISCOURAGED` times that.
    """
    gap = 365.0 * DAY / w.odds.habit[habits.VISITS, w.who.kind] * w.odds.mean_day
    while True:
        when += int(exponential(w.who.state, gap))
        if when >= leaves or when >= w.odds.close:
            return int(NEVER)
        day = (when - w.odds.start) // DAY
        weight = w.odds.day[day]
        if when > w.who.slow_from:
            weight *= plan.DISCOURAGED
        if draw(w.who.state) < weight:
            return clock_time(w, day, device)


@compiled
def mail(w: World, when: int, campaign: int) -> int:
    """A mail and what becomes of it; the time of the click on its link, or NEVER."""
    kind = w.who.kind
    letter = campaign == plan.LETTER
    opens = w.odds.habit[habits.OPENS, kind] if letter else plan.REMINDER_OPENS
    clicks = w.odds.habit[habits.CLICKS, kind] if letter else plan.REMINDER_CLICKS
    counts = letter and when < w.odds.end - _MAILS_COUNT_UNTIL
    row = emit(w, when, events.EMAIL_DELIVERED, plan.EMAIL, 0, True)
    row.campaign = campaign
    if counts:
        w.books.mails[0, kind] += 1
    if draw(w.who.state) >= opens:
        return int(NEVER)
    when += int(HOUR * min(0.02 + exponential(w.who.state, 7.0), 72.0))
    row = emit(w, when, events.EMAIL_OPENED, plan.EMAIL, 0, True)
    row.campaign = campaign
    if counts:
        w.books.mails[1, kind] += 1
    if draw(w.who.state) >= clicks:
        return int(NEVER)
    if counts:
        w.books.mails[2, kind] += 1
    return when + int(HOUR * (0.003 + 0.02 * draw(w.who.state)))


@compiled
def begin(w: World, number: int) -> None:
    """A new person: kind, country, and nothing done yet."""
    who = w.who
    who.state[0] = seeded(w.odds.seed, number, _PERSON_SALT)
    who.number = number
    who.kind = pick(who.state, w.odds.kinds)
    who.country = pick(who.state, w.odds.countries)
    who.account = who.letters = who.counter = who.gone = 0
    who.slow_from = who.remind_at = NEVER
    who.first_row = w.cursor[0]
    devices, steps = who.reach.shape
    for device in range(devices):
        who.used[device] = who.signed[device] = who.known[device] = 0
        who.first_view[device] = NEVER
        who.size[device] = 0
        for step in range(steps):
            who.reach[device, step] = 0


@compiled
def first_time(w: World, device: int) -> int:
    """When somebody first comes."""
    when = clock_time(w, pick_between(w.who.state, w.odds.days, 0, w.odds.day_count), device)
    while when >= w.odds.close:
        when -= DAY
    return when


@compiled
def live(w: World) -> None:
    """All visits of a person who has just begun."""
    who, odds, state = w.who, w.odds, w.who.state
    first_device = pick(state, odds.devices)
    second_device = (first_device + 1 + int(draw(state) * 2)) % 3 if draw(state) < 0.35 else first_device
    natural = first_time(w, first_device)
    leaves = natural + int(DAY * exponential(state, odds.habit[habits.STAYS, who.kind]))
    letter, quiet_from = 0, 0
    for _ in range(_MOST_VISITS):
        mailed = NEVER
        if who.letters > 0:
            while letter < odds.letter_count and odds.letter[letter] <= max(who.letters, quiet_from):
                letter += 1
            if letter < odds.letter_count:
                mailed = odds.letter[letter] + who.number % 5400 * SECOND
        if min(natural, mailed, who.remind_at) == NEVER:
            return
        if w.cursor[0] - who.first_row > MOST_PER_PERSON // 2:
            return
        back = False
        device = second_device if draw(state) < 0.3 else first_device
        called = min(mailed, who.remind_at) < natural
        if called:
            channel = plan.EMAIL
            back = who.remind_at < mailed
            campaign = plan.REMINDER if back else plan.LETTER
            if back:
                device, sent = who.remind_on, who.remind_at
                who.remind_at = NEVER
            else:
                sent = mailed
                letter += 1
            when = mail(w, sent, campaign)
            if when == NEVER or max(when, quiet_from) >= odds.close:
                continue
            when = max(when, quiet_from)
            emit(w, when, events.EMAIL_CLICKED, plan.EMAIL, 0, True).campaign = campaign
            when += 2 * SECOND
        else:
            when, channel = natural, pick(state, odds.channels[who.kind])
            month = odds.month[(when - odds.start) // DAY]
            campaign = int(odds.campaigns[channel, month, int(draw(state) * SLOTS)])
        # Who signed in earlier may find themselves signed out; on a phone less often.
        if who.signed[device] and draw(state) < (0.25 if device == 0 else 0.45):
            who.signed[device] = 0
        ended = visit(w, when, channel, device, campaign, back)
        if who.gone == 1:
            return
        quiet_from = ended + HOUR
        if not called:
            natural = next_visit(w, ended, leaves, first_device)
        if natural < quiet_from:
            natural = quiet_from + int(HOUR * draw(state))
        if natural >= odds.close:
            natural = NEVER
        who.remind_at = max(who.remind_at, quiet_from)


@compiled
def settle(w: World) -> None:
    """Book what became of a person, as customers can be told apart from outside.

    Devices that told who they belong to are one customer; every other device is one of its own. On a
    device the steps of the funnel build on each other, so a customer has reached what any of their
    devices has.
    """
    who = w.who
    w.books.people += 1
    w.books.kinds[who.kind] += 1
    w.books.countries[who.country] += 1
    devices, steps = who.reach.shape
    known = 0
    for device in range(devices):
        for step in range(steps):
            w.books.by_device[step, device] += who.reach[device, step]
        if who.known[device]:
            known |= 1 << device
        elif who.used[device]:
            book_customer(w, 1 << device)
    if known:
        book_customer(w, known)


@compiled
def book_customer(w: World, mine: int) -> None:
    """Count the funnel of the customer with these devices (bits)."""
    who = w.who
    devices, steps = who.reach.shape
    w.books.customers += 1
    first = -1
    for device in range(devices):
        if mine >> device & 1 and (first < 0 or who.first_view[device] < who.first_view[first]):
            first = device
    for step in range(steps):
        reached = 0
        for device in range(devices):
            if mine >> device & 1:
                reached |= who.reach[device, step]
        w.books.funnel[step] += reached
        w.books.by_first[step, first] += reached


@compiled
def spread(w: World, order: Any) -> None:
    """Make the times of a person's events differ, by a millisecond at least, so that their order is plain."""
    first, count = w.who.first_row, w.cursor[0] - w.who.first_row
    for place in range(count):
        row, to = first + place, place
        while to > 0 and w.rows[order[to - 1]].time > w.rows[row].time:
            order[to] = order[to - 1]
            to -= 1
        order[to] = row
    for place in range(1, count):
        before, here = order[place - 1], order[place]
        if w.rows[here].time <= w.rows[before].time:
            w.rows[here].time = w.rows[before].time + _MILLISECOND


@compiled
def make_people(w: World, order: Any, first: int, most: int, passing: bool) -> int:
    """Make up the people from number `first` on, `most` of them or until the log is full; how many.

    `order: int64[MOST_PER_PERSON]` is room to sort in. `passing`: people who see one page and never
    come again.
    """
    w.cursor[0] = w.cursor[1] = 0
    made = 0
    while (
        made < most
        and w.cursor[0] + MOST_PER_PERSON <= len(w.rows)
        and w.cursor[1] + MOST_PER_PERSON <= len(w.lines)
    ):
        begin(w, first + made)
        if passing:
            device = pick(w.who.state, w.odds.devices)
            land(w, first_time(w, device), plan.DIRECT, device, plan.NO_CAMPAIGN, words.HOME)
        else:
            live(w)
        settle(w)
        spread(w, order)
        for row in range(w.who.first_row, w.cursor[0]):
            w.rows[row].person = made
        person = w.people[made]
        person.end, person.kind, person.country = w.cursor[0], w.who.kind, w.who.country
        made += 1
    return made
