"""Every error Periplus raises on purpose, as one small tree.

    PeriplusError
    ├── InputError        a file or an event from outside cannot be used
    ├── DocumentError     an authored document (mapping, map, settings) is wrong
    ├── QuestionError     a question makes no sense as written
    ├── NotFoundError     a named thing does not exist
    ├── AccessError       not signed in, or not allowed
    └── StoreError        the workspace cannot be read or written
        └── BusyError     somebody else holds it now; trying again may work

Each carries what a person needs to act: a stable `code`, one plain sentence, a `hint`
that says what to do, and, where a word was misspelt, the `allowed` ones, nearest first.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from periplus.said_elsewhere import ours


class PeriplusError(Exception):
    """A problem with a plain message, and a hint that says what to do about it."""

    code = "error"
    retryable = False

    def __init__(
        self, message: str, *, code: str | None = None, hint: str = "", allowed: Iterable[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = _clipped(message)
        self.hint = _clipped(hint)
        self.allowed = list(allowed)
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_dict(self) -> dict[str, object]:
        """The wire form: `{code, message, hint, allowed}`."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "allowed": self.allowed}


def _clipped(text: str, most: int = 2000) -> str:
    """A sentence that quotes what somebody sent, at a length one can read."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 4 :]}"


class InputError(PeriplusError):
    code = "input"


class DocumentError(PeriplusError):
    code = "document"


class QuestionError(PeriplusError):
    code = "question"


class NotFoundError(PeriplusError):
    code = "not_found"


class AccessError(PeriplusError):
    code = "access"


class StoreError(PeriplusError):
    code = "store"


class BusyError(StoreError):
    code = "busy"
    retryable = True


def nearest(word: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The known words most like `word`, best first; case does not matter.

    >>> nearest("Prodct Viewed", ["Product Viewed", "Order Completed"])
    ['Product Viewed']
    """
    lowered: dict[str, str] = {}
    for name in known:
        lowered.setdefault(name.lower(), name)
    return [lowered[hit] for hit in get_close_matches(word.lower(), list(lowered), n=n, cutoff=0.6)]


def unknown(what: str, word: str, known: Iterable[str]) -> tuple[str, str, list[str]]:
    """Message, hint and allowed words for a word nobody knows; a key that other tools have so is told as ours.

    >>> unknown("key", "wihtin", ["within", "order"])[:2]
    ("Unknown key 'wihtin'.", "Did you mean 'within'?")
    """
    names = list(known)
    meant = ours(word, names) if what == "key" else None
    close = nearest(word, names) if meant is None else [meant]
    hint = f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(sorted(names)[:12])}."
    rest = [name for name in sorted(names) if name not in close]
    return f"Unknown {what} {word!r}.", hint, close + rest
