"""What a request says, as values: path, query and body. What is wrong with it is Refused."""

import asyncio
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from starlette.requests import Request

from gewu.runtime import validation
from gewu.runtime.problem import Problem, Wrong
from gewu_dispatch.domain.case import State
from gewu_dispatch.http.desk import MoveSaid

MOVE_BYTES = 16 * 1024
BODY_S = 10.0  # a body must be here within this, as at intake's doors
_STATES = {s.name.lower(): s for s in State}
_decode_move = msgspec.json.Decoder(MoveSaid).decode


class Refused(Exception):
    """An answer that is not a success."""

    def __init__(self, status: int, code: str, title: str, detail: str = "", errors: tuple[Wrong, ...] = ()) -> None:
        super().__init__(title)
        self.problem = Problem(title, status, code, detail, errors)


async def move(request: Request) -> MoveSaid:
    """The move in the body; every fault of it is named."""
    said = await _body(request)
    try:
        found = _decode_move(said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        wrong = tuple(validation.of(MoveSaid, said))
        raise Refused(422, "rejected", "the action is not taken", errors=wrong) from None
    if faults := found.wrong():
        raise Refused(422, "rejected", "the action is not taken", errors=tuple(faults))
    return found


def own_id(request: Request, field: str) -> str:
    """The UUID in the path, in its plain form; whatever is none names nothing."""
    try:
        return str(UUID(request.path_params[field]))
    except ValueError:
        raise Refused(404, "not_an_id", f"{field} is not an id", "ids are UUIDs") from None


def digest(request: Request) -> bytes:
    """The SHA-256 in the path; whatever is none names nothing."""
    said = request.path_params["sha256"]
    if not re.fullmatch(r"[0-9a-f]{64}", said):
        raise Refused(404, "not_a_digest", "sha256 is not a digest", "64 hex digits in lower case")
    return bytes.fromhex(said)


def case_id(request: Request) -> str | None:
    """The case in the query, in its plain form."""
    said = request.query_params.get("case")
    try:
        return str(UUID(said)) if said is not None else None
    except ValueError:
        raise _wrong("case", "a case's id") from None


def limit(request: Request, most: int = 500) -> int:
    """How many of a page."""
    said = request.query_params.get("limit", "50")
    if not re.fullmatch(r"[0-9]{1,6}", said) or not 1 <= int(said) <= most:
        raise _wrong("limit", f"a whole number from 1 to {most}")
    return int(said)


def states(request: Request) -> list[State]:
    """The states that are asked for; none is all."""
    said = request.query_params.getlist("state")
    if any(s not in _STATES for s in said):
        raise _wrong("state", f"one of {', '.join(_STATES)}")
    return [_STATES[s] for s in said]


def name(request: Request, field: str) -> str | None:
    """A department's or an area's id in the query, whether or not there is one of that name."""
    said = request.query_params.get(field)
    if said is not None and ("\x00" in said or len(said) > 100):
        raise _wrong(field, "at most 100 characters, no U+0000")
    return said


def purpose(request: Request) -> str:
    """What for, in the asker's own words: it must be said."""
    said = name(request, "purpose") or ""
    if not said.strip():
        raise _wrong("purpose", "what for, in at most 100 characters: it is noted before anything is given")
    return said


def cursor(opened_at: datetime, case_id: UUID) -> str:
    """What leads on from a page's last case."""
    return urlsafe_b64encode(f"{opened_at.isoformat()} {case_id}".encode()).decode()


def after(request: Request) -> tuple[datetime, str] | None:
    """The last case of the page before, out of its cursor."""
    said = request.query_params.get("after")
    if said is None:
        return None
    try:
        at, _, case_id = urlsafe_b64decode(said.encode()).decode().partition(" ")
        when = datetime.fromisoformat(at)
        if when.tzinfo:
            return when.astimezone(UTC), str(UUID(case_id))
    except (ValueError, OverflowError):
        pass
    raise _wrong("after", "the `next` of the page before")


async def _body(request: Request) -> bytes:
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                parts += part
                if len(parts) > MOVE_BYTES:
                    raise Refused(413, "too_large", "the body is too large", f"at most {MOVE_BYTES} bytes")
    except TimeoutError:
        raise Refused(408, "too_slow", "the body came too slowly", f"within {BODY_S:.0f} s") from None
    return bytes(parts)


def _wrong(field: str, text: str) -> Refused:
    return Refused(422, "rejected", "the query is wrong", errors=(Wrong(field, "invalid", text),))
