"""What Prometheus does to a service, more often than it does, for metrics that nobody reads would be too cheap; and one look."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gewu.dev import metrics

_EVERY_S = 2.0


async def total(url: str, name: str) -> tuple[float, float]:
    """Sum and count of a histogram so far, whatever labels there are."""
    found = await metrics.scrape(f"{url}/metrics")

    def part(ending: str) -> float:
        return sum(value for (sample, _), value in found.items() if sample == f"{name}_{ending}")

    return part("sum"), part("count")


@contextlib.asynccontextmanager
async def scraped(url: str) -> AsyncIterator[None]:
    """Read /metrics at once and again and again until the block ends."""
    task = asyncio.create_task(_scrape(f"{url}/metrics"))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _scrape(page: str) -> None:
    while True:
        with contextlib.suppress(OSError, TimeoutError):  # a scrape that is missed is missed
            await metrics.scrape(page)
        await asyncio.sleep(_EVERY_S)
