"""What the libraries of Mixpanel and PostHog say of page, device and campaign, as the context of the Segment spec.

Both write it among the properties, under names that begin with `$`. The properties stay as they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLACES = {
    "$current_url": ("page", "url"),
    "$pathname": ("page", "path"),
    "$referrer": ("page", "referrer"),
    "$title": ("page", "title"),
    "current_page_title": ("page", "title"),
    "$raw_user_agent": ("userAgent", None),
    "$ip": ("ip", None),
    "$timezone": ("timezone", None),
    "$browser_language": ("locale", None),
    "$lib": ("library", "name"),
    "mp_lib": ("library", "name"),
    "$lib_version": ("library", "version"),
    "$os": ("os", "name"),
    "$os_version": ("os", "version"),
    "$browser": ("browser", "name"),
    "$browser_version": ("browser", "version"),
    "$device_type": ("device", "type"),
    "$model": ("device", "model"),
    "$manufacturer": ("device", "manufacturer"),
    "$screen_width": ("screen", "width"),
    "$screen_height": ("screen", "height"),
    "$app_name": ("app", "name"),
    "$app_version": ("app", "version"),
    "$app_version_string": ("app", "version"),
    "$city": ("location", "city"),
    "$region": ("location", "region"),
    "mp_country_code": ("location", "country"),
    "utm_source": ("campaign", "source"),
    "utm_medium": ("campaign", "medium"),
    "utm_campaign": ("campaign", "name"),
    "utm_term": ("campaign", "term"),
    "utm_content": ("campaign", "content"),
}
"""Where in the context each property stands."""
LOWERED = frozenset({"$device_type"})
NOTHING = frozenset({"", "$direct", "(none)"})
"""Texts that say there is none."""
OF_THE_SERVER = frozenset({"os", "device", "browser", "screen", "timezone"})
"""Parts that speak of the shop's own machine where a server sent the message (`$is_server`)."""


def context(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The context that properties speak of.

    >>> context({"$current_url": "https://shop.example/", "$device_type": "Mobile", "price": 3})
    {'page': {'url': 'https://shop.example/'}, 'device': {'type': 'mobile'}}
    """
    found: dict[str, Any] = {}
    server = properties.get("$is_server") is True
    for name, value in properties.items():
        if name not in PLACES:
            continue
        place, key = PLACES[name]
        if not isinstance(value, str | int | float) or isinstance(value, bool) or value in NOTHING:
            continue
        if server and place in OF_THE_SERVER:
            continue
        if name in LOWERED and isinstance(value, str):
            value = value.lower()
        if key is None:
            found[place] = value
        else:
            found.setdefault(place, {})[key] = value
    return found
