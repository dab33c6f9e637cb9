"""Who deletes pictures that nobody came to name: uploads whose report was never sent, or not taken."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

from aiokafka.errors import KafkaError

from gewu.pictures.reference import VALID
from gewu.pictures.store import SHARDS, Away, PictureStore
from gewu.runtime import postgres
from gewu_dispatch.metrics import SweepMetrics, Swept
from gewu_dispatch.store import pictures

log = logging.getLogger(__name__)

CUT = VALID + timedelta(
    hours=1
)  # nothing names it any more: clocks differ, and a report may be a while on its way to the log
EVERY_S = 300.0  # a shard, so that all have had their turn within a day
AT_ONCE = 100  # pictures of one question and one deletion: a slow store does them within its wait
LOOKS, PAUSE_S = 30, 2.0  # how often, and after how long, it is looked whether the log was read up to where it ended

Ends = Sequence[tuple[str, int, int]]


class Sweep:
    """The broom of one process. Several replicas sweep the same shard at the same time and pass each other by.

    ends: of the log's partitions that dispatch reads, as of when it is asked. What is older than the cut is named by a record
    before them or by none; where the database has read up to them and does not name it, nobody ever will.
    """

    def __init__(
        self, store: PictureStore, ends: Callable[[], Awaitable[Ends]], reader: Callable[[], postgres.Reader],
        metrics: SweepMetrics,
    ) -> None:  # fmt: skip
        self._store, self._ends, self._reader, self._metrics = store, ends, reader, metrics

    async def run(self) -> None:
        """A shard at each turn of the clock, for as long as this runs: a restart does not begin with the first again."""
        while True:
            now = time.time()
            self._metrics.sweeps[await self._tried(int(now // EVERY_S) % SHARDS)].inc()
            await asyncio.sleep(EVERY_S - time.time() % EVERY_S)

    async def _tried(self, shard: int) -> Swept:
        try:
            return await self.sweep(shard, datetime.now(UTC))
        except (Away, KafkaError, OSError) as fault:
            log.info("no sweep of pictures this time: %r", fault)
        except Exception as fault:
            if not postgres.is_later(fault):
                raise
        return Swept.AWAY

    async def sweep(self, shard: int, now: datetime) -> Swept:
        """Delete what of this shard nobody named. Raises Away, KafkaError and what the database says.

        The store's own date counts: `now` is of this machine, whose clock is held against PostgreSQL's.
        """
        before = now - CUT
        old = await self._store.old(shard, before)
        if not old:
            return Swept.DONE
        ends = await self._ends()  # after the cut, so that whatever names one of these stands before them
        dropped = 0
        for first in range(0, len(old), AT_ONCE):
            unnamed = await self._unnamed(old[first : first + AT_ONCE], ends)
            if unnamed is None:
                return Swept.BEHIND
            # Named meanwhile it cannot be but after another upload, which gave it a new date: the store looks once more.
            dropped += await self._store.drop(unnamed, before) if unnamed else 0
        self._metrics.pictures.inc(dropped)
        if dropped:
            log.info("swept pictures that nobody named", extra={"pictures": dropped, "shard": shard})
        return Swept.DONE

    async def _unnamed(self, digests: Sequence[bytes], ends: Ends) -> list[bytes] | None:
        for look in range(LOOKS):
            found = await pictures.unnamed(self._reader(), digests, ends)
            if found is not None:
                return found
            if look + 1 < LOOKS:
                await asyncio.sleep(PAUSE_S)
        return None
