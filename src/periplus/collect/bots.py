"""Which user agents are programs that visit pages, rather than people's browsers.

A program is told by what it says of itself: its name in the lists of the ua-parser project, the word for what it
is ("bot", "crawler"), an address to complain to, or one of the names below, whose owners leave such signs out. Who
hides is not found; that is what the rules for addresses are for.

Libraries that send requests (curl, python-requests, okhttp …) are no bots here: shops' own servers and apps send
their events with them, and an order told by a server is as true as one told by a browser. Neither is a message
without a user agent.
"""

from __future__ import annotations

import re
from functools import lru_cache

import ua_parser

from periplus.collect.user_agent import BOT, KNOWN, LONGEST, device

NAMES: dict[str, tuple[str, ...]] = {
    "browsers without a person": (
        "headless", "phantomjs", "puppeteer", "playwright", "selenium", "webdriver", "cypress/", "jsdom",
        "slimerjs", "zombie.js", "nightmare", "htmlunit", "splash version", "prerender",
    ),
    "search engines, and models that read pages": (
        "google-inspection", "google-site", "google-structured", "google-safety", "google-certificates",
        "google-cloudvertex", "google-read-aloud", "googleother", "googleagent", "-google", "google favicon",
        "google web preview", "bingpreview", "yandeximage", "yandexmetrika", "ia_archiver", "archive.org",
        "chatgpt-user", "oai-search", "perplexity-user", "claude-user", "claude-web", "anthropic-ai", "cohere-ai",
        "mistralai-user", "manus-user", "meta-external", "diffbot", "duckassist", "nutch", "heritrix", "httrack",
        "scrape", "scraping",
    ),
    "previews of links": (
        "facebookexternalhit", "facebookcatalog", "skypeuripreview", "vkshare", "whatsapp/", "iframely", "embedly",
        "flipboardproxy", "linkpreview", "link preview", "snacktory", "metauri", "metainspector",
        "slack-imgproxy", "googleimageproxy",
    ),
    "watchmen of pages": (
        "pingdom", "uptime", "statuscake", "gtmetrix", "site24x7", "synthetic", "newrelicpinger", "catchpoint",
        "dynatrace", "checkly", "thousandeyes", "ghost inspector", "rigor)", "check_http", "zabbix", "nagios",
        "lighthouse", "pagespeed", "webpagetest", "ptst/", "speedcurve", "cloudflare-", "healthcheck",
        "health check", "dareboost", "woorank", "siteimprove", "brandverity", "netcraft", "zgrab",
        "nmap scripting", "masscan", "nikto", "acunetix", "openvas", "scanner", "validator", "checklink",
        "linkcheck", "link checker", "screaming frog", "feedfetcher",
    ),
}  # fmt: skip
"""Parts of names, in lower case, of programs that leave out the word "bot"; by what they come for."""

_NAMED = re.compile("|".join(re.escape(name) for names in NAMES.values() for name in names))
_SIGNED = re.compile(
    r"\+ ?(https?:|www\.|mailto:)|[(; +][\w.-]{1,64}@[\w-]+\.[a-z]|^mozilla/5\.0 \(compatible; (?!msie|konqueror)"
)
"""An address to complain to, or "compatible" where a browser says which system it runs on."""
_LIBRARY = re.compile(r"(node-fetch|php-curl-class|axios|got|undici|guzzlehttp|okhttp|faraday)\b")
_PHONE = re.compile(r"cubot", re.I)
"""A maker of phones whose name ends like a robot's."""


@lru_cache(maxsize=KNOWN)
def is_bot(user_agent: str) -> bool:
    """Whether a user agent is that of a program which visits pages.

    >>> is_bot("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
    True
    >>> is_bot("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"), is_bot("okhttp/4.12.0")
    (False, False)
    """
    said = _PHONE.sub("", user_agent[:LONGEST].encode("ascii", "replace").decode())
    text = said.lower()
    if _LIBRARY.match(text):
        return False
    if _NAMED.search(text) or _SIGNED.search(text) or device(said) == BOT:
        return True
    # The device alone: reading system and browser too would take ten times as long.
    listed = ua_parser.parse_device(said)
    return listed is not None and listed.family == "Spider"
