"""Who moves old open cases out of the way of joining."""

import asyncio
import logging
import random

import asyncpg

from gewu.city import City
from gewu.clock import Clock, micros
from gewu.runtime import postgres
from gewu_dispatch.domain import resting as domain
from gewu_dispatch.store import resting

log = logging.getLogger(__name__)

EVERY_S = 600.0  # on average: from half of it to half as much again, so that replicas do not look together
AT_ONCE = 500  # cases of one statement
MOST = 20_000  # of one look: a first one over a million cases must not stand beside p0 for minutes
_BREATH_S = 0.05  # between two statements that found as many as they may


class Resting:
    """The look-out of one process; several replicas pass each other by."""

    def __init__(self, city: City, clock: Clock) -> None:
        self._city, self._clock = city, clock

    async def run(self, pool: asyncpg.Pool) -> None:
        """Look again and again, for as long as this runs."""
        while True:
            await asyncio.sleep(EVERY_S * random.uniform(0.5, 1.5))
            try:
                if laid := await self.look(pool):
                    log.info("cases that no signal can join any more are out of joining's way", extra={"cases": laid})
            except Exception as fault:
                if not postgres.is_later(fault):
                    raise

    async def look(self, pool: asyncpg.Pool) -> int:
        """One look at all classes; how many cases were moved, somewhat above MOST where more are left for the next look."""
        laid = 0
        for span in domain.spans(self._city.categories.values(), micros(self._clock.now()), resting.LATE_US):
            while True:
                async with pool.acquire(timeout=postgres.ACQUIRE_S) as connection:
                    found = await resting.lay(connection, span, AT_ONCE)
                laid += found
                if laid >= MOST:
                    return laid
                if found < AT_ONCE:
                    break
                await asyncio.sleep(_BREATH_S)
        return laid
