"""How wide a text is, without a font: a drawing made on a server is cut and wrapped in the right place.

The table holds advance widths in thousandths of the size, in two weights, for each letter the wider of
Inter (tabular figures) and Liberation Sans, which is as wide as Arial and Helvetica: whichever of them
a reader has, nothing runs into its neighbour. Letters with accents are as wide as without; scripts that
are not in the table are taken as wide as their wide letters.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_REGULAR = {
    200: "\u202f",
    240: "'ijlł‘’",
    280: "!,.:;I·ıΙΪίι",
    300: " \u00a0",
    340: "|",
    360: "/\\",
    380: "()[]frt{}",
    400: "“”„",
    420: '"',
    460: "-°г",
    480: "^τ",
    500: "*`з",
    540: "sxγζξςктх",
    560: "?J_ckvyz¥«»έδεθсуьэ–",
    580: "LaðΓνρГавчя",
    600: "ehnouήΰβηλουχбеийлноп",
    620: "Fgpqßøþр",
    640: "#$Zbd£đΖΣκμσЗУдц",
    660: "+0123456789<=>T~×ΞΤάαБКТЬъ−",
    680: "&ABEKPSVXYΆΑΒΔΕΚΛΡΥΧΫАВЕРХ€",
    700: "π",
    720: "ЛЧЭ",
    740: "CDHRΗΠφНПСЯ",
    760: "NUΝψДИЙЦмы",
    780: "GOQΘΟΩО",
    800: "ΈΦФ",
    820: "wωЪшю",
    840: "Ψжф",
    880: "mщ",
    900: "%MΜМЫ",
    920: "©",
    940: "½æ",
    960: "WЖШ",
    980: "Щ",
    1000: "œ—…←→",
    1020: "@Ю",
    1100: "№",
}

_BOLD = {
    180: "\u202f",
    240: "'",
    280: " Iijl\u00a0ıłΙΪ‘’",
    300: ",.·",
    320: "ίι",
    340: "!:;",
    360: "|",
    380: "/\\ft",
    400: "()[]r{}",
    460: "°",
    480: '"-г',
    500: "`“”„",
    520: "з",
    540: "τ",
    560: "*_sγζтэ–",
    580: "Jackvxyz¥έεξςГаксух",
    600: "^e«»ΰλυечя",
    620: "?FLhnouðøþΓήβδηθνορχбвийнопь",
    640: "bdgpqđлр",
    660: "#$TZ£ßΖΞΣΤάακμЗТУдц",
    680: "+0123456789<=>EPS~×ΕΡЕР€−",
    700: "XΧσКХ",
    720: "YΥΫБЬЭЯ",
    740: "&ABDKRUVΆΑΒΔΚΛАВЛъ",
    760: "CHNΗΝΠИЙНПСЧ",
    780: "GOQΘΟπДОЦм",
    800: "ψ",
    820: "ΨΩφ",
    840: "wΦ",
    860: "ΈФшыю",
    880: "Ъжф",
    900: "%mω",
    920: "M©½æΜМщ",
    980: "Ы",
    1000: "@œ—…←→",
    1020: "WШ",
    1040: "ЖЩ",
    1060: "Ю",
    1120: "№",
}

_WIDTHS = [{char: width for width, chars in rows.items() for char in chars} for rows in (_REGULAR, _BOLD)]
_OTHER = 720
_FULL = 1020
ELLIPSIS = "…"


@lru_cache(maxsize=8192)
def _char(char: str, bold: bool) -> int:
    known = _WIDTHS[bold].get(char)
    if known is not None:
        return known
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    if unicodedata.east_asian_width(char) in "WF":
        return _FULL if ord(char) < 0x1F000 else 1400
    base = unicodedata.normalize("NFD", char)[0]
    return _WIDTHS[bold].get(base, _OTHER if unicodedata.category(char) != "Cc" else 0)


def width(text: str, size: float, bold: bool = False) -> float:
    """Width of a text in pixels, at least what any of the fonts needs.

    >>> width("1 234", 10) < width("1 234", 10, bold=True) < width("12 345", 10, bold=True)
    True
    """
    return sum(_char(char, bold) for char in text) * size / 1000


def cut(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, or its beginning and an ellipsis where it is wider than `room`.

    >>> cut("Product page", 40, 13)
    'Pro…'
    """
    if width(text, size, bold) <= room:
        return text
    left = room - width(ELLIPSIS, size, bold)
    end = 0
    for end, char in enumerate(text):  # noqa: B007
        left -= _char(char, bold) * size / 1000
        if left < 0:
            break
    # an accent belongs to its letter, and a space before the dots looks like a mistake
    while 0 < end < len(text) and _char(text[end], bold) == 0:
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def wrap(text: str, room: float, size: float, bold: bool = False, lines: int = 2) -> list[str]:
    """The text in at most `lines` lines no wider than `room`, broken at spaces, the last one cut.

    Text without spaces (Chinese) breaks between characters.

    >>> wrap("Chat with the support team", 90, 13)
    ['Chat with the', 'support team']
    """
    done: list[str] = []
    rest = " ".join(text.split())
    while rest and len(done) < lines - 1 and width(rest, size, bold) > room:
        end = _break(rest, room, size, bold)
        done.append(cut(rest[:end].rstrip(), room, size, bold))
        rest = rest[end:].lstrip()
    if rest or not done:
        done.append(cut(rest, room, size, bold))
    return done


def _break(text: str, room: float, size: float, bold: bool) -> int:
    """Where to break a line: after the last word that fits, else inside the word if it is a wide script."""
    used = 0.0
    space = 0
    for index, char in enumerate(text):
        if char == " ":
            space = index
        used += _char(char, bold) * size / 1000
        if used > room:
            if space:
                return space
            if unicodedata.east_asian_width(char) in "WF":
                return max(1, index)
            return next((at for at, other in enumerate(text) if other == " "), len(text))
    return len(text)
