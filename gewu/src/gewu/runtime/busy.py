"""The answer to one request too many, in the form of every other refusal.

uvicorn gives that answer itself, before any application hears of the request, and as plain text. The seam is a name in
its protocol's module that we replace; its version is pinned, and a test fails when the seam moves.
"""

import random
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http import httptools_impl

from gewu.runtime import problem
from gewu.runtime.problem import Problem

_BODY = problem.body(
    Problem("too many requests at once", 503, "overloaded", "it was not taken: send it again after Retry-After")
)


def install() -> None:
    """Have every server of this process answer this way; harmless when done again."""
    httptools_impl.service_unavailable = _answer


async def _answer(_: Any, __: Any, send: Callable[[MutableMapping[str, Any]], Awaitable[None]]) -> None:
    headers = [
        (b"content-type", problem.TYPE.encode()),
        (b"content-length", b"%d" % len(_BODY)),
        # Jittered, so that clients that were refused together do not come back together.
        (b"retry-after", b"%d" % random.randint(1, 30)),
        (b"connection", b"close"),  # idle connections count as well: this one must not stay
    ]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _BODY})
