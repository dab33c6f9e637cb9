"""uvicorn's HTTP protocol with bounds on the head of a request: its size, and the time in which it must be here.

uvicorn gathers header lines without end and waits for them without end; with one connection a client could fill this
process's memory, with a few thousand silent ones it could keep everybody else out.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from gewu.runtime import problem
from gewu.runtime.instruments import Count
from gewu.runtime.problem import Problem

HEAD_BYTES = 16 * 1024  # request line and headers
HEAD_S = 10.0
LIVEZ, METRICS = "/livez", "/metrics"
# Answered at the limit of connections too: who is full must not be ended for it, and nobody else sees that it turns away.
_ALWAYS = (LIVEZ, METRICS)

_LINE_BYTES = 4  # of each header beside its name and value
_TOO_LARGE = "too large a head"  # the parser ends, and uvicorn comes to send_400_response
_BAD = Problem("this is no HTTP request", 400, "bad_request")
_BUSY = Problem("too many requests at once", 503, "overloaded", "it was not taken: send it again after Retry-After")
_LARGE = Problem(
    "the head is too large", 431, "head_too_large", f"at most {HEAD_BYTES} bytes of request line and headers"
)


class GuardedProtocol(HttpToolsProtocol):
    """For every server of ours. `turned_away` counts what is refused at the limit, before anybody's lane is known."""

    def __init__(self, turned_away: Count, **words: Any) -> None:
        super().__init__(**words)
        self._turned_away = turned_away
        self._head_bytes = 0
        self._unmeasured = 0  # bytes since the last whole piece: the parser speaks of a line only when it has all of it
        self._in_head = True  # until the first request's headers are whole
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that says nothing is not kept."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._in_head = False
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; a head that is not whole after this has a time to become so."""
        self._unmeasured += len(data)
        super().data_received(data)
        if not self._in_head:
            self._unmeasured = 0
        elif self._unmeasured > HEAD_BYTES and not self.transport.is_closing():
            self._head_bytes += self._unmeasured
            self.send_400_response("")
        self._watch()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._head_bytes, self._unmeasured, self._in_head = 0, 0, True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Part of the request line."""
        self._unmeasured = 0
        self._head_bytes += len(url)
        if self._head_bytes > HEAD_BYTES:
            raise ValueError(_TOO_LARGE)
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. As uvicorn keeps it, in one call: a request has half a dozen."""
        self._unmeasured = 0
        self._head_bytes += len(name) + len(value) + _LINE_BYTES
        if self._head_bytes > HEAD_BYTES:
            raise ValueError(_TOO_LARGE)
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """uvicorn answers one connection too many before any application hears of it, in plain text; here in our form."""
        if app is service_unavailable and cycle.scope["path"] in _ALWAYS:
            app, cycle.keep_alive = self.app, False  # one too many all the same: it must not stay
        elif app is service_unavailable:
            self._turned_away.inc()
            app = _too_many
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, or one with too large a head, in the form of every other refusal."""
        found = _LARGE if self._head_bytes > HEAD_BYTES else _BAD
        body = problem.body(found)
        head = f"content-type: {problem.TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[found.status] + head.encode() + body)
        self.transport.close()

    def is_unfinished(self) -> bool:
        """Whether the client still owes us something that we wait for with a bound."""
        return self._in_head

    def is_late(self) -> None:
        """The client did not pay in time."""
        self.transport.close()

    def _watch(self) -> None:
        """Keep a timer exactly while something is owed."""
        if not self.is_unfinished():
            if self._late is not None:
                self._late.cancel()
                self._late = None
        elif self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._ring)

    def _ring(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.is_late()


async def _too_many(_: Any, __: Any, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    body = problem.body(_BUSY)
    headers = [
        (b"content-type", problem.TYPE.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"retry-after", b"%d" % problem.later()),
        (b"connection", b"close"),  # idle connections count as well: this one must not stay
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
