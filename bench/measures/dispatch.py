"""Dispatch by itself: signals that wait in the log until their events are acked, and what bounds or replaces that."""

import asyncio
import contextlib
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg

from bench import databases, ground, log, machine, recorded, reports
from bench.scraping import scraped, total
from bench.variant import Figures, Run, Variant, mean, turns
from bench.world import Fault, World
from gewu import topics
from gewu.city import load
from gewu.dev.services import Service
from gewu_dispatch.handlers.signals import Signals

GROUP = "dispatch"
_SIDE = 3  # a square of so many demo cities: one run takes seconds, and how it begins and ends does not count for much
_WARM, _WARM_A_GRID = 3000, 3  # a process that runs has seen most of its grids
_ROWS, _OWN, _PLAIN = "bench_rows", "bench_dispatch", "bench_plain"
_JSON_TOPIC, _JSON_EVENTS = "bench.reports", "bench.assignments"
_LOCK_WAIT = "gewu_dispatch_lock_wait_seconds"
_PLAIN_REPORTS = 6000  # it is some fifteen times slower: four seconds
_TABLES = ("signals", "cases", "history", "clock_ledger", "contacts")

# Rows of the outbox are gone once they are said: a copy of each is kept, only in the run that is not timed.
_KEEP_OUTBOX = """
CREATE TABLE said (LIKE outbox);
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = dispatch AS
    'BEGIN INSERT INTO said VALUES (NEW.*); RETURN NEW; END';
CREATE TRIGGER keep AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION keep();
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Signals to settle: some to warm up with, and those that are timed. `template` is the database to begin with."""

    city: Path
    warm: Sequence[log.Record]
    timed: Sequence[log.Record]
    template: str = ""


async def backlog(world: World, city: Path, count: int, template: str = "") -> Backlog:
    """A day's different reports of a city as its intake words them, and some that were drawn apart from them to warm up with.

    Drawn together both would share their things, the more so the more grids are to be seen: what is timed in a large city
    would join cases of the warm-up, in a small one those of its own batch.
    """
    some = max(_WARM, _WARM_A_GRID * len(load(city).grids))
    warm = await recorded.through_intake(world, city, reports.of_a_day(city, some, seed=2))
    return Backlog(city, warm, await recorded.through_intake(world, city, reports.of_a_day(city, count)), template)


async def drain(
    world: World, work: Backlog, name: str, *, metrics: bool = True, begun: Callable[[int], None] = lambda pid: None
) -> Figures:
    """Have a dispatch process settle a backlog that is there when it wakes up: from then until all events are acked. `begun` is
    called with its pid at that moment."""
    dsn = await databases.fresh(world, name, work.template)
    await databases.stand_at_the_end(world, dsn)
    await databases.read_open_cases(dsn)
    connection = await databases.connect(dsn)
    before = await databases.count(connection, ["history"])
    told = await log.ends(world.kafka, [topics.CASES])
    try:
        async with world.service("dispatch", city=work.city, dsn=dsn, metrics=metrics) as dispatch:
            await log.append(world.kafka, work.warm)
            await databases.until_said(connection, len(work.warm), 60.0)
            warmed = await databases.count(connection, ["history"])
            waited = await total(dispatch.url, _LOCK_WAIT) if metrics else None
            # Frozen while the log fills, so that its start costs nothing and all signals wait at the same moment.
            dispatch.pause()
            try:
                await log.append(world.kafka, work.timed)
                await databases.calm(connection, (*_TABLES, "outbox", "position"))
                await asyncio.to_thread(os.sync)
            finally:
                used = _used(world, dispatch)
                started = time.monotonic()
                dispatch.resume()
                begun(dispatch.pid or 0)
            async with scraped(dispatch.url) if metrics else contextlib.nullcontext():
                ended = await databases.until_said(connection, len(work.warm) + len(work.timed), 300.0)
            used = [after - earlier for after, earlier in zip(_used(world, dispatch), used, strict=True)]
            figures = _figures(len(work.timed), ended - started, used)
            if waited:
                figures |= await _locks(dispatch, waited, len(work.timed))
        await _check(world, connection, before["history"], told, len(work.warm) + len(work.timed))
        done = await databases.count(connection, ["history"])
    finally:
        await connection.close()
    return figures | {"versions_per_report": (done["history"] - warmed["history"]) / len(work.timed)}


def _used(world: World, dispatch: Service) -> list[float]:
    return [machine.cpu_seconds(dispatch.pid or 0), machine.family_cpu_seconds(world.pid("postgres"))]


def _figures(count: int, seconds: float, used: Sequence[float]) -> dict[str, float]:
    return {
        "rate": count / seconds, "us_per_report": seconds / count * 1e6,
        "cpu_us": used[0] / count * 1e6, "postgres_cpu_us": used[1] / count * 1e6,
    }  # fmt: skip


async def _locks(dispatch: Service, before: tuple[float, float], reports: int) -> dict[str, float]:
    """How long batches waited for joining's locks, on average, how many there were, and how large."""
    waited, count = await total(dispatch.url, _LOCK_WAIT)
    batches = max(count - before[1], 1)
    return {
        "batches": batches, "reports_a_batch": reports / batches, "lock_wait_ms": (waited - before[0]) / batches * 1e3,
    }  # fmt: skip


async def _check(world: World, connection: asyncpg.Connection, history: int, told: log.Ends, signals: int) -> None:
    """Nothing was lost on the way: every signal is new, and every version of a case was said."""
    rows = await connection.fetchrow("SELECT sum(opened + joined) AS new, sum(parked) AS parked FROM position")
    versions = (await databases.count(connection, ["history"]))["history"] - history
    said = log.grown(told, await log.ends(world.kafka, [topics.CASES]))
    if (rows["new"], rows["parked"], said) != (signals, 0, versions):
        raise Fault(f"{signals} signals: {dict(rows)}, {versions} versions of cases, {said} said")


async def district(world: World, reports_a_city: int) -> Backlog:
    """A day of demo cities beside each other, which are made when first asked for."""
    folder = world.scratch / "district"
    if not folder.exists():
        ground.larger(world.city, folder, _SIDE)
    return await backlog(world, folder, reports_a_city * _SIDE**2)


class Dispatch:
    """The backlog of a district, and the rows that it becomes."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def prepare(self, reports_a_city: int) -> None:
        """Word the reports, and settle them once to know which rows they make."""
        world = self._world
        self._work = await district(world, reports_a_city)
        self._count = len(self._work.timed) + len(self._work.warm)
        dsn = await databases.fresh(world, "bench_kept")
        connection = await databases.connect(dsn)
        await connection.execute(_KEEP_OUTBOX)
        await connection.close()
        await drain(world, replace(self._work, template="bench_kept"), _ROWS)
        rows = await databases.connect(world.stack.postgres.dsn(_ROWS))
        counts = await databases.count(rows, [*_TABLES, "said"])
        await rows.close()
        self._rows = sum(counts.values()) / self._count
        world.say(f"{self._count:,} reports make " + ", ".join(f"{n:,} {table}" for table, n in counts.items()))
        await self._fill_plain()

    async def run(self, run: Run) -> Figures:
        """The real thing; once before it does not count, because broker and PostgreSQL come from other work."""
        await drain(self._world, self._work, _OWN)
        return await drain(self._world, self._work, _OWN)

    async def metrics(self, run: Run) -> Figures:
        """On, off, off, on: in turns, because the two are so near each other."""
        rates: dict[bool, list[float]] = {True: [], False: []}
        for on in turns(4):
            rates[on].append((await drain(self._world, self._work, _OWN, metrics=on))["rate"])
        return {"on_rate": statistics.mean(rates[True]), "off_rate": statistics.mean(rates[False])}

    async def copy(self, run: Run) -> Figures:
        """The same rows by COPY, as many a transaction as dispatch's batches make."""
        target = await databases.fresh(self._world, _PLAIN)
        words = {
            "source": self._world.stack.postgres.dsn(_ROWS), "target": target, "tables": [*_TABLES, "outbox"],
            "reports": self._count, "batch": Signals.at_most,
        }  # fmt: skip
        return await self._world.process("processes.copy_rows", words)

    async def yardstick(self, run: Run) -> Figures:
        """A message at a time, in turns with dispatch, whose rate is `own_rate`: the machine changes its pace within a minute."""
        own: list[float] = []
        plain: list[Figures] = []
        for ours in turns(4):
            if ours:
                own.append((await drain(self._world, self._work, _OWN))["rate"])
            else:
                plain.append(await self._plain())
        return {**mean(plain), "own_rate": statistics.mean(own)}

    async def _plain(self) -> Figures:
        words = {
            "kafka": self._world.stack.kafka.bootstrap, "dsn": await databases.fresh(self._world, _PLAIN),
            "city": str(self._work.city), "reports": _PLAIN_REPORTS, "topic": _JSON_TOPIC, "events": _JSON_EVENTS,
        }  # fmt: skip
        return await self._world.process("yardsticks.dispatch", words)

    async def _fill_plain(self) -> None:
        """The same reports as JSON, for the yardstick: its intake passes on what it was sent."""
        await log.make_topics(self._world.kafka, [_JSON_TOPIC, _JSON_EVENTS])
        bodies = reports.of_a_day(self._work.city, _PLAIN_REPORTS)
        plain = [log.Record(_JSON_TOPIC, n % 6, b"", body, ()) for n, body in enumerate(bodies)]
        await log.append(self._world.kafka, plain)


async def variants(world: World, count: int) -> list[Variant]:
    """All of them, in the order of a round."""
    dispatch = Dispatch(world)
    await dispatch.prepare(count)
    return [
        Variant("dispatch", GROUP, "signals in the log until their events are acked", dispatch.run),
        Variant("copy", GROUP, "asyncpg COPY of the same rows", dispatch.copy),
        Variant("dispatch metrics", GROUP, "metrics on and off in turns", dispatch.metrics),
        Variant("dispatch yardstick", GROUP, "FastStream + pydantic + INSERT + publish", dispatch.yardstick),
    ]
