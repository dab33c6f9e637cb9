"""Who lets old open cases leave the index by which joining looks."""

import asyncio
import logging

import asyncpg

from gewu.city import City
from gewu.clock import Clock, micros
from gewu.runtime import postgres
from gewu_dispatch.domain import resting as domain
from gewu_dispatch.store import resting

log = logging.getLogger(__name__)

EVERY_S = 600.0
AT_ONCE = 500  # cases of one statement


class Resting:
    """The look-out of one process; several replicas pass each other by."""

    def __init__(self, city: City, clock: Clock) -> None:
        self._city, self._clock = city, clock

    async def run(self, pool: asyncpg.Pool) -> None:
        """Look again and again, for as long as this runs."""
        while True:
            try:
                if laid := await self.look(pool):
                    log.info("cases that no signal can join any more left joining's index", extra={"cases": laid})
            except Exception as fault:
                if not postgres.is_later(fault):
                    raise
            await asyncio.sleep(EVERY_S)

    async def look(self, pool: asyncpg.Pool) -> int:
        """One look at all classes; how many cases left the index."""
        laid = 0
        for span in domain.spans(self._city.categories.values(), micros(self._clock.now())):
            while True:
                async with pool.acquire(timeout=postgres.ACQUIRE_S) as connection:
                    found = await resting.lay(connection, span, AT_ONCE)
                laid += found
                if found < AT_ONCE:
                    break
        return laid
