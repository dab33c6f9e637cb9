"""The short way in: a POST to a hot door is answered from the parser's callbacks, with no task, scope or message made.

Only what is plain goes this way: HTTP/1.1 with keep-alive, nothing expected or upgraded, no answer under way on the
connection, its buffers free, a connection to spare. Everything else goes uvicorn's own way to `Doors.__call__`, which
answers the same. To uvicorn a request here looks like one of its cycles, so its pipelining, keep-alive, limits and
shutdown hold for both.
"""

import logging
import time
from functools import lru_cache, partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gewu.runtime.guarded import HEAD_S, GuardedProtocol
from gewu_intake.http import answers
from gewu_intake.http.answers import Refused, Reply, head
from gewu_intake.http.doors import LIMITS, Doors, too_large

log = logging.getLogger(__name__)


class _Cycle:
    """A request on the short way, with what uvicorn asks of the cycle of a connection."""

    __slots__ = ("disconnected", "door", "keep_alive", "response_complete", "started")
    more_body = True

    def __init__(self, door: str) -> None:
        self.door, self.started, self.keep_alive = door, 0.0, True
        self.disconnected = self.response_complete = False

    @property
    def message_event(self) -> "_Cycle":
        return self

    def set(self) -> None:
        """Nobody waits for a message here."""


class HotProtocol(GuardedProtocol):
    """The protocol of every server of ours with a short way to the doors."""

    def __init__(self, doors: Doors, **words: Any) -> None:
        super().__init__(**words)
        self._doors = doors
        self._by_url = {door.encode(): door for door in LIMITS}
        self._hot: _Cycle | None = None  # the request whose body is being read
        self._body: list[bytes] = []  # of it
        self._size = 0
        self._answered_at = 0.0  # when the last answer left on the short way
        self._between = True  # whether nothing is here yet of a request that is not whole
        self._raw = b""  # the head that is being parsed, if it may be remembered

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was under way: a report that was appended lands, and nobody is told."""
        self._hot = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, unless this is one whole request with a head that was let in before."""
        if self._between:
            end = data.find(b"\r\n\r\n") + 4
            raw = data[:end] if end > 4 and data.startswith(b"POST ") else b""
            head = self._doors.heads.get(raw)
            if head is not None and len(data) == end + head.length and self._is_free():
                if self._in_head:  # the first one of its connection
                    self._in_head = False
                    self._watch()
                self.cycle = hot = _Cycle(head.door)  # type: ignore[assignment]
                self._take(hot, head.digest, data[end:])
                return
            self._raw = raw
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait with the scope until it is known which way the request goes."""
        self._between = False
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._head_bytes, self._unmeasured, self._in_head = 0, 0, True

    def on_headers_complete(self) -> None:
        """Choose the way."""
        door = self._by_url.get(self.url)
        if door is not None and self._is_plain():
            self._in_head = False
            self._hot = self.cycle = _Cycle(door)  # type: ignore[assignment]
            self._body, self._size = [], 0
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Gather a body up to its door's limit."""
        hot = self._hot
        if hot is None:
            super().on_body(body)
        elif not hot.response_complete:
            self._size += len(body)
            self._body.append(body)
            if self._size > LIMITS[hot.door]:
                self._refuse(hot, too_large(hot.door))

    def on_message_complete(self) -> None:
        """Take the whole body; the answer may come now or after the ack."""
        self._between = True
        hot, self._hot = self._hot, None
        if hot is None:
            super().on_message_complete()
        elif not hot.response_complete:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._body = []
            self._take(hot, None, body)

    def _enter(self, door: str) -> str:
        digest = self._doors.enter(door, self.headers)
        raw, self._raw = self._raw, b""
        if raw:
            self._doors.heads.remember(raw, door, digest, self.headers)
        return digest

    def _take(self, hot: _Cycle, digest: str | None, body: bytes) -> None:
        """Take a whole body; `digest`: of its key, None where the head was not looked at yet."""
        hot.started = time.monotonic()
        try:
            if digest is None:
                digest = self._enter(hot.door)
            self._doors.take(hot.door, body, self._doors.holder(digest), partial(self._answer, hot))
        except Refused as fault:
            self._answer(hot, fault.reply)
        except Exception:
            log.exception("a bug met a request")  # the parser would call it a bad request
            self._answer(hot, answers.BROKEN)

    def is_unfinished(self) -> bool:
        """A body on the short way is bounded like a head; on the long way `Doors` does it."""
        return self._in_head or (self._hot is not None and not self._hot.response_complete)

    def is_late(self) -> None:
        """A slow body has an answer, a slow head has none."""
        if self._hot is None:
            super().is_late()
        else:
            self._refuse(self._hot, Refused(408, "too_slow", "the body came too slowly", f"within {HEAD_S:.0f} s"))

    def _is_plain(self) -> bool:
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and not self.expect_100_continue
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and self._is_free()
        )

    def _is_free(self) -> bool:
        limit = self.limit_concurrency
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and (limit is None or len(self.connections) < limit)
        )

    def _answer(self, hot: _Cycle, reply: Reply) -> None:
        """Write the answer, unless the client has gone, and let uvicorn go on to what it has queued behind."""
        if hot.response_complete:
            return
        hot.response_complete = True
        self._answered_at = time.monotonic()
        self._doors.count(hot.door, reply, self._answered_at - hot.started)
        if hot.disconnected or self.transport.is_closing():
            return
        start = _start(reply.status, reply.kind, reply.retry, *self.server_state.default_headers)
        end = b"" if hot.keep_alive else b"connection: close\r\n"
        self.transport.write(b"%bcontent-length: %d\r\n%b\r\n%b" % (start, len(reply.body), end, reply.body))
        if not hot.keep_alive:
            self.transport.close()
        self._go_on()

    def _go_on(self) -> None:
        """As uvicorn's `on_response_complete`, but the timer of a quiet connection runs on instead of being set anew."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self.timeout_keep_alive_task is None:
            self._wait_for_more(self.timeout_keep_alive)

    def _wait_for_more(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """End the connection if it was quiet for the whole time: answers on the short way left this timer as it was."""
        self.timeout_keep_alive_task = None
        if self.cycle is None or self.cycle.response_complete:  # else the answer sets it again
            left = self._answered_at + self.timeout_keep_alive - time.monotonic()
            if left > 0:
                self._wait_for_more(left)
            else:
                super().timeout_keep_alive_handler()

    def _refuse(self, hot: _Cycle, fault: Refused) -> None:
        """Answer before the body is whole; what follows of it is not read, so the connection ends."""
        hot.started, hot.keep_alive, self._body = time.monotonic(), False, []
        self._answer(hot, fault.reply)


@lru_cache(64)
def _start(status: int, kind: str, retry: int, *defaults: tuple[bytes, bytes]) -> bytes:
    """Status line and headers but for the length: the same for all answers of a kind, until the date moves on."""
    headers = (*defaults, *head(Reply(status, kind, b"", retry)))
    return STATUS_LINE[status] + b"".join(b"%b: %b\r\n" % header for header in headers)
