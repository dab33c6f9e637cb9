"""HTTP/1.1 over kept connections, bounded in number, one request at a time on each; as little work as can be.

A request that finds no free connection waits here, and its wait is part of its latency. Nothing is ever sent twice.
"""

import asyncio
from collections import deque
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

import httptools

_SWEEP_S = 0.1
_IDLE_S = 10.0  # closed by us before the server would: a request must not meet its server's goodbye
_ANSWER_BYTES = 4 * 1024 * 1024


class How(StrEnum):
    """How a request ended. From "cut" on nobody knows what became of it; before, it never left."""

    ANSWERED = "answered"
    NO_CONNECTION = "no connection"
    NOT_SENT = "not sent in time"
    CUT = "cut"
    TIMED_OUT = "timed out"


class Ended(NamedTuple):
    """A request's end: the server's status and body where it answered."""

    how: How
    status: int = 0
    body: bytes = b""


class Exchange:
    """A request under way, due at a time of the loop's clock."""

    __slots__ = ("data", "due", "reports")

    def __init__(self, data: bytes, due: float, reports: int) -> None:
        self.data, self.due, self.reports = data, due, reports

    def going(self) -> None:
        """The first byte leaves when this returns."""
        raise NotImplementedError

    def ended(self, ended: Ended) -> None:
        """Called once, at the end, whether it ever left or not."""
        raise NotImplementedError


class Connections:
    """Connections to one server, opened as they are needed; inside `async with`.

    `most` connections, `patience` seconds for an answer and for the wait before it; more than `room` reports never
    wait at once, what comes on top is not sent.
    """

    def __init__(self, url: str, most: int, patience: float, room: int) -> None:
        parts = urlsplit(url)
        self._tls, self._host = parts.scheme == "https", parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._most, self._patience, self._room = most, patience, room
        self._idle: list[_Connection] = []  # the one used last goes next; the others may grow old and be closed
        self._busy: set[_Connection] = set()
        self._queue: deque[Exchange] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._clock = asyncio.get_running_loop().time
        self.waiting = 0  # reports

    @property
    def at_rest(self) -> bool:
        """Whether no request is under way or waits."""
        return not self._busy and not self._queue

    async def __aenter__(self) -> "Connections":
        self._sweeping = asyncio.create_task(self._sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sweeping.cancel()
        for task in self._opening:
            task.cancel()
        self.drop_waiting()
        for connection in (*self._busy, *self._idle):
            connection.end(How.TIMED_OUT)
        await asyncio.gather(self._sweeping, *self._opening, return_exceptions=True)

    def submit(self, exchange: Exchange) -> None:
        """Send it now, or as soon as a connection is free."""
        if self.waiting + exchange.reports > self._room:
            exchange.ended(Ended(How.NOT_SENT))
            return
        self.waiting += exchange.reports
        self._queue.append(exchange)
        self._pump()

    def drop_waiting(self) -> None:
        """Give up what has not left yet."""
        while self._queue:
            self._take().ended(Ended(How.NOT_SENT))

    def free(self, connection: "_Connection", kept: bool) -> None:
        """The connection's request has ended."""
        self._busy.discard(connection)
        if kept:
            connection.since = self._clock()
            self._idle.append(connection)
        self._pump()

    def gone(self, connection: "_Connection") -> None:
        """The connection is closed."""
        if connection in self._idle:
            self._idle.remove(connection)

    def _pump(self) -> None:
        while self._queue and self._idle:
            connection = self._idle.pop()
            self._busy.add(connection)
            connection.send(self._take(), self._clock())
        if len(self._opening) < len(self._queue) and len(self._busy) + len(self._opening) < self._most:
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _take(self) -> Exchange:
        exchange = self._queue.popleft()
        self.waiting -= exchange.reports
        return exchange

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self), self._host, self._port, ssl=self._tls or None
                )
        except OSError:  # a time-out is one too
            if self._queue:
                self._take().ended(Ended(How.NO_CONNECTION))
            return
        connection.since = self._clock()
        self._idle.append(connection)
        # This task still counts as an opening one, so that a pump now opens no connection too many.
        self._pump()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._clock()
            for connection in [c for c in self._busy if now - c.since > self._patience]:
                connection.end(How.TIMED_OUT)
            while self._queue and now - self._queue[0].due > self._patience:
                self._take().ended(Ended(How.NOT_SENT))
            for connection in [c for c in self._idle if now - c.since > _IDLE_S]:
                connection.end(How.CUT)
            self._pump()


class _Connection(asyncio.Protocol):
    """One connection with at most one request on it."""

    def __init__(self, owner: Connections) -> None:
        self._owner = owner
        self._exchange: Exchange | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._size = 0
        self.since = 0.0  # when it began to do what it does: to wait for an answer, or to idle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def send(self, exchange: Exchange, now: float) -> None:
        """Have the request leave."""
        exchange.going()
        self.since = now
        self._exchange = exchange
        self._transport.write(exchange.data)

    def end(self, how: How) -> None:
        """Close it; a request on it ends this way."""
        self._transport.abort()
        self._owner.gone(self)
        self._settle(Ended(how), kept=False)

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.end(How.CUT)  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as fault:
            raise fault.__context__ or fault from None  # a fault of ours, not of the answer
        except httptools.HttpParserError:
            self.end(How.CUT)

    def connection_lost(self, _: Exception | None) -> None:
        self._owner.gone(self)
        self._settle(Ended(How.CUT), kept=False)

    def on_body(self, part: bytes) -> None:
        """The parser has a piece of the body."""
        self._size += len(part)
        if self._size <= _ANSWER_BYTES:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """The parser has the whole answer."""
        kept = self._parser.should_keep_alive()
        if not kept:
            self._transport.close()
        self._settle(Ended(How.ANSWERED, self._parser.get_status_code(), b"".join(self._body)), kept)

    def _settle(self, ended: Ended, kept: bool) -> None:
        exchange, self._exchange = self._exchange, None
        self._body, self._size = [], 0
        if exchange is not None:
            exchange.ended(ended)
            self._owner.free(self, kept)
