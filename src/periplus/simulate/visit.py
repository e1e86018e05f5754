"""One visit to the shop: landing, looking around, the cart, the checkout.

Promises the truth file rests on: a visit ends within three hours; product view → added, cart viewed →
checkout started, checkout started → payment entered, payment entered → order completed each lie within
one hour; at most one checkout per visit, and a cart view before every checkout.
"""

from __future__ import annotations

from typing import Any

from periplus.simulate import events, habits, plan, words
from periplus.simulate.draws import compiled, draw, exponential, lognormal, pick, pick_between
from periplus.simulate.log import DAY, MOST_IN_CART, SECOND, World, emit, new_number
from periplus.simulate.orders import after_order, ticket

_LONGEST_LOOK = 3600 * SECOND
_LONGEST_PAUSE = 240.0


@compiled
def later(w: World, when: int, median: float) -> int:
    """The moment of the next click, after some seconds with this median."""
    return when + int(min(lognormal(w.who.state, median, 0.8), _LONGEST_PAUSE) * SECOND)


@compiled
def trial(w: World, step: int, device: int) -> bool:
    """Decide a planted step, and book that it was decided and how."""
    kind = w.who.kind
    w.books.trials[step, device, kind] += 1
    if draw(w.who.state) < w.odds.rates[step, device, kind]:
        w.books.happened[step, device, kind] += 1
        return True
    return False


@compiled
def identify(w: World, when: int, channel: int, device: int) -> None:
    """An identify statement: e-mail, name and country, and the user id if signed in."""
    w.who.known[device] = 1
    emit(w, when, events.IDENTIFY, channel, device, False)


@compiled
def sign_in(w: World, when: int, channel: int, device: int) -> int:
    """Sign in, or make the account if there is none yet; from now on events carry the user id."""
    if w.who.account == 1:
        event = events.SIGNED_IN
    else:
        event = events.ACCOUNT_CREATED
        w.who.account = 1
        w.who.letters = when if draw(w.who.state) < plan.NEWSLETTER else -1
    w.who.signed[device] = 1
    identify(w, when, channel, device)
    when += SECOND
    row = emit(w, when, event, channel, device, False)
    row.detail = min(int(exponential(w.who.state, 0.7)), len(words.METHODS) - 1)
    return int(when)


@compiled
def any_product(w: World, category: int) -> int:
    """A product of a category, popular ones more often."""
    return int(pick_between(w.who.state, w.odds.popular, w.odds.first[category], w.odds.first[category + 1]))


@compiled
def cart_lines(w: World, row: Any, device: int) -> int:
    """Copy the cart's lines to an event; what they cost."""
    total = 0
    first = w.cursor[1]
    for place in range(w.who.size[device]):
        product, quantity = w.who.product[device, place], w.who.quantity[device, place]
        line = w.lines[first + place]
        line.product, line.quantity = product, quantity
        total += w.odds.price[product] * quantity
    row.first_line = first
    row.lines = w.who.size[device]
    w.cursor[1] = first + w.who.size[device]
    row.cart = w.who.cart[device]
    return int(total)


@compiled
def land(w: World, when: int, channel: int, device: int, campaign: int, page: int) -> None:
    """The page view a visit begins with; it alone carries the campaign."""
    w.books.visits[channel] += 1
    w.who.used[device] = 1
    row = emit(w, when, events.PAGE_VIEWED, channel, device, False)
    row.campaign, row.detail = campaign, page


@compiled
def visit(w: World, when: int, channel: int, device: int, campaign: int, back: bool) -> int:
    """One visit; the time of its last event. `back`: straight to the cart, from a reminder."""
    state, kind = w.who.state, w.who.kind
    if back and w.who.size[device] > 0:
        land(w, when, channel, device, campaign, words.CART_PAGE)
        return int(cart_page(w, later(w, when, 8.0), channel, device))
    if draw(state) < plan.FORGOTTEN:
        w.who.size[device] = 0
    chance = draw(state)
    if channel == plan.CPC:
        page = words.PRODUCT_PAGE if chance < 0.45 else words.CATEGORY_PAGE
    elif channel == plan.DIRECT:
        page = words.HOME
    elif channel in (plan.SOCIAL, plan.REFERRAL):
        page = words.PRODUCT_PAGE if chance < 0.55 else words.HOME if chance < 0.75 else words.CATEGORY_PAGE
    else:
        page = words.HOME if chance < 0.35 else words.CATEGORY_PAGE if chance < 0.70 else words.PRODUCT_PAGE
    land(w, when, channel, device, campaign, page)
    leaves = draw(state) < w.odds.habit[habits.BOUNCE, kind]
    if leaves and draw(state) < 0.45:
        return int(when)
    if not w.who.signed[device]:
        knows = w.who.account == 1
        if draw(state) < (w.odds.habit[habits.SIGN_IN, kind] if knows else 0.008):
            when = sign_in(w, later(w, when, 12.0), channel, device)
    category = pick(state, w.odds.interest)
    if page == words.HOME:
        when = home(w, when, channel, device)
    if page == words.PRODUCT_PAGE:
        when = look(w, later(w, when, 1.0), channel, device, category)
    else:
        when = look_for(w, later(w, when, 9.0), channel, device, category)
    if leaves:
        return int(when)

    until = when + _LONGEST_LOOK
    views = 1 + int(exponential(state, w.odds.habit[habits.VIEWS, kind]))
    for view in range(views):
        if when > until:
            break
        if draw(state) < 0.3:
            category = pick(state, w.odds.interest)
        if view > 0 and draw(state) < 0.4:
            when = look_for(w, later(w, when, 20.0), channel, device, category)
        when = look(w, later(w, when, 18.0), channel, device, category)
    if w.who.size[device] > 0 and draw(state) < w.odds.habit[habits.CART, kind]:
        when = cart_page(w, later(w, when, 15.0), channel, device)
    return int(when)


@compiled
def home(w: World, when: int, channel: int, device: int) -> int:
    """The home page's banner, and now and then one of the pages nobody sells anything on."""
    state = w.who.state
    if draw(state) < 0.45:
        when = later(w, when, 2.0)
        banner = int(draw(state) * len(words.PROMOTIONS))
        row = emit(w, when, events.PROMOTION_VIEWED, channel, device, False)
        row.detail = banner
        if draw(state) < 0.16:
            when = later(w, when, 8.0)
            row = emit(w, when, events.PROMOTION_CLICKED, channel, device, False)
            row.detail = banner
    if draw(state) < 0.08:
        when = later(w, when, 10.0)
        row = emit(w, when, events.PAGE_VIEWED, channel, device, False)
        row.detail = 1 + int(draw(state) * 4)
    return int(when)


@compiled
def look_for(w: World, when: int, channel: int, device: int, category: int) -> int:
    """A search or a category page."""
    if draw(w.who.state) < w.odds.habit[habits.SEARCH, w.who.kind]:
        row = emit(w, when, events.SEARCHED, channel, device, False)
        row.detail = category * 3 + int(draw(w.who.state) * 3)
    else:
        row = emit(w, when, events.LIST_VIEWED, channel, device, False)
        row.detail = category
    return when


@compiled
def look(w: World, when: int, channel: int, device: int, category: int) -> int:
    """A product page, what is read and done there, and perhaps into the cart."""
    state, kind = w.who.state, w.who.kind
    product = any_product(w, category)
    row = emit(w, when, events.PRODUCT_VIEWED, channel, device, False)
    row.product = product
    adds = trial(w, plan.ADD, device)
    if draw(state) < (0.34 if adds else 0.13):
        when = later(w, when, 25.0)
        row = emit(w, when, events.REVIEWS_VIEWED, channel, device, False)
        row.product = product
    if not adds and draw(state) < 0.028:
        when = later(w, when, 20.0)
        row = emit(w, when, events.WISHED, channel, device, False)
        row.product = product
    if draw(state) < 0.006:
        when = later(w, when, 20.0)
        row = emit(w, when, events.SHARED, channel, device, False)
        row.product, row.detail = product, int(draw(state) * len(words.SHARED_BY))
    if adds:
        when = later(w, when, 22.0)
        if w.who.size[device] == 0:
            w.who.cart[device] = new_number(w)
        quantity = 2 if draw(state) < (0.2 if kind == plan.GIFT else 0.06) else 1
        row = emit(w, when, events.PRODUCT_ADDED, channel, device, False)
        row.product, row.quantity, row.cart = product, quantity, w.who.cart[device]
        place = w.who.size[device] if w.who.size[device] < MOST_IN_CART else MOST_IN_CART - 1
        w.who.product[device, place], w.who.quantity[device, place] = product, quantity
        w.who.size[device] = place + 1
    return int(when)


@compiled
def cart_page(w: World, when: int, channel: int, device: int) -> int:
    """The cart page and all that may follow; without an order, perhaps a reminder a day later."""
    state, kind = w.who.state, w.who.kind
    row = emit(w, when, events.CART_VIEWED, channel, device, False)
    row.amount = cart_lines(w, row, device)
    ordered = False
    if trial(w, plan.CHECKOUT, device):
        if w.who.size[device] > 1 and draw(state) < 0.12:
            when = later(w, when, 15.0)
            w.who.size[device] -= 1
            place = w.who.size[device]
            row = emit(w, when, events.PRODUCT_REMOVED, channel, device, False)
            row.product, row.cart = w.who.product[device, place], w.who.cart[device]
            row.quantity = w.who.quantity[device, place]
        coupon = -1
        if draw(state) < w.odds.habit[habits.COUPON, kind]:
            when = later(w, when, 25.0)
            coupon = int(draw(state) * len(words.COUPONS))
            row = emit(w, when, events.COUPON_APPLIED, channel, device, False)
            row.coupon, row.cart = coupon, w.who.cart[device]
        when, ordered = checkout(w, later(w, when, 20.0), channel, device, coupon)
    if not ordered and w.who.letters > 0 and w.who.signed[device]:
        w.who.remind_at = when + DAY + int(DAY * 0.1 * draw(state))
        w.who.remind_on = device
    return int(when)


@compiled
def checkout(w: World, when: int, channel: int, device: int, coupon: int) -> tuple[int, bool]:
    """From the start of the checkout to the order, or to where it breaks off; (last event, ordered)."""
    state, kind = w.who.state, w.who.kind
    row = emit(w, when, events.CHECKOUT_STARTED, channel, device, False)
    goods = cart_lines(w, row, device)
    row.amount, row.coupon = goods, coupon
    if not w.who.signed[device]:
        when = later(w, when, 15.0)
        if w.who.account == 1 or draw(state) < w.odds.habit[habits.ACCOUNT, kind]:
            when = sign_in(w, when, channel, device)
        elif not w.who.known[device]:
            identify(w, when, channel, device)
    shipping = min(int(exponential(state, 0.7)), len(words.SHIPPING) - 1)
    pays = trial(w, plan.PAYMENT, device)
    done = 2 if pays else int(draw(state) * 3) if device != 0 else int(draw(state) * 1.4)
    for step in range(1, done + 1):
        when = later(w, when, 40.0)
        row = emit(w, when, events.CHECKOUT_STEP, channel, device, False)
        row.detail, row.cart = step, w.who.cart[device]
        if step == 2:
            row.more = shipping
    if not pays:
        w.who.gone = int(draw(state) < (plan.GIVES_UP_MOBILE if device == 0 else plan.GIVES_UP))
        if draw(state) < 0.07:
            when = later(w, when, 60.0)
            row = emit(w, when, events.CHAT_STARTED, plan.CHAT, device, False)
            row.detail = int(draw(state) * len(words.CHAT_TOPICS))
        return int(when), False

    payment = min(int(exponential(state, 0.8)), len(words.PAYMENTS) - 1)
    when = later(w, when, 35.0)
    row = emit(w, when, events.PAYMENT_ENTERED, channel, device, False)
    row.cart, row.more = w.who.cart[device], payment
    if not trial(w, plan.ORDER, device):
        if draw(state) < 0.15:
            at = when + int(900 * SECOND * (1 + draw(state)))
            ticket(w, at, device, words.PAYMENT_FAILED, -1)
        return int(when), False

    when = later(w, when, 12.0)
    row = emit(w, when, events.ORDER_COMPLETED, channel, device, False)
    cart_lines(w, row, device)
    off = goods * words.COUPON_SHARE[coupon] // 100 if coupon >= 0 else 0
    fee = 0 if goods - off >= words.FREE_FROM else words.SHIPPING_PRICE[shipping]
    row.amount, row.discount, row.shipping = goods - off + fee, off, fee
    row.order, row.coupon, row.more = new_number(w), coupon, payment
    w.who.size[device] = 0
    after_order(w, row, channel, device)
    return int(when), True
