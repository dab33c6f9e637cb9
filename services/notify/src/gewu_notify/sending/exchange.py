"""One connection to a receiver: a request, the status of its answer, and what may be kept for the next.

By hand, because a webhook needs little of an HTTP client and must not have the rest: no redirect, no proxy, no cookie, no
second look-up, no unpacking, and an answer of which only the head matters. docs/decisions/0025 says what else.
"""

import asyncio
from collections.abc import Callable

import httptools

from gewu_notify.domain.attempt import Kind, kind_of

ANSWER_BYTES = 64 * 1024  # of head and body together; what is longer ends the connection, and its status counts
OnEnd = Callable[[Kind, int, float], None]  # how it ended, the status if there was one, seconds of Retry-After


class Exchange(asyncio.Protocol):
    """A connection. `free` is called when it may take the next request, `gone` once when it cannot take any more."""

    def __init__(self, free: Callable[["Exchange"], None], gone: Callable[["Exchange"], None]) -> None:
        self._free, self._gone = free, gone
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._on_end: OnEnd | None = None
        self._busy = self._keeps = False
        self._bytes, self._retry_after = 0, 0.0
        self.deadline = 0.0  # of the request under way, on the loop's clock

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way, or an answer's rest."""
        return self._busy

    @property
    def peer(self) -> str:
        """The address at the other end, as the socket has it."""
        found = self._transport.get_extra_info("peername") if self._transport else None
        return str(found[0]) if found else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """asyncio's."""
        self._transport = transport

    def send(self, request: bytes, deadline: float, on_end: OnEnd) -> None:
        """Send; on_end is called once, as soon as the answer's head is there or nothing will come."""
        assert not self._busy and self._transport is not None
        self._busy, self._on_end, self.deadline = True, on_end, deadline
        self._bytes, self._retry_after, self._keeps = 0, 0.0, False
        self._transport.write(request)

    def end(self, kind: Kind) -> None:
        """Nobody waits any longer."""
        self._tell(kind, 0)
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """It is not needed any more."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        if not self._busy:
            self.close()  # an answer that nobody asked for
            return
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.end(Kind.BROKEN)
            return
        if self._busy and self._bytes > ANSWER_BYTES:
            self.end(Kind.BROKEN)  # where the status is known it has been told

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's."""
        self._tell(Kind.UNREACHABLE, 0)
        self._busy, self._transport = False, None
        self._gone(self)

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's."""
        if name.lower() == b"retry-after" and value.isdigit() and len(value) < 10:
            self._retry_after = float(value)  # a date is passed over: our own pause holds then

    def on_headers_complete(self) -> None:
        """The parser's: the status decides, the body is nobody's business."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._keeps = self._parser.should_keep_alive()
            self._tell(kind_of(status), status)

    def on_message_complete(self) -> None:
        """The parser's."""
        if self._parser.get_status_code() < 200:
            return  # 100 Continue, which nobody asked for: the answer follows
        self._busy = False
        if self._keeps and self._transport is not None and not self._transport.is_closing():
            self._free(self)
        else:
            self.close()

    def _tell(self, kind: Kind, status: int) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(kind, status, self._retry_after)
