"""What follows an order: parcel, cancellation, ticket, return, review, club, friends."""

from __future__ import annotations

from typing import Any

from periplus.simulate import events, plan, words
from periplus.simulate.draws import compiled, draw, exponential, lognormal
from periplus.simulate.habits import RETURNS, REVIEW
from periplus.simulate.log import DAY, HOUR, World, emit, new_number

_TICKETS_COUNT_UNTIL = plan.TICKET_WITHIN * DAY


@compiled
def after_order(w: World, ordered: Any, channel: int, device: int) -> None:
    """Everything that a completed order (its row) leads to, up to the end of the simulated time."""
    state, who, odds = w.who.state, w.who, w.odds
    bought, order, total = ordered.time, ordered.order, ordered.amount
    first_line, lines = ordered.first_line, ordered.lines
    slow = who.country == plan.SLOW
    loyal = who.kind == plan.LOYAL
    w.books.orders += 1
    w.books.ordered += total

    cancelled = draw(state) < plan.CANCELLED
    arrived = bought
    if cancelled:
        when = bought + int(HOUR * (0.3 + 8 * draw(state)))
        row = emit(w, when, events.ORDER_CANCELLED, plan.BACK_OFFICE, device, True)
        row.order, row.amount = order, total
        row.detail = int(draw(state) * len(words.CANCEL_REASONS))
        w.books.cancelled += when < odds.end
        refund(w, when + int(HOUR * (2 + 30 * draw(state))), device, order, total)
    else:
        shipped = bought + int(HOUR * (6 + 34 * draw(state)))
        row = emit(w, shipped, events.ORDER_SHIPPED, plan.DELIVERY, device, True)
        row.order, row.detail = order, odds.carrier[who.country]
        way = lognormal(state, plan.SLOW_DAYS if slow else plan.USUAL_DAYS, 0.22)
        arrived = shipped + int(DAY * way)
        row = emit(w, arrived, events.ORDER_DELIVERED, plan.DELIVERY, device, True)
        row.order, row.detail = order, odds.carrier[who.country]
        row.more = (arrived - bought) // DAY
        if slow and arrived < who.slow_from:
            who.slow_from = arrived

    # A ticket comes with its planted chance, whatever became of the order; why and when depends on that.
    asked = draw(state) < (plan.TICKET_SLOW if slow else plan.TICKET_USUAL)
    if asked:
        if cancelled:
            reason, when = words.CANCELLATION, bought + int(HOUR * (9 + 20 * draw(state)))
        elif slow:
            reason, when = words.WHERE_IS_IT, bought + int(DAY * (4.5 + 5 * draw(state)))
        else:
            reason = words.DAMAGED + int(draw(state) * 3)
            when = min(arrived, bought + 14 * DAY) + int(DAY * (0.1 + 4 * draw(state)))
        ticket(w, when, device, reason, order)
    if bought < odds.end - _TICKETS_COUNT_UNTIL:
        w.books.tickets[int(slow), 0] += 1
        w.books.tickets[int(slow), 1] += asked
    if cancelled:
        return

    if draw(state) < odds.habit[RETURNS, who.kind] + (0.04 if slow else 0.0):
        when = arrived + int(DAY * (1 + 9 * draw(state)))
        row = emit(w, when, events.RETURN_REQUESTED, channel, device, False)
        row.order = order
        late = slow and draw(state) < 0.4
        row.detail = words.LATE_RETURN if late else int(draw(state) * len(words.RETURN_REASONS))
        back = total
        if lines > 1:
            line = w.lines[first_line]
            back = min(total, odds.price[line.product] * line.quantity)
        refund(w, when + int(DAY * (3 + 6 * draw(state))), device, order, back)
    if draw(state) < odds.habit[REVIEW, who.kind]:
        when = arrived + int(DAY * (1 + exponential(state, 6.0)))
        row = emit(w, when, events.REVIEWED, channel, device, False)
        row.product = w.lines[first_line + int(draw(state) * lines)].product
        rating = 1 + int(3 * draw(state)) if slow else max(1, 5 - int(exponential(state, 0.8)))
        row.more, row.detail = rating, int(draw(state) * 3)
        row.number = new_number(w)
    if not slow and draw(state) < (0.09 if loyal else 0.015):
        when = arrived + int(DAY * exponential(state, 9.0))
        row = emit(w, when, events.FRIEND_REFERRED, channel, device, False)
        row.detail = int(draw(state) * len(words.SHARED_BY))
    if who.account == 1 and draw(state) < (0.25 if loyal else 0.03):
        emit(w, bought + HOUR // 10, events.LOYALTY_JOINED, channel, device, False)


@compiled
def refund(w: World, when: int, device: int, order: int, amount: int) -> None:
    """Money back for an order."""
    row = emit(w, when, events.ORDER_REFUNDED, plan.BACK_OFFICE, device, True)
    row.order, row.amount = order, amount
    w.books.refunded += amount * int(when < w.odds.end)


@compiled
def ticket(w: World, when: int, device: int, reason: int, order: int) -> None:
    """A ticket and its solution; `order` is -1 where it is about none."""
    number = new_number(w)
    row = emit(w, when, events.TICKET_CREATED, plan.SUPPORT, device, True)
    row.number, row.detail, row.order = number, reason, order
    when += int(HOUR * (2 + exponential(w.who.state, 26.0)))
    row = emit(w, when, events.TICKET_SOLVED, plan.SUPPORT, device, True)
    row.number, row.detail, row.order = number, reason, order
