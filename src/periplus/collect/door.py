"""The door: a request of any tool in, its events on disk, and only then an answer in the tool's own words.

unpack → parse (the dialect) → whose key → may it come in now → the steps → the inbox → the reply. What can
be wrong with the request as a whole is said at once, and then nothing of it was taken; what is wrong with
single messages is their own affair.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import periplus.collect.dialects  # noqa: F401  registers them
from periplus.collect import content
from periplus.collect.completing import Completer
from periplus.collect.dialects.told import MOST_MESSAGES
from periplus.collect.pipeline import Pipeline
from periplus.collect.rate import Rates
from periplus.collect.sources import Source, Sources
from periplus.collect.steps import DUPLICATE, Passage
from periplus.collect.wire import DIALECTS, Dialect, Fetch, Reading, Reply, Request
from periplus.errors import PeriplusError
from periplus.store.inbox import Inbox, Parcel

RETRY = {503: 5, 429: 1}
"""Seconds after which to come again, where nothing else says."""

ROOTS = ("v1", "hooks", "mp")
"""First parts of paths that are the door's alone: an unknown one below is answered here, in JSON."""

Answer = Callable[[Reply], None]
log = logging.getLogger("periplus.collect")


class Problem(Exception):
    """Why a request as a whole is not taken."""

    def __init__(self, status: int, code: str, message: str, wait: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.wait = RETRY.get(status) if wait is None else wait


class Door:
    """The one place where requests of other tools are taken. `receive` is called by one thread at a time."""

    def __init__(self, sources: Sources, pipeline: Pipeline, inbox: Inbox, *, limit: int) -> None:
        self.sources = sources
        self.pipeline = pipeline
        self.inbox = inbox
        self.limit = limit
        """Bytes of a body, packed and unpacked."""
        self.answered: Counter[tuple[str, int]] = Counter()
        """Requests by dialect and status."""
        self.watchers: list[Callable[[Passage], None]] = []
        """Told of every request whose messages were taken, after the commit and before its answer, in the writer's thread."""
        self.readers: list[Callable[[str, str, Reading], None]] = []
        """Told of every reading from a known source (its name, the dialect), before anything is written; they only note it."""
        self.completer = Completer()
        """Fetches what requests only name; the steps then go on in one of its threads."""
        self._rates = Rates()
        self._one = threading.Lock()
        """The steps are run by one thread at a time."""
        self._exact: dict[str, dict[str, Dialect]] = {}
        self._prefixes: list[tuple[str, dict[str, Dialect]]] = []
        self._learn_routes()

    def _learn_routes(self) -> None:
        prefixes: dict[str, dict[str, Dialect]] = {}
        for name in DIALECTS:
            dialect = DIALECTS[name]
            for method, path in dialect.routes:
                if path.endswith("*"):
                    prefixes.setdefault(path[:-1], {})[method] = dialect
                else:
                    self._exact.setdefault(path.rstrip("/"), {})[method] = dialect
        self._prefixes = sorted(prefixes.items(), key=lambda item: -len(item[0]))

    # -- which dialect --------------------------------------------------------------------------

    def knows(self, path: str) -> bool:
        """Whether a path is the door's: one of a dialect, or beside one of them."""
        return self._methods(path) is not None or path.split("/", 2)[1:2] in ([root] for root in ROOTS)

    def methods(self, path: str) -> list[str]:
        """The methods that a path takes."""
        return sorted(self._methods(path) or ())

    def _methods(self, path: str) -> Mapping[str, Dialect] | None:
        found = self._exact.get(path) or self._exact.get(path.rstrip("/"))
        if found is not None:
            return found
        for prefix, methods in self._prefixes:
            if path.startswith(prefix) and len(path) > len(prefix):
                return methods
        return None

    # -- a request ------------------------------------------------------------------------------

    def receive(self, request: Request, answer: Answer) -> None:
        """Take a request, its body as it came; `answer` is called once, maybe by another thread, maybe at once."""
        methods = self._methods(request.path)
        if not methods:
            self._count(
                "", answer, _plain(404, "no_such_path", f"Nothing is collected at {request.path[:200]}.")
            )
            return
        dialect = methods.get(request.method)
        if dialect is None:
            told = _plain(405, "method", f"Use {' or '.join(sorted(methods))} here.")
            self._count("", answer, replace(told, headers={"Allow": ", ".join(sorted(methods))}))
            return
        try:
            self._take(dialect, request, answer)
        except Problem as problem:
            self._refuse(dialect, request, answer, problem)
        except Exception:
            log.exception("unforeseen problem with a request to %s", request.path[:200])
            self._refuse(dialect, request, answer, Problem(500, "unforeseen", "Something went wrong here."))

    def refuse(self, request: Request, status: int, code: str, message: str) -> Reply:
        """The answer, in the words of the path's dialect, to a request that did not come in whole."""
        dialect = (self._methods(request.path) or {}).get(request.method)
        if dialect is None:
            return _plain(status, code, message)
        self.answered[dialect.name, status] += 1
        return _with_wait(dialect.refusal(request, status, code, message), RETRY.get(status))

    def _take(self, dialect: Dialect, request: Request, answer: Answer) -> None:
        if (refusal := self.inbox.refusal()) is not None:
            raise Problem(503, refusal.code, str(refusal))
        request, reading, seconds = self._read(dialect, request)
        source = self._source(dialect, request, reading)
        number = len(reading.messages)
        if number and (wait := self._rates.wait(source.name, source.document.rate, number)):
            raise Problem(429, "rate", f"More than {source.document.rate:,} messages a second.", wait)
        fetch = _access(dialect, source)
        if fetch is None:
            self._go_on(dialect, request, source, reading, seconds, answer)
            return

        def completed(result: Reading | Exception) -> None:
            try:
                if isinstance(result, PeriplusError):
                    # Also where access is refused: once that is mended, what was sent again is whole.
                    raise Problem(503, result.code, str(result))
                if isinstance(result, Exception):
                    raise result
                self._go_on(dialect, request, source, result, seconds, answer)
            except Problem as problem:
                self._refuse(dialect, request, answer, problem)
            except Exception:
                log.exception("unforeseen problem with a request to %s", request.path[:200])
                self._refuse(
                    dialect, request, answer, Problem(500, "unforeseen", "Something went wrong here.")
                )

        try:
            self.completer.start(source.name, lambda: dialect.complete(request, reading, fetch), completed)  # type: ignore[attr-defined]
        except PeriplusError as busy:
            raise Problem(503, busy.code, str(busy)) from None

    def _go_on(
        self,
        dialect: Dialect,
        request: Request,
        source: Source,
        reading: Reading,
        seconds: float,
        answer: Answer,
    ) -> None:
        """Take a reading that is whole through the steps; `seconds` is what parsing took."""
        with self._one:
            for reader in self.readers:
                reader(source.name, dialect.name, reading)
        number = len(reading.messages)
        if not number:
            self._count(dialect.name, answer, dialect.reply(request, reading, []))
            return
        passage = Passage.of(source, dialect.name, request.received, request.address, reading)
        self.pipeline.told["parse"].add(number, len(passage.pending), seconds)

        def done(problem: PeriplusError | None) -> None:
            try:
                if problem is not None:
                    self._refuse(dialect, request, answer, Problem(503, problem.code, str(problem)))
                else:
                    self._count(dialect.name, answer, dialect.reply(request, reading, passage.outcomes))
            except Exception:
                log.exception("unforeseen problem with an answer to %s", request.path[:200])
                answer(_plain(500, "unforeseen", "Something went wrong here."))

        try:
            self.send(passage, done)
        except PeriplusError as busy:
            raise Problem(503, busy.code, str(busy)) from None

    def send(self, passage: Passage, done: Callable[[PeriplusError | None], None]) -> None:
        """Take messages through the steps and into the inbox; `done` is called when their `outcomes` are on disk.

        Raises BusyError where nothing can be taken.
        """
        with self._one:
            self.pipeline.run(passage)

        def written(flags: Sequence[bool] | PeriplusError | None) -> None:
            if isinstance(flags, PeriplusError):
                done(flags)
                return
            for item, again in zip(passage.pending, flags, strict=True) if flags is not None else ():
                if again:
                    passage.outcomes[item.place] = DUPLICATE
            for watcher in self.watchers:  # first: whoever has the answer finds it among what came in
                watcher(passage)
            done(None)

        messages = [item.text for item in passage.pending]
        self.inbox.put(
            Parcel(
                source=passage.source.name,
                dialect=passage.dialect,
                received=passage.received,
                places=[item.place for item in passage.pending],
                keys=[item.key for item in passage.pending],
                messages=messages,
                rejects=passage.rejects,
                withheld=passage.withheld,
                size=sum(map(len, messages)) + sum([len(row[5]) for row in passage.rejects]),
                done=written,
            )
        )

    def _read(self, dialect: Any, request: Request) -> tuple[Request, Reading, float]:
        """The request unpacked and signed, what the dialect found in it, and how many seconds that took."""
        began = time.perf_counter()
        try:
            encoding = request.headers.get("content-encoding", "")
            body = content.unpacked(request.body, encoding, self.limit)
            if body is not request.body:
                request = replace(request, body=body)
            self._check_signature(dialect, request)
            reading = dialect.skim(request) if hasattr(dialect, "skim") else dialect.read(request)
        except PeriplusError as problem:
            status = {"too_large": 413, "too_many": 413, "signature": 401}.get(problem.code, 400)
            raise Problem(status, problem.code, str(problem)) from None
        except RecursionError:
            raise Problem(400, "malformed", "The body is nested too deeply.") from None
        if len(reading.messages) > MOST_MESSAGES:
            raise Problem(413, "too_many", f"More than {MOST_MESSAGES:,} messages in one request.")
        return request, reading, time.perf_counter() - began

    def _check_signature(self, dialect: Any, request: Request) -> None:
        if not hasattr(dialect, "verify"):
            return
        source = self.sources.by_name(dialect.source(request))
        secret = source.document.secret if source is not None else None
        # An unknown source costs as much as a wrong signature, and is told the same.
        if not dialect.verify(request, secret or "no secret") or secret is None:
            raise Problem(401, "signature", "The signature is not that of this source's secret.")

    def _source(self, dialect: Any, request: Request, reading: Reading) -> Source:
        if hasattr(dialect, "verify"):
            found = self.sources.by_name(dialect.source(request))
        else:
            found = self.sources.by_key(reading.key) if reading.key else None
        if found is None:
            what = "This write key is not known." if reading.key else "The request names no write key."
            raise Problem(401, "key", f"{what} `periplus source add NAME` makes one.")
        if not found.speaks(dialect.name):
            raise Problem(403, "dialect", f"The source {found.name!r} does not send in this way.")
        if not found.admits(request.headers.get("origin")):
            raise Problem(403, "origin", f"The source {found.name!r} does not send from this site.")
        return found

    # -- answers --------------------------------------------------------------------------------

    def _refuse(self, dialect: Dialect, request: Request, answer: Answer, problem: Problem) -> None:
        told = dialect.refusal(request, problem.status, problem.code, problem.message)
        self._count(dialect.name, answer, _with_wait(told, problem.wait))

    def _count(self, dialect: str, answer: Answer, reply: Reply) -> None:
        self.answered[dialect, reply.status] += 1
        answer(reply)


def _access(dialect: Any, source: Source) -> Fetch | None:
    """The shop's API, where the dialect's requests only name things and the source may ask for them."""
    store, token = source.document.store, source.document.token
    if store is None or token is None or not hasattr(dialect, "complete"):
        return None
    found: Fetch = dialect.access(store, token)
    return found


def _with_wait(reply: Reply, wait: int | None) -> Reply:
    if wait is None:
        return reply
    return replace(reply, headers={**reply.headers, "Retry-After": str(wait)})


def _plain(status: int, code: str, message: str) -> Reply:
    from periplus.collect.dialects.answer import error

    return error(status, code, message)
