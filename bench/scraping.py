"""What Prometheus does to a service, more often than it does: metrics that nobody reads would be too cheap."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gewu.dev import metrics

_EVERY_S = 2.0


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
