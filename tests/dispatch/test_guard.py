"""What dispatch answers where it cannot answer now."""

from collections.abc import Callable

import asyncpg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from gewu_dispatch.http.asked import Refused
from gewu_dispatch.http.guard import guard


@pytest.mark.parametrize(
    "fault", [lambda: asyncpg.TooManyConnectionsError("full"), lambda: Refused(503, "store_away", "the store is away")]
)
async def test_clients_that_are_refused_together_are_not_told_to_return_together(
    fault: Callable[[], Exception],
) -> None:
    async def endpoint(request: Request) -> Response:
        raise fault()

    answers = [await guard(endpoint)(Request({"type": "http"})) for _ in range(20)]
    seconds = [int(answer.headers["retry-after"]) for answer in answers]
    assert {answer.status_code for answer in answers} == {503}
    assert len(set(seconds)) > 1 and 1 <= min(seconds) <= max(seconds) <= 30


async def test_a_refusal_that_time_does_not_mend_says_no_time() -> None:
    async def endpoint(request: Request) -> Response:
        raise Refused(404, "no_such_case", "there is no such case")

    assert "retry-after" not in (await guard(endpoint)(Request({"type": "http"}))).headers
