"""What can be set, one row each: environment over `periplus.toml` over the default.

A setting `zone` is read from `PERIPLUS_ZONE`, else from the file, else from the row below.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.errors import DocumentError, PeriplusError, StoreError, unknown

FORMAT = 1
"""The layout of a workspace this code reads and writes; a newer one is refused."""


def _row(default: Any, help: str) -> Any:
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """The settings of one workspace, frozen; passed in, never imported."""

    zone: str = _row("UTC", "display zone: bare dates and calendar buckets are read in it")
    currency: str = _row("EUR", "currency of the workspace, ISO 4217")
    week_start: str = _row("monday", "first day of the week")
    order_value: str = _row("total", "which property of an order is its value: total or revenue")
    session_gap: str = _row("30m", "the silence after which a session has ended")
    session_new: str = _row("", "what else begins a new session: midnight, campaign, or both with a comma")
    shards: int = _row(16, "how many shards; fixed when the workspace is made")
    memory: str = _row("", "memory limit of the query engine, such as 4GB; empty: half of the machine's")
    threads: int = _row(0, "threads of the query engine; 0: one per core")
    kernel_cache: str = _row("", "folder of compiled kernels; empty: the user's cache folder")
    state: str = _row("", "URL of the operational state; empty: state.db in the workspace")
    no_analytics: str = _row(
        "drop", "what becomes of collected events without consent to analytics: drop, or anonymous (nobody's)"
    )
    event_bytes: int = _row(1_048_576, "the largest single message the collector takes, in bytes of JSON")
    request_bytes: int = _row(5_242_880, "the largest body the collector takes, in bytes, unpacked")
    language: str = _row("en", "language of the interface")
    format: int = _row(FORMAT, "layout of the workspace's files; not for hand editing")


def load(workspace: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings of a workspace folder; raises DocumentError that names a bad key or value."""
    path = workspace / "periplus.toml"
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise StoreError(
            f"{path} cannot be read: {problem.strerror}.",
            code="unreadable",
            hint="Give this user the right to read it.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise DocumentError(
            f"{path} is not readable TOML: {problem}.", hint="Mend the line it names."
        ) from None
    known = {row.name: row for row in fields(Settings)}
    layout = written.get("format", FORMAT)
    if (
        isinstance(layout, int) and layout > FORMAT
    ):  # before its keys are judged: a newer version has new ones
        raise StoreError(
            f"{workspace} was made by a newer version of Periplus.",
            code="newer",
            hint="Upgrade Periplus; nothing in the workspace was changed.",
        )
    for key in written:
        if key not in known:
            message, hint, allowed = unknown("setting", key, known)
            raise DocumentError(message, hint=f"{hint} It stands in {path}.", allowed=allowed)
    values = dict(written)
    for name in known:
        if (text := environ.get(f"PERIPLUS_{name.upper()}")) is not None:
            values[name] = text
    for name, value in values.items():
        if isinstance(known[name].default, int):
            try:
                if isinstance(value, bool | float):
                    raise ValueError
                values[name] = int(value)
            except (TypeError, ValueError):
                raise DocumentError(f"Setting {name} is {value!r}, not a whole number.") from None
        elif not isinstance(value, str):
            raise DocumentError(f"Setting {name} is {value!r}, not a text.")
    settings = Settings(**values)
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Raise DocumentError for a value that no setting can have."""
    try:
        clock.zone(settings.zone)
    except PeriplusError as problem:
        raise DocumentError(problem.message, hint=problem.hint, allowed=problem.allowed) from None
    if len(settings.currency) != 3 or not settings.currency.isupper() or not settings.currency.isascii():
        raise DocumentError(
            f"{settings.currency!r} is not a currency.", hint="Use an ISO 4217 code such as EUR."
        )
    if settings.week_start not in ("monday", "sunday", "saturday"):
        raise DocumentError("week_start is monday, sunday or saturday.")
    if settings.order_value not in ("total", "revenue"):
        raise DocumentError("order_value is total or revenue.")
    try:
        lasting = clock.duration(settings.session_gap) > 0
    except PeriplusError:
        lasting = False
    if not lasting:
        raise DocumentError(
            f"Setting session_gap is {settings.session_gap!r}, not a duration.", hint="Write it such as 30m."
        )
    if not re.fullmatch(r"((midnight|campaign)([,\s]+(midnight|campaign))?)?", settings.session_new):
        raise DocumentError(
            f"Setting session_new is {settings.session_new!r}.",
            hint='It names what begins a new session: "midnight", "campaign", or "midnight, campaign".',
        )
    if settings.no_analytics not in ("drop", "anonymous"):
        raise DocumentError(
            "no_analytics is drop or anonymous.",
            hint="drop only counts such events; anonymous keeps them without identifiers.",
        )
    if not re.fullmatch(r"(\d+(\.\d+)?\s*[KMGT]i?B)?", settings.memory, re.IGNORECASE):
        raise DocumentError(
            f"Setting memory is {settings.memory!r}, not an amount of memory.",
            hint="Write it such as 4GB, or leave it empty.",
        )
    if not 0 <= settings.threads <= 256:
        raise DocumentError("threads is between 0 and 256; 0 means one per core.")
    for name in ("event_bytes", "request_bytes"):
        if not 1024 <= getattr(settings, name) <= 64 << 20:
            raise DocumentError(f"{name} is between 1024 and {64 << 20}.")
    if not 1 <= settings.shards <= 1024:
        raise DocumentError("shards is between 1 and 1024.")


def dump(settings: Settings) -> str:
    """`periplus.toml` with every setting that differs from its default, and the fixed ones."""
    lines = ["# Settings of this Periplus workspace. `periplus doctor` lists all of them.", ""]
    for row in fields(Settings):
        value = getattr(settings, row.name)
        if value != row.default or row.name in ("zone", "currency", "shards", "format"):
            text = str(value) if isinstance(value, int) else '"' + str(value).replace('"', '\\"') + '"'
            lines.append(f"{row.name} = {text}")
    return "\n".join(lines) + "\n"
