"""The two hot POSTs: who may enter, with what body, and the answer. As raw ASGI here; `hot` is a short cut to the same."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from gewu.runtime.keys import Key, KeyRing
from gewu_intake.handlers import REPORT_BYTES, Handlers
from gewu_intake.http import answers, entrance
from gewu_intake.http.answers import JSON, NDJSON, Refused, Reply
from gewu_intake.http.entrance import Entrance, Headers, Receive, Scope, Send
from gewu_intake.http.heads import Heads
from gewu_intake.metrics import Metrics
from gewu_intake.request import Accepted, Answer

log = logging.getLogger(__name__)

Say = Callable[[Reply], None]

BATCH_BYTES = 1024 * 1024
BATCH_LINES = 1000
BODY_S = 10.0  # a body must be here within this; a slow one holds a connection, never a report

ONE, MANY = "/v1/reports", "/v1/reports:batch"
LIMITS = {ONE: REPORT_BYTES, MANY: BATCH_BYTES}
_TYPES = {ONE: JSON, MANY: NDJSON}


class Doors:
    """ASGI application: /v1/reports and /v1/reports:batch here, all else to `rest`."""

    def __init__(
        self, handlers: Handlers, ring: KeyRing, anonymous: bool, status_url: str, metrics: Metrics, rest: Any
    ) -> None:
        self._handlers, self._entrance, self.heads = handlers, Entrance(ring, anonymous), Heads()
        self.holder = self._entrance.holder
        self._status_url, self._rest, self._metrics = status_url, rest, metrics
        # A look-up by labels costs four times an increment.
        self._reports = cache(lambda word: metrics.reports.labels(word))
        self._accepted = self._reports("accepted")
        self._requests = cache(lambda door, status: metrics.requests.labels(door, str(status)))
        self._seconds = {door: metrics.seconds.labels(door) for door in LIMITS}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in LIMITS:
            await self._rest(scope, receive, send)
            return
        door, started = scope["path"], time.monotonic()
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            if scope["method"] != "POST":
                raise Refused(405, "wrong_method", "wrong method", "send POST")
            key = self.holder(self.enter(door, scope["headers"]))
            body = await entrance.body(receive, LIMITS[door], BODY_S)
            self.take(door, body, key, lambda r: None if answered.done() else answered.set_result(r))
            reply = await answered
        except Refused as fault:
            reply = fault.reply
        await answers.send(send, reply)
        self.count(door, reply, time.monotonic() - started)

    def enter(self, door: str, headers: Headers) -> str:
        """The digest of the key that comes with a request, "" for anonymous; Refused if it may not enter or its body is
        none of ours."""
        said = dict(headers)
        digest = self._entrance.digest(said.get(b"authorization"))
        self.holder(digest)
        kind = said.get(b"content-type")
        if kind is not None and kind.split(b";")[0].strip().lower() != _TYPES[door].encode():
            raise Refused(415, "wrong_type", "wrong content type", f"send {_TYPES[door]}")
        length = said.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LIMITS[door]:
            raise too_large(door)
        return digest

    def take(self, door: str, body: bytes, key: Key | None, say: Say) -> None:
        """Take what is in a whole body; `say` is called once, now or after the ack. Refused when it is no batch at all."""
        if door == ONE:
            self._handlers.on_report(body, key, partial(_say, say, self._one))
            return
        # Every line of the client's has its number; blank ones have no answer.
        lines = body.split(b"\n")
        numbers = [n for n, line in enumerate(lines, 1) if line and not line.isspace()]
        if not numbers:
            raise Refused(422, "empty", "there is no line to take", "send one report a line")
        if len(numbers) > BATCH_LINES:
            raise Refused(413, "too_many_lines", "too many lines", f"at most {BATCH_LINES} reports a request")
        self._handlers.on_lines([lines[n - 1] for n in numbers], key, partial(_say, say, self._many, numbers))

    def count(self, door: str, reply: Reply, seconds: float) -> None:
        """Count an answered request."""
        self._requests(door, reply.status).inc()
        self._seconds[door].observe(seconds)
        if reply.turned_away:
            self._metrics.refused(reply.turned_away)

    def _one(self, found: list[Answer]) -> Reply:
        (answer,) = found
        if type(answer) is Accepted:
            self._accepted.inc()
        else:
            self._reports(answers.word(answer)).inc()
            self._count_refused((answer,))
        return answers.of_one(answer, self._status_url)

    def _many(self, numbers: list[int], found: list[Answer]) -> Reply:
        others = [answer for answer in found if type(answer) is not Accepted]
        if len(others) < len(found):
            self._accepted.inc(len(found) - len(others))
        for word, count in Counter(map(answers.word, others)).items():
            self._reports(word).inc(count)
        self._count_refused(others)
        return answers.of_lines(numbers, found, self._status_url)

    def _count_refused(self, found: Sequence[Answer]) -> None:
        for answer in found:
            if not isinstance(answer, Accepted):
                why, lane = answers.reason(answer)
                if why:
                    self._metrics.refused(why, lane)


def _say(say: Say, word: Callable[..., Reply], *found: Any) -> None:
    """Say what these answers come to; a bug that meets them has an answer too."""
    try:
        reply = word(*found)
    except Exception:
        log.exception("a bug met an answer")
        reply = answers.BROKEN
    say(reply)


def too_large(door: str) -> Refused:
    """The body is over its door's limit."""
    return Refused(413, "too_large", "the body is too large", f"at most {LIMITS[door]} bytes")
