"""Dispatch's HTTP: cases for those with a scope, a report's status for whoever holds its link, actions for departments."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gewu.runtime import faults, link, problem
from gewu.runtime.keys import Key, KeyRing, bearer
from gewu.runtime.postgres import Reader, is_later
from gewu.runtime.problem import Problem, Wrong
from gewu_dispatch.domain.action import Action, Refusal
from gewu_dispatch.domain.case import State
from gewu_dispatch.http import views
from gewu_dispatch.http.desk import Desk, MoveSaid, Unsaid
from gewu_dispatch.store import reads

_STATES = {s.name.lower(): s.value for s in State}
MOVE_BYTES = 16 * 1024
_decode_move = msgspec.json.Decoder(MoveSaid).decode
Endpoint = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", errors: tuple[Wrong, ...] = ()) -> None:
        super().__init__(title)
        self.problem = Problem(title, status, code, detail, errors)


class Api:
    """The endpoints."""

    def __init__(self, reader: Callable[[], Reader], keys: KeyRing, link_secret: bytes, desk: Desk) -> None:
        self._reader, self._keys, self._link_secret, self._desk = reader, keys, link_secret, desk

    def routes(self) -> list[Route]:
        """Every route of /v1."""
        return [
            Route("/v1/cases", _guard(self.cases)),
            Route("/v1/cases/{case_id}", _guard(self.case)),
            Route("/v1/cases/{case_id}/actions", _guard(self.act), methods=["POST"]),
            Route("/v1/reports/{signal_id}", _guard(self.report)),
        ]

    async def cases(self, request: Request) -> Response:
        """GET /v1/cases."""
        key = self._key(request)
        names = _readable(key)
        query = request.query_params
        limit = _integer(query.get("limit", "50"), "limit", 1, 500)
        states = [_state(s) for s in query.getlist("state")] or None
        rows = await reads.cases(
            self._reader(), names=names, department=_name(query.get("department"), "department"),
            area=_name(query.get("area"), "area"),
            states=states, after=_cursor(query.get("after")), limit=limit + 1,
        )  # fmt: skip
        more = rows[limit - 1] if len(rows) > limit else None
        token = (
            urlsafe_b64encode(f"{more['opened_at'].isoformat()} {more['case_id']}".encode()).decode() if more else None
        )
        return _json(views.Page([views.case(r) for r in rows[:limit]], token))

    async def case(self, request: Request) -> Response:
        """GET /v1/cases/{case_id}."""
        key = self._key(request)
        row = await self._readable_case(request, key)
        case_id = str(row["case_id"])
        pool = self._reader()
        noticed = [views.noticed(r) for r in await reads.signals(pool, case_id)]
        found = views.CaseFile(
            case=views.case(row), timeline=views.steps(await reads.timeline(pool, case_id), noticed), noticed=noticed,
            clocks=[views.tick(r) for r in await reads.clocks(pool, case_id)],
            lawful=self._desk.lawful(State(row["state"]), row["department"]),
        )  # fmt: skip
        return _json(found)

    async def report(self, request: Request) -> Response:
        """GET /v1/reports/{signal_id}?token=…: no scope, the link is the right; it shows this one report."""
        signal_id = _uuid(request.path_params["signal_id"], "signal_id")
        if not link.holds(self._link_secret, signal_id, request.query_params.get("token", "")):
            raise Refused(404, "no_such_report", "there is no such report", "the link is incomplete or not ours")
        return _json(views.report(signal_id, await reads.report(self._reader(), signal_id)))

    async def act(self, request: Request) -> Response:
        """POST /v1/cases/{case_id}/actions: said on the department's own topic, answered after the ack."""
        key = self._key(request)
        row = await self._readable_case(request, key, "act")
        body = await _body(request)
        try:
            move = _decode_move(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = tuple(faults.of(MoveSaid, body))
            raise Refused(422, "rejected", "the action is not taken", errors=found) from None
        if not key.may("act", row["department"]):
            raise Refused(
                403, "scope_missing", "this key may not act here", f"it lacks the scope act:{row['department']}"
            )
        action = self._desk.word(str(row["case_id"]), row["department"], move, key.id)
        if known := await self._judged(action):
            return known  # said before: the same question has the same answer
        refusal = self._desk.early_refusal(State(row["state"]), row["department"], move)
        if refusal:
            moves = ", ".join(self._desk.lawful(State(row["state"]), row["department"])) or "none"
            raise Refused(409, refusal.name.lower(), "this move is not lawful now", f"lawful now: {moves}")
        try:
            await self._desk.say(action)
        except Unsaid as fault:
            raise Refused(503, fault.code, "no acknowledgement", str(fault)) from None
        return await self._outcome(request, action)

    async def _outcome(self, request: Request, action: Action) -> Response:
        """202 at once, or the outcome if it is there within the seconds that `Prefer: wait=n` allows (10 at most)."""
        asked = re.search(r"wait=(\d{1,3})", request.headers.get("prefer", ""))
        deadline = asyncio.get_running_loop().time() + min(int(asked[1]) if asked else 0, 10)
        while asyncio.get_running_loop().time() < deadline:
            if found := await self._judged(action):
                return found
            await asyncio.sleep(0.05)
        return _json(views.ActionAnswer(action.action_id, "said"), 202)

    async def _judged(self, action: Action) -> Response | None:
        """The answer to an action that was judged; Refused when it was, or with another content under its id."""
        found = await reads.action(self._reader(), action.action_id)
        if found is None:
            return None
        if found["content"] != action.content:
            raise Refused(409, "conflict", "this id was used for another move", "give every move an id of its own")
        if found["refusal"] is not None:
            code = Refusal(found["refusal"]).name.lower()
            raise Refused(409, code, "the move was refused", "it changed nothing; the case says what is lawful now")
        return _json(views.ActionAnswer(action.action_id, "applied"))

    async def _readable_case(self, request: Request, key: Key, verb: str = "read") -> asyncpg.Record:
        """The case; one that this key may not see does not exist for it."""
        row = await reads.case(self._reader(), _uuid(request.path_params["case_id"], "case_id"))
        if row is None or not (
            key.may("read", row["department"], *row["grid_path"]) or key.may(verb, row["department"])
        ):
            raise Refused(404, "no_such_case", "there is no such case", "or this key may not read it")
        return row

    def _key(self, request: Request) -> Key:
        secret = bearer(request.headers.get("authorization"))
        key = self._keys.holder(secret) if secret else None
        if key is None:
            raise Refused(401, "no_key", "a key is needed", "send Authorization: Bearer <key>")
        return key


def _guard(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as fault:
            found = fault.problem
        except Exception as fault:
            if not is_later(fault):
                raise
            found = Problem("the database is away", 503, "not_now", "send it again later")
        headers = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "5"}}.get(found.status)
        return Response(problem.body(found), found.status, headers, problem.TYPE)

    return answer


async def _body(request: Request) -> bytes:
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MOVE_BYTES:
            raise Refused(413, "too_large", "the body is too large", f"at most {MOVE_BYTES} bytes")
    return bytes(parts)


def _readable(key: Key) -> list[str] | None:
    names = [s.removeprefix("read:") for s in key.scopes if s.startswith("read:")]
    if not names:
        raise Refused(403, "scope_missing", "this key may not read", "it has no scope read:<department or area>")
    return None if "*" in names else names


def _json(found: Any, status: int = 200) -> Response:
    return Response(
        msgspec.json.encode(found), status, media_type="application/json", headers={"cache-control": "no-store"}
    )


def _uuid(said: str, field: str) -> str:
    try:
        return str(UUID(said))
    except ValueError:
        raise Refused(404, "not_an_id", f"{field} is not an id", "ids are UUIDs") from None


def _integer(said: str, field: str, low: int, high: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", said) or not low <= int(said) <= high:
        raise Refused(
            422,
            "rejected",
            "the query is wrong",
            errors=(Wrong(field, "invalid", f"a whole number from {low} to {high}"),),
        )
    return int(said)


def _state(said: str) -> int:
    if said not in _STATES:
        raise Refused(
            422, "rejected", "the query is wrong", errors=(Wrong("state", "invalid", f"one of {', '.join(_STATES)}"),)
        )
    return _STATES[said]


def _name(said: str | None, field: str) -> str | None:
    if said is not None and ("\x00" in said or len(said) > 100):
        raise Refused(
            422,
            "rejected",
            "the query is wrong",
            errors=(Wrong(field, "invalid", "at most 100 characters, no U+0000"),),
        )
    return said


def _cursor(said: str | None) -> tuple[datetime, str] | None:
    if said is None:
        return None
    try:
        at, _, case_id = urlsafe_b64decode(said.encode()).decode().partition(" ")
        when = datetime.fromisoformat(at)
        return (when.astimezone(UTC), str(UUID(case_id))) if when.tzinfo else _bad_cursor()
    except (ValueError, OverflowError):
        return _bad_cursor()


def _bad_cursor() -> None:
    raise Refused(
        422, "rejected", "the query is wrong", errors=(Wrong("after", "invalid", "the `next` of the page before"),)
    )
