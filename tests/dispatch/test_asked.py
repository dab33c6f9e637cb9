"""What a request's body may cost: so many bytes, and so many seconds."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from gewu_dispatch.http import asked


def a_request(*parts: bytes, stays_open: bool = False) -> Request:
    """A request whose body comes in these parts; where it stays open the last one never comes."""
    left = list(parts)

    async def receive() -> dict[str, Any]:
        if not left and stays_open:
            await asyncio.Event().wait()
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or stays_open}

    return Request({"type": "http", "method": "POST", "headers": [], "path": "/"}, receive)


async def test_a_move_may_come_in_parts() -> None:
    move = await asked.move(a_request(b'{"kind": "ret', b'urn", "note": "no"}'))
    assert (move.kind, move.note, move.id) == ("return", "no", None)


async def test_a_body_that_does_not_come_to_its_end_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "BODY_S", 0.05)
    async with asyncio.timeout(2):
        with pytest.raises(asked.Refused) as found:
            await asked.move(a_request(b'{"kind": ', stays_open=True))
    assert (found.value.problem.status, found.value.problem.code) == (408, "too_slow")


async def test_a_body_beyond_the_bound_is_refused() -> None:
    with pytest.raises(asked.Refused) as found:
        await asked.move(a_request(b" " * asked.MOVE_BYTES, b" "))
    assert found.value.problem.status == 413
