"""The shop map that a workspace begins with: touchpoints in the names of Segment's e-commerce spec.

Kept as YAML, as anybody would write it, so that it can be exported, edited and put back. The order
matters: an event that meets several rules goes to the first, so paid comes before social, social
before search. Orders and what follows belong to one journey until the customer comes back to look
for something else (`end: restart`).
"""

from __future__ import annotations

from periplus.maps.model import MapDocument

SHOP_YAML = r"""
name: Shop
id: shop
description: >-
  How people come to a shop, choose, order, get their parcel and come back.
goal: [order]
lapse: 30d
end: restart
stages:
- name: Awareness
  steps:
  - id: ad
    name: Ad
    rule:
      event: Page Viewed
      where:
        context.campaign.medium:
          in: [cpc, ppc, cpm, cpv, paid, paid-search, paid_search, paidsearch, paid-social, paid_social,
               display, banner, retargeting, affiliate]
    channel: paid
    department: marketing
  - id: social
    name: Social post
    rule:
      any:
      - event: Page Viewed
        where: {context.campaign.medium: {in: [social, social-media, social_media, influencer]}}
      - event: Page Viewed
        where:
          context.campaign.medium: {exists: false}
          context.page.referrer:
            matches: '^https?://([a-z0-9-]+\.)*(facebook|instagram|pinterest|tiktok|twitter|youtube|reddit|x|t)\.com?(/.*)?$'
    channel: social
    department: marketing
  - id: search
    name: Organic search
    rule:
      any:
      - event: Page Viewed
        where: {context.campaign.medium: organic}
      - event: Page Viewed
        where:
          context.campaign.medium: {exists: false}
          context.page.referrer:
            matches: '^https?://([a-z0-9-]+\.)*(google|bing|duckduckgo|yahoo|ecosia|baidu|yandex|qwant)\.[a-z.]+(/.*)?$'
    channel: organic
    department: marketing
  # That a mail was opened shows that the shop wrote, not that the customer began anything:
  # it opens no journey and keeps none open. A click does both.
  - id: newsletter
    name: Newsletter opened
    rule: {event: Email Opened}
    channel: e-mail
    department: marketing
    initiator: shop
    prolongs: false
  - id: newsletter-click
    name: Newsletter clicked
    rule:
      any:
      - event: Email Link Clicked
      - {event: Page Viewed, where: {context.campaign.medium: {in: [email, e-mail, newsletter]}}}
    channel: e-mail
    department: marketing
  - id: word-of-mouth
    name: Word of mouth
    channel: people
    department: marketing
- name: Consideration
  steps:
  - id: promotion
    name: Promotion clicked
    rule: {event: Promotion Clicked}
    channel: web
    department: content
  - id: category
    name: Category page
    rule: {event: Product List Viewed}
    channel: web
    department: content
  - id: site-search
    name: Site search
    rule: {event: Products Searched}
    channel: web
    department: content
  - id: product
    name: Product page
    rule: {event: Product Viewed}
    channel: web
    department: content
  - id: reviews
    name: Reviews read
    rule: {event: Product Reviews Viewed}
    channel: web
    department: content
  - id: share
    name: Product shared
    rule: {event: Product Shared}
    channel: social
    department: content
    optional: true
- name: Intent
  steps:
  - id: wishlist
    name: Put on wishlist
    rule: {event: Product Added to Wishlist}
    channel: web
    department: shop
    optional: true
  - id: cart
    name: Added to cart
    rule: {event: Product Added}
    channel: web
    department: shop
  - id: cart-view
    name: Cart viewed
    rule: {event: [Cart Viewed, Product Removed]}
    channel: web
    department: shop
  - id: coupon
    name: Coupon applied
    rule: {event: Coupon Applied}
    channel: web
    department: shop
    optional: true
  - id: chat
    name: Chat with support
    rule: {event: Live Chat Started}
    channel: chat
    department: support
    optional: true
- name: Purchase
  steps:
  - id: checkout
    name: Checkout started
    rule: {event: [Checkout Started, Checkout Step Completed]}
    channel: web
    department: shop
  - id: payment
    name: Payment entered
    rule: {event: Payment Info Entered}
    channel: web
    department: payments
  - id: order
    name: Order completed
    rule: {event: Order Completed}
    channel: web
    department: shop
- name: Post-purchase
  steps:
  # The parcel is what the customer waits for, so its way keeps the journey open.
  - id: shipped
    name: Parcel shipped
    rule: {event: Order Shipped}
    channel: carrier
    department: logistics
    initiator: shop
    prolongs: true
  - id: delivered
    name: Delivered
    rule: {event: Order Delivered}
    channel: carrier
    department: logistics
    initiator: shop
    prolongs: true
  - id: unboxing
    name: Unboxing
    channel: parcel
    department: logistics
    optional: true
  - id: support
    name: Support ticket
    rule: {event: [Support Ticket Created, Ticket Opened]}
    channel: support
    department: support
    optional: true
  - id: cancelled
    name: Order cancelled
    rule: {event: Order Cancelled}
    channel: web
    department: shop
    optional: true
  - id: return
    name: Return
    rule: {event: [Return Requested, Order Refunded]}
    channel: carrier
    department: logistics
    optional: true
- name: Loyalty
  steps:
  - id: review
    name: Review written
    rule: {event: Product Reviewed}
    channel: web
    department: CRM
  - id: club
    name: Joined the club
    rule: {event: Loyalty Joined}
    channel: web
    department: CRM
  - id: referral
    name: Friend referred
    rule: {event: Friend Referred}
    channel: people
    department: CRM
"""

SHOP = MapDocument.parse(SHOP_YAML)
"""The default map of an online shop, id `shop`."""

TEMPLATES = {SHOP.id: SHOP}
"""Maps that a workspace knows without having been given them, by id."""
