"""Every word is in the catalogue, figures are written the house's way, and colours can be read."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import periplus.web
from periplus.web import words
from periplus.web.interval import difference, wilson

WEB = Path(periplus.web.__file__).parent
SOURCE = WEB.parent
METHODS = [("**.py", "python"), ("web/templates/**.html", "jinja2")]
OPTIONS = {"web/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}}


def extracted() -> set[str]:
    found = set()
    for area in ("web", "maps"):
        here = SOURCE / area
        methods = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("templates/**.html", "jinja2")]
        options = {
            pattern: OPTIONS["web/templates/**.html"] for pattern, method in methods if method == "jinja2"
        }
        for _file, _line, message, _comments, _context in extract_from_dir(here, methods, options):
            found.add(message[0] if isinstance(message, tuple) else message)
    return found


def catalogue(code: str) -> Path:
    return WEB / "locale" / code / "LC_MESSAGES" / "messages.po"


def test_every_word_is_in_the_catalogue() -> None:
    found = extracted()
    assert len(found) > 150
    with catalogue("en").open("rb") as file:
        known = {m.id[0] if isinstance(m.id, tuple) else m.id for m in read_po(file, "en")}
    assert found - known == set()
    assert known - found - {""} == set(), "words nobody says any more: run pybabel update"


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    for path in (WEB / "locale").glob("*/LC_MESSAGES/messages.po"):
        with path.open("rb") as written, path.with_suffix(".mo").open("rb") as compiled:
            source, made = read_po(written), read_mo(compiled)
        wanted = {first(m.id): m.string for m in source if m.id}
        for message in made:
            if message.id:
                translated = wanted.pop(first(message.id))
                # Where nothing is translated the compiler writes the words themselves.
                assert list(message.string) == list(translated if any(translated) else message.id)
        assert not any(any(left) for left in wanted.values())


def first(id: object) -> str:
    """The singular of a message's id."""
    return id if isinstance(id, str) else str(next(iter(id)))  # type: ignore[call-overload]


def test_templates_speak_only_through_the_catalogue() -> None:
    """What stands between the tags of a template is an expression, a symbol or a name, no sentence."""
    allowed = {"Periplus", "JSON", "CSV", "Python", "curl"}
    for path in set((WEB / "templates").glob("*.html")) - {WEB / "templates" / "marks.html"}:
        text = re.sub(r"\{#.*?#\}", " ", path.read_text(encoding="utf-8"), flags=re.S)
        text = re.sub(r"\{% trans.*?%\}.*?\{% endtrans %\}", " ", text, flags=re.S)
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", " ", text, flags=re.S)
        text = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", "|", text, flags=re.S)
        text = re.sub(r'[\w-]+="[^"]*"', "|", text)
        said = {word for part in text.split("|") for word in re.findall(r"[A-Za-z]{2,}[A-Za-z ]*", part)}
        assert {word.strip() for word in said} <= allowed, path.name


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (words.number(48210), "48_210"),
        (words.number(-2.94, 1), "-2.9"),
        (words.number(None), ""),
        (words.percent(0.0482), "4.8_%"),
        (words.percent(1.0), "100_%"),
        (words.ratio(1, 0), ""),
        (words.money(26840), "€_268.40"),
        (words.money(-1200), "-€_12.00"),
        (words.money(123456789), "€_1_234_567.89"),
        (words.money(1200, "JPY"), "¥_1_200"),
        (words.amount(148.5, "GBP"), "£_148.50"),
        (words.span(194_400), "2_d 6_h"),
        (words.span(108), "1_m 48_s"),
        (words.span(3600), "1_h"),
        (words.span(0), "0_s"),
        (words.span(None), ""),
        (words.data_size(1_100_000), "1.1_MB"),
        (words.data_size(12), "12_B"),
        (words.day("2026-09-03T10:00:00Z"), "3 Sep 2026"),
        (words.days("2026-05-01T00:00:00Z", "2026-10-31T00:00:00Z"), "1 May – 31 Oct 2026"),
        (words.days("2026-03-14T00:00:00Z", "2026-03-29T00:00:00Z"), "14–29 Mar 2026"),
        (words.days("2025-12-14T00:00:00Z", "2026-01-02T00:00:00Z"), "14 Dec 2025 – 2 Jan 2026"),
        (words.moments("2026-03-14T09:12:00Z", "2026-03-14T09:51:00Z"), "14 Mar 2026, 09:12–09:51"),
        (words.moment("nonsense"), ""),
        (words.moment(0), "1 Jan 1970, 00:00"),
    ],
)
def test_figures(written: str, wanted: str) -> None:
    assert written.replace("\u202f", "_") == wanted


def test_moments_are_in_the_zone_of_the_workspace() -> None:
    with words.speaking(words.Speech(words.language("en"), ZoneInfo("Europe/Athens"), "EUR")):
        assert words.moment("2026-11-24T07:12:00Z") == "24 Nov 2026, 09:12"
        assert words.moment("2026-07-24T22:12:00Z") == "25 Jul 2026, 01:12"


@pytest.mark.parametrize(
    "header", ["", "xx", "de-DE,de;q=0.9", "en-US,en;q=0.5", ";q=;;,", "en;q=x", "a" * 9000]
)
def test_some_language_is_always_found(header: str) -> None:
    assert words.preferred(header, "nowhere") == "en"


def test_intervals() -> None:
    low, high = wilson(10, 100)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 50)[0] == 0.0
    assert wilson(50, 50)[1] == 1.0
    low, high = difference(56, 70, 48, 80)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


def tokens() -> dict[str, tuple[str, str]]:
    sheet = (WEB / "static" / "periplus.css").read_text(encoding="utf-8")
    return {
        name: (light, dark)
        for name, light, dark in re.findall(
            r"--([\w-]+): light-dark\((#[0-9A-F]{6}), (#[0-9A-F]{6})\)", sheet
        )
    }


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two colours."""

    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("ground", ["background", "card", "sunk"])
@pytest.mark.parametrize("text", ["ink", "muted", "stop", "good"])
def test_text_can_be_read(text: str, ground: str) -> None:
    found = tokens()
    for theme in (0, 1):
        assert contrast(found[text][theme], found[ground][theme]) >= 4.5


def test_the_dark_button_can_be_read() -> None:
    found = tokens()
    assert min(contrast(found["ink"][t], found["background"][t]) for t in (0, 1)) >= 7


def test_the_tokens_are_those_of_the_house() -> None:
    found = tokens()
    assert found["background"] == ("#FBFAF7", "#14161A")
    assert found["stop"] == ("#B9412F", "#E5786B")
    assert len(found) == 11
