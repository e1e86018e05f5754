"""Answers that pages have shown, kept while the data they are of is the live version.

A map, its panel and its `.json` twin ask the same questions again and again. An answer is the same as
long as the data version is, the question, and the documents it names; where `now` came from the clock it
is asked anew each time.
"""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from periplus import question
from periplus.question import Answer

if TYPE_CHECKING:
    from periplus.workspace import Workspace

KEPT = 128
"""Answers kept at most; the one longest unasked goes first."""

Named = dict[tuple[str, str], Mapping[str, Any] | None]


class Answers:
    """The answers of one application; safe to ask from several threads."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._kept: OrderedDict[tuple[str, str], tuple[Answer, Named]] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, asked: Mapping[str, Any]) -> Answer:
        """The Answer to a question, as `Workspace.ask` gives it; raises what that raises."""
        context = self.workspace.context()
        key = (context.snapshot.version, json.dumps(asked, sort_keys=True, default=str))
        with self._lock:
            known = self._kept.get(key)
        if known is not None and all(context.documents(*name) == body for name, body in known[1].items()):
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
            return dataclasses.replace(known[0], context=context)
        named: Named = {}

        def documents(kind: str, name: str) -> Mapping[str, Any] | None:
            named[kind, name] = found = context.documents(kind, name)
            return found

        answer = question.ask(asked, dataclasses.replace(context, documents=documents))
        if answer.now_from != "clock":
            with self._lock:
                # Without its context, which would hold on to the whole version.
                self._kept[key] = (dataclasses.replace(answer, context=None), named)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return dataclasses.replace(answer, context=context)
