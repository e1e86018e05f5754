"""The table of figures: what is held against what, and whether it is met."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure: ours, the peer's where there is one, and the target as a number it must reach.

    `higher` says whether more is better. `value` is what is compared with the target.
    """

    work: str
    events: int
    ours: str
    peer: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None
    note: str = ""


def rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s"


def seconds(value: float) -> str:
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"


def at_least(work: str, events: int, value: float, target: float, ours: str, note: str = "") -> Line:
    """A figure that must be at least so much per second."""
    return Line(work, events, ours, target=f"≥ {target:,.0f}/s", met=value >= target, note=note)


def at_most(
    work: str, events: int, value: float, target: float, shown: str, unit: str, note: str = ""
) -> Line:
    """A figure that must not pass a limit."""
    return Line(work, events, shown, target=f"≤ {target:g}{unit}", met=value <= target, note=note)


def against(
    work: str, events: int, ours: float, peer: float, name: str, target: float | None, note: str
) -> Line:
    """A time held against a peer's for the same answer."""
    ratio = peer / ours
    return Line(
        work,
        events,
        seconds(ours),
        f"{name} {seconds(peer)}",
        f"{ratio:.1f} x",
        "" if target is None else f"≥ {target:g} x",
        None if target is None else ratio >= target,
        note,
    )


def drawn(lines: list[Line]) -> str:
    """The figures as a Markdown table."""
    head = ("work", "events", "Periplus", "beside", "ratio", "at least", "met", "")
    rows = [
        (
            line.work,
            f"{line.events:,}",
            line.ours,
            line.peer,
            line.ratio,
            line.target,
            "" if line.met is None else "yes" if line.met else "NO",
            line.note,
        )
        for line in lines
    ]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    shown = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in [head, *rows]
    ]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)
