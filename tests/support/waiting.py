"""Waiting by condition with a deadline, never by sleeping for a guess."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T]], seconds: float = 15.0, what: str = "the condition") -> T:
    """What `look` returns as soon as it is true; fails after `seconds` and shows the last it returned."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await look()
        if found:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"{what} did not come within {seconds} s; last: {found!r}")
        await asyncio.sleep(0.05)
