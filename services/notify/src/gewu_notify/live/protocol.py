"""GET /v1/live below ASGI: after the head nothing stands between the hub and the socket.

Everything else goes uvicorn's own way, refusals of the feed included.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs

from uvicorn.protocols.http.flow_control import service_unavailable

from gewu.lane import Lane
from gewu.runtime import problem
from gewu.runtime.guarded import GuardedProtocol
from gewu.runtime.keys import Key, KeyRing, bearer, digest
from gewu.runtime.problem import Problem
from gewu_notify.live.attend import Attend
from gewu_notify.live.event import Wanted
from gewu_notify.metrics import Ended, LiveMetrics

PATH = "/v1/live"
_KNOWN = {"department", "area", "lane", "since"}
_LANES = {lane.label for lane in Lane}
_WORD = 100  # characters of a name in the query


class Live:
    """What all connections share. bound: clients at once."""

    def __init__(self, attend: Attend, keys: KeyRing, metrics: LiveMetrics, bound: int) -> None:
        self.attend, self.keys, self.metrics, self.bound = attend, keys, metrics, bound
        self.open = 0

    def still_may(self, client: Any) -> bool:
        """Whether the client's key is in force, with the same scopes."""
        now = self.keys.of(client.digest)
        return now is not None and now.scopes == client.scopes


class LiveProtocol(GuardedProtocol):
    """The protocol of every server of ours, with the feed in it. A connection that listens is a client of the hub."""

    def __init__(self, live: Live, **words: Any) -> None:
        super().__init__(**words)
        self._live = live
        self._attending: asyncio.Task[None] | None = None
        self.wanted, self.digest, self.scopes = Wanted(), "", tuple[str, ...]()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        scope = cycle.scope
        if app is service_unavailable or scope["path"] != PATH or scope["method"] != "GET":
            super()._start_asgi_task(cycle, app)
            return
        found = self._asked(scope)
        if isinstance(found, Problem):
            super()._start_asgi_task(cycle, partial(_refuse, found))
        else:
            self._listen(*found)

    def _listen(self, key: Key, secret_digest: str, wanted: Wanted, since: str | None) -> None:
        self.wanted, self.digest, self.scopes = wanted, secret_digest, key.scopes
        head = b"".join(b"%b: %b\r\n" % pair for pair in self.server_state.default_headers)
        self.transport.write(
            b"HTTP/1.1 200 OK\r\n" + head + b"content-type: text/event-stream\r\ncache-control: no-store\r\n"
            b"x-accel-buffering: no\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
        )
        self._live.open += 1
        self._attending = self.loop.create_task(self._live.attend.attend(self, since))

    def write(self, said: bytes) -> None:
        """Send; the bytes may be everybody's."""
        if not self.transport.is_closing():
            self.transport.write(said)

    def unread(self) -> int:
        """Bytes that it has not taken yet."""
        return int(self.transport.get_write_buffer_size())

    def end(self, why: Ended) -> None:
        """End the stream in order; one that is too slow would not take even that, and is cut."""
        if self._attending is None:
            return
        self._live.metrics.ended[why].inc()
        self._forget()
        if why is Ended.TOO_SLOW:
            self.transport.abort()
        else:
            self.write(b"0\r\n\r\n")
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It listens no more."""
        self._forget()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """uvicorn stops: nothing else would end a stream that has no end."""
        if self._attending is None:
            super().shutdown()
        else:
            self.end(Ended.STOPPING)

    def _forget(self) -> None:
        task, self._attending = self._attending, None
        if task is not None:
            task.cancel()
            self._live.open -= 1
            self._live.attend.hub.leave(self)

    def _asked(self, scope: MutableMapping[str, Any]) -> tuple[Key, str, Wanted, str | None] | Problem:
        """Who asks, for what, since when; or why not."""
        headers = {name: value for name, value in scope["headers"] if name in (b"authorization", b"last-event-id")}
        secret = bearer(headers[b"authorization"].decode("latin-1") if b"authorization" in headers else None)
        key = self._live.keys.holder(secret) if secret else None
        if secret is None or key is None:
            return Problem("a key is needed", 401, "unknown_key", "Authorization: Bearer and a key that is in force")
        names = frozenset(s.removeprefix("read:") for s in key.scopes if s.startswith("read:"))
        if not names:
            return Problem("this key may not read", 403, "scope_missing", "it lacks a scope read:<department or area>")
        if scope["http_version"] != "1.1":
            return Problem("HTTP/1.1 is needed", 400, "bad_request")
        said = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        if wrong := _wrong(said):
            return Problem("the query is wrong", 422, "rejected", wrong)
        if self._live.open >= self._live.bound:
            return Problem(
                "too many clients", 503, "overloaded", f"at most {self._live.bound} listen at once; come back"
            )
        one = {name: values[0] for name, values in said.items()}
        wanted = Wanted(None if "*" in names else names, one.get("department"), one.get("area"), one.get("lane"))
        # The header wins: a client that reconnects repeats its first URL, and has come further since.
        last = headers.get(b"last-event-id", b"").decode("latin-1")
        return key, digest(secret), wanted, last or one.get("since") or None


def _wrong(said: dict[str, list[str]]) -> str:
    for name, values in said.items():
        if name not in _KNOWN:
            return f"{name[:40]!r} is none of {', '.join(sorted(_KNOWN))}"
        if len(values) != 1 or not values[0] or len(values[0]) > _WORD * (4 if name == "since" else 1):
            return f"{name} stands there once, with at most {_WORD} characters"
    if "lane" in said and said["lane"][0] not in _LANES:
        return f"lane is one of {', '.join(sorted(_LANES))}"
    return ""


async def _refuse(found: Problem, _: Any, __: Any, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    body = problem.body(found)
    headers = [(b"content-type", problem.TYPE.encode()), (b"content-length", b"%d" % len(body))]
    if found.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    elif found.status == 503:
        headers.append((b"retry-after", b"%d" % problem.later()))
    await send({"type": "http.response.start", "status": found.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
