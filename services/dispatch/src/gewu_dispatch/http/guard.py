"""What every endpoint of dispatch has in common: whose key it is, what that may see, and how refusals and answers are worded."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gewu.runtime import problem
from gewu.runtime.keys import Key, KeyRing, bearer
from gewu.runtime.postgres import is_later
from gewu.runtime.problem import Problem
from gewu_dispatch.http.asked import Refused

# Who sends a body too slowly shall not hold the connection either.
_HEADERS = {401: {"www-authenticate": "Bearer"}, 408: {"connection": "close"}}
Endpoint = Callable[[Request], Awaitable[Response]]


def holder(request: Request, keys: KeyRing) -> Key:
    """The key that a request brings; Refused without one in force."""
    secret = bearer(request.headers.get("authorization"))
    key = keys.holder(secret) if secret else None
    if key is None:
        raise Refused(401, "no_key", "a key is needed", "send Authorization: Bearer <key>")
    return key


def guard(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with its refusals and an absent database as answers."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as fault:
            found = fault.problem
        except Exception as fault:
            if not is_later(fault):
                raise
            found = Problem("the database is away", 503, "not_now", "send it again later")
        headers = {"retry-after": str(problem.later())} if found.status == 503 else _HEADERS.get(found.status)
        return Response(problem.body(found), found.status, headers, problem.TYPE)

    return answer


def seen(row: asyncpg.Record | None, key: Key, verb: str) -> asyncpg.Record:
    """The case; one that this key may not see does not exist for it."""
    if row is None or not (key.may("read", row["department"], *row["grid_path"]) or key.may(verb, row["department"])):
        raise Refused(404, "no_such_case", "there is no such case", "or this key may not read it")
    return row


def readable(key: Key) -> list[str] | None:
    """The departments and areas that this key may read, None for all; Refused where it may read nothing."""
    names = [s.removeprefix("read:") for s in key.scopes if s.startswith("read:")]
    if not names:
        raise Refused(403, "scope_missing", "this key may not read", "it has no scope read:<department or area>")
    return None if "*" in names else names


def json(found: Any, status: int = 200) -> Response:
    """An answer that nobody keeps."""
    return Response(
        msgspec.json.encode(found), status, media_type="application/json", headers={"cache-control": "no-store"}
    )
