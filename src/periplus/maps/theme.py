"""The colours of a drawing and its style sheet, in three themes.

`auto` follows the page: a `data-theme` of `light` or `dark` on an ancestor, else the reader's system.
`light` and `dark` are written out, for files and for programs that know no CSS variables.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from periplus.errors import QuestionError, unknown
from periplus.maps.geometry import SIZES

Theme = Literal["auto", "light", "dark"]

LIGHT = {
    "background": "#FBFAF7",
    "card": "#FFFFFF",
    "hairline": "#E4E1DA",
    "rule": "#B9B5AB",
    "ink": "#1E2329",
    "muted": "#626973",
    "grey": "#9AA1AB",
    "pale": "#DCD9D2",
    "stop": "#B9412F",
    "good": "#23774A",
    "flow": "0.30",
    "faint": "0.10",
    "strong": "0.62",
}
DARK = {
    "background": "#14161A",
    "card": "#1D2026",
    "hairline": "#2C3038",
    "rule": "#59606B",
    "ink": "#E9EAEC",
    "muted": "#9AA0AA",
    "grey": "#8D94A0",
    "pale": "#3A3F48",
    "stop": "#E5786B",
    "good": "#6FBF8B",
    "flow": "0.36",
    "faint": "0.12",
    "strong": "0.70",
}
FACE = (
    "Inter,'Noto Sans','Segoe UI',Roboto,Helvetica,Arial,'Liberation Sans',"
    "'Noto Sans Arabic','Noto Sans CJK TC','DejaVu Sans',sans-serif"
)

_RULES = """
.pm text{font-family:FACE;font-variant-numeric:tabular-nums;font-feature-settings:'tnum';fill:var(--ink)}
.pm .muted{fill:var(--muted)}.pm .stop{fill:var(--stop)}.pm .good{fill:var(--good)}
.pm .paper{fill:var(--background)}
.pm .rule{fill:var(--hairline)}
.pm .frame{fill:var(--card);stroke-width:1}.pm .plain{stroke:var(--hairline)}
.pm .guess .frame{fill:var(--background);stroke:var(--rule);stroke-dasharray:4 3}
.pm .voice .frame{fill:none}
.pm .quote{fill:var(--grey)}.pm .quote.stop{fill:var(--stop)}.pm .quote.good{fill:var(--good)}
.pm .ribbon path{fill-opacity:var(--flow)}
.pm .ribbon.back path{fill:none;stroke:var(--grey);stroke-opacity:.6;stroke-linecap:round}
.pm .ribbon.back path.head{fill:var(--grey);stroke:none;fill-opacity:.9}
.pm .o-again{fill-opacity:.45}
.pm .o-back{fill:var(--grey)}.pm .o-stopped{fill:var(--stop)}
.pm .o-ended{fill:var(--rule)}.pm .o-running{fill:var(--pale)}
.pm .swatch.o-running{stroke:var(--rule);stroke-width:1}
.pm .s-stopped{stop-color:var(--stop)}.pm .s-ended{stop-color:var(--rule)}
.pm .s-running{stop-color:var(--pale)}
.pm .s-other,.pm .s-back,.pm .s-before{stop-color:var(--grey)}
.pm .ring{fill:none;stroke-width:2}
.pm .track{fill:var(--hairline)}
.pm [data-step],.pm [data-source]{outline:none}
.pm .faint .ribbon path{fill-opacity:var(--faint)}.pm .faint .stub rect{fill-opacity:.4}
.pm .faint .ribbon.back path{stroke-opacity:.25}
.pm .faint .ribbon.own path{fill-opacity:var(--strong)}.pm .faint .stub.own rect{fill-opacity:1}
.pm .faint .ribbon.back.own path{stroke-opacity:1;fill-opacity:0}
.pm .faint .ribbon.back.own path.head{fill-opacity:1}
.pm .chosen .frame{stroke:var(--ink);stroke-width:2}
"""
_LIVE = """
.pm a{text-decoration:none}
.pm .card,.pm .ribbon,.pm .row,.pm .stub{cursor:pointer}
.pm .card:hover .frame{stroke:var(--rule)}
.pm .card:focus-visible .frame{stroke:var(--ink);stroke-width:2}
.pm .ribbon:hover path,.pm .ribbon:focus-visible path{fill-opacity:var(--strong)}
.pm .stub:hover rect{stroke:var(--rule);stroke-width:1}
.pm .ribbon.back:hover path,.pm .ribbon.back:focus-visible path{
stroke:var(--ink);stroke-opacity:1;fill-opacity:0}
.pm .ribbon:focus-visible path,.pm .stub:focus-visible rect{stroke:var(--ink);stroke-width:1.5}
.pm .row:hover text,.pm .row:focus-visible text{fill:var(--ink);text-decoration:underline}
.pm path,.pm rect{transition:fill-opacity .12s,stroke .12s}
@media (prefers-reduced-motion:reduce){.pm path,.pm rect{transition:none}}
"""


def sheet(theme: Theme, live: bool, scope: str = "pm") -> str:
    """The style sheet of the drawings of class `scope`; `live` adds what answers to pointer and keyboard."""
    if theme not in get_args(Theme):
        message, hint, allowed = unknown("theme", str(theme), get_args(Theme))
        raise QuestionError(message, hint=hint, allowed=allowed)
    types = "".join(
        f".pm .t-{name}{{font-size:{size}px;font-weight:{600 if bold else 400}"
        f"{';letter-spacing:-.01em' if name == 'title' else ''}}}"
        for name, (size, bold) in SIZES.items()
    )
    rules = (_RULES + (_LIVE if live else "")).replace("FACE", FACE) + types
    if theme == "auto":
        dark = _variables(DARK)
        css = (
            f".pm{{{_variables(LIGHT)}}}"
            f"@media (prefers-color-scheme:dark){{.pm{{{dark}}}}}"
            f"[data-theme=light] .pm{{{_variables(LIGHT)}}}[data-theme=dark] .pm{{{dark}}}{_flat(rules)}"
        )
    else:
        values = LIGHT if theme == "light" else DARK
        css = re.sub(r"var\(--(\w+)\)", lambda match: values[match[1]], _flat(rules))
    return css.replace(".pm", f".{scope}")


def _variables(values: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in values.items())


def _flat(rules: str) -> str:
    return rules.replace("\n", "")
