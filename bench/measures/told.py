"""From a case's change in dispatch to its webhook: dispatch and notify side by side, signals before them and a sink behind."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import databases, log, recorded, reports
from bench.processes.sink import STILL_S
from bench.variant import Figures, Run
from bench.world import Fault, World
from gewu import topics
from gewu.dev import metrics

HALF = 0.5
_WARM_S, _PATIENCE_S = 2.0, 120.0


class Told:
    """A city whose every change goes to one receiver at this port. `more`: variables of its notify; `database` makes one by a
    name, in which notify stands where the log ends."""

    def __init__(
        self, world: World, city: Path, port: int, more: dict[str, str], database: Callable[[str], Awaitable[str]]
    ) -> None:
        self._world, self._city, self._port, self._more, self._database = world, city, port, more, database
        self._signals: list[log.Record] = []

    async def half(self, run: Run) -> Figures:
        """p99 at half of the reports a second that the two did a moment before, when all stood in the log at once."""
        await self._word(run.reports)
        full = await self._through("bench_told", run.reports, None)
        rate = HALF * full["reports_rate"]
        count = round(rate * (_WARM_S + 2 * run.seconds))
        await self._word(count)
        found = await self._through("bench_half", count, rate)
        return {
            "p50_ms": found["p50_ms"], "p99_ms": found["p99_ms"], "rate": rate, "full_rate": full["reports_rate"],
            "webhooks": found["requests"],
        }  # fmt: skip

    async def _through(self, name: str, count: int, rate: float | None) -> dict[str, float]:
        """So many signals, evenly at this rate or all at once, until their last webhook. Fault where not each version of a case
        had one."""
        dsn = await self._database(name)
        await databases.stand_at_the_end(self._world, dsn)
        words = {"port": self._port, "warm": _WARM_S if rate else 0.0}
        sink = asyncio.create_task(self._world.process("processes.sink", words))
        connection = await databases.connect(dsn)
        try:
            async with (
                self._world.service("dispatch", city=self._city, dsn=dsn) as dispatch,
                self._world.service("notify", city=self._city, dsn=dsn, more=self._more) as notify,
            ):
                await reads(dispatch.url, sum(log.PARTITIONS[topic] for topic in log.SIGNALS))
                await reads(notify.url, log.PARTITIONS[topics.CASES])
                started = time.time()
                await log.append_evenly(self._world.kafka, self._signals[:count], rate)
                await databases.until_said(connection, count, _PATIENCE_S)
                found = await sink
            versions = (await databases.count(connection, ["history"]))["history"]
        finally:
            sink.cancel()
            await connection.close()
        if found["requests"] != versions:
            raise Fault(
                f"{versions} versions of cases, {found['requests']} webhooks; the last {STILL_S:.0f} s none came"
            )
        return found | {"reports_rate": count / (found["last"] - started)}

    async def _word(self, count: int) -> None:
        """Have at least so many signals of different reports: how many are sent, the machine says."""
        if count > len(self._signals):
            bodies = reports.of_a_day(self._city, count)
            self._signals = await recorded.through_intake(self._world, self._city, bodies)


async def reads(url: str, partitions: int) -> None:
    """Wait until a service has its partitions: it is ready a little before."""
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end:
        found = await metrics.scrape(f"{url}/metrics")
        if sum(value for (name, _), value in found.items() if name == "gewu_delivery_partitions") >= partitions:
            return
        await asyncio.sleep(0.1)
    raise Fault("a service does not get its partitions")
