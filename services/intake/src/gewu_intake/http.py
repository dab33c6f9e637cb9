"""The HTTP doors. The two hot POSTs are answered as raw ASGI, below any framework; every other route is Starlette's."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from gewu.runtime import problem
from gewu.runtime.keys import Key, KeyRing, bearer
from gewu.runtime.problem import Problem
from gewu_intake.handlers import REPORT_BYTES, Accepted, Answer, Handlers, Rejected, Unsaid
from gewu_intake.metrics import Metrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BATCH_BYTES = 1024 * 1024
BATCH_LINES = 1000
BODY_S = 10.0  # a body must be here within this; a slow one holds a connection, never a report

_JSON, _NDJSON = "application/json", "application/x-ndjson"
_TYPES = {"/v1/reports": _JSON, "/v1/reports:batch": _NDJSON}
_LIMITS = {"/v1/reports": REPORT_BYTES, "/v1/reports:batch": BATCH_BYTES}


class _Refused(Exception):
    def __init__(self, status: int, code: str, title: str, detail: str = "", retry: bool = False) -> None:
        self.problem = Problem(title, status, code, detail)
        self.retry = retry


class Doors:
    """ASGI application: /v1/reports and /v1/reports:batch here, all else to `rest`."""

    def __init__(
        self, handlers: Handlers, keys: KeyRing, anonymous: bool, status_url: str, metrics: Metrics, rest: Any
    ) -> None:
        self._handlers, self._keys, self._anonymous = handlers, keys, anonymous
        self._status_url, self._metrics, self._rest = status_url, metrics, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in _TYPES:
            await self._rest(scope, receive, send)
            return
        door, started = scope["path"], time.monotonic()
        try:
            if scope["method"] != "POST":
                raise _Refused(405, "wrong_method", "wrong method", "send POST")
            headers = dict(scope["headers"])
            key = self._key(headers)
            body = await _body(headers, receive, _LIMITS[door], _TYPES[door])
            status = await (self._one(body, key, send) if door == "/v1/reports" else self._many(body, key, send))
        except _Refused as fault:
            status = fault.problem.status
            await _send(send, status, problem.TYPE, problem.body(fault.problem), retry=fault.retry)
        self._metrics.requests.labels(door, str(status)).inc()
        self._metrics.seconds.labels(door).observe(time.monotonic() - started)

    def _key(self, headers: dict[bytes, bytes]) -> Key | None:
        said = headers.get(b"authorization")
        secret = bearer(said.decode("latin-1") if said is not None else None)
        if secret is None:
            if self._anonymous:
                return None
            raise _Refused(
                401,
                "no_key",
                "a key is needed",
                "send Authorization: Bearer <key>; this city takes no anonymous reports",
            )
        key = self._keys.holder(secret)
        if key is None:
            raise _Refused(401, "unknown_key", "this key is not known", "it may have been revoked; ask for a new one")
        if not key.may_report:
            raise _Refused(403, "scope_missing", "this key may not report", "it lacks the scope report")
        return key

    async def _one(self, body: bytes, key: Key | None, send: Send) -> int:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._handlers.on_report(body, key, lambda a: None if answered.done() else answered.set_result(a))
        answer = await answered
        self._metrics.reports.labels(_word(answer)).inc()
        if isinstance(answer, Accepted):
            await _send(send, 202, _JSON, msgspec.json.encode(self._accepted(answer)))
            return 202
        if isinstance(answer, Rejected):
            found = Problem(
                "the report is not taken", 422, "rejected", "mend every error and send it again", answer.errors
            )
            await _send(send, 422, problem.TYPE, problem.body(found))
            return 422
        code = "unknown" if answer.unknown else "overloaded"
        found = Problem("no acknowledgement", 503, code, _again(answer), id=answer.id)
        await _send(send, 503, problem.TYPE, problem.body(found), retry=True)
        return 503

    async def _many(self, body: bytes, key: Key | None, send: Send) -> int:
        # Every line of the client's has its number; blank ones have no answer.
        numbered = [(n, line) for n, line in enumerate(body.split(b"\n"), 1) if line.strip()]
        lines = [line for _, line in numbered]
        if not lines:
            raise _Refused(422, "empty", "there is no line to take", "send one report a line")
        if len(lines) > BATCH_LINES:
            raise _Refused(413, "too_many_lines", "too many lines", f"at most {BATCH_LINES} reports a request")
        answers = await self._handlers.on_lines(lines, key)
        for answer in answers:
            self._metrics.reports.labels(_word(answer)).inc()
        found = b"".join(
            msgspec.json.encode(self._line(n, a)) + b"\n" for (n, _), a in zip(numbered, answers, strict=True)
        )
        await _send(send, 200, _NDJSON, found, retry=any(isinstance(a, Unsaid) for a in answers))
        return 200

    def _line(self, n: int, answer: Answer) -> dict[str, Any]:
        if isinstance(answer, Accepted):
            return {"line": n, "outcome": "accepted", **self._accepted(answer)}
        if isinstance(answer, Rejected):
            return {"line": n, "outcome": "rejected", "errors": answer.errors}
        return {"line": n, "outcome": _word(answer), "id": answer.id, "detail": _again(answer)}

    def _accepted(self, answer: Accepted) -> dict[str, str]:
        return {
            "id": answer.id,
            "signal_id": answer.signal_id,
            "status_url": f"{self._status_url}/v1/reports/{answer.signal_id}?token={answer.token}",
        }


def _word(answer: Answer) -> str:
    if isinstance(answer, Accepted):
        return "accepted"
    if isinstance(answer, Rejected):
        return "rejected"
    return "unknown" if answer.unknown else "refused"


def _again(answer: Unsaid) -> str:
    if answer.unknown:
        return "it may have been taken: send it again under the same id, which is harmless"
    return "it was not taken: send it again later"


async def _body(headers: dict[bytes, bytes], receive: Receive, limit: int, wanted: str) -> bytes:
    kind = headers.get(b"content-type", wanted.encode()).split(b";")[0].strip().lower().decode("latin-1")
    if kind != wanted:
        raise _Refused(415, "wrong_type", "wrong content type", f"send {wanted}")
    too_large = _Refused(413, "too_large", "the body is too large", f"at most {limit} bytes")
    said = headers.get(b"content-length", b"0")
    if said.isdigit() and int(said) > limit:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refused(400, "disconnected", "the client went away")
                part = message.get("body", b"")
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
                if not message.get("more_body"):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise _Refused(408, "too_slow", "the body came too slowly", f"within {BODY_S:.0f} s") from None


async def _send(send: Send, status: int, kind: str, body: bytes, retry: bool = False) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    if retry:
        # Jittered, so that clients that were refused together do not come back together.
        headers.append((b"retry-after", str(random.randint(1, 30)).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 405:
        headers.append((b"allow", b"POST"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
