"""Intake by itself: single reports, batches, half of saturation, and what people would write instead of it."""

import asyncio
import contextlib
import statistics
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import log, machine, recorded, reports, wrk
from bench.measures.producer import Producer
from bench.scraping import scraped, total
from bench.variant import Figures, Run, Variant, mean, turns
from bench.world import Fault, World
from gewu.city import load
from gewu.dev.services import Service

GROUP = "intake"
WARM_S = 2
HALF = 0.5
_RATES_DIFFER = 0.1
_YARDSTICK, PRODUCED = "bench.yardstick", "bench.produced"
_SENT = "gewu_producer_batch_records"
_ONE, _MANY = "/v1/reports", "/v1/reports:batch"


class Intake:
    """What all of them share: wrk's scripts, and the ceiling, whose records are as large as a report in the log."""

    def __init__(self, world: World, city: Path, bodies: int = reports.BODIES) -> None:
        self._world, self._city = world, city
        package = load(city)
        self._head = {**recorded.headers(world, "application/json"), "Connection": "keep-alive"}
        self._bodies = reports.ordinary(package, bodies)
        self._single = self._script("single", self._bodies)
        ndjson = {**self._head, "content-type": "application/x-ndjson"}
        self._ndjson = self._script("ndjson", reports.lines(package, 7), ndjson)

    async def prepare(self) -> None:
        """Topics of the others, and the ceiling, once it is known how large a report is in the log."""
        await log.make_topics(self._world.kafka, [_YARDSTICK, PRODUCED])
        signals = await recorded.through_intake(self._world, self._city, self._bodies)
        self.record_bytes = round(statistics.mean(signal.size for signal in signals))
        self._world.say(f"a report is {reports.BODY_BYTES} bytes of JSON, and {self.record_bytes} bytes in the log")
        self._ceiling = Producer(self._world, self.record_bytes)
        await self._ceiling.prepare()

    async def alone(self, run: Run) -> Figures:
        """Single reports, as fast as 256 connections bring them."""
        async with self._world.service("intake", city=self._city) as intake:
            await self.singles(intake, WARM_S)
            return await self._batched(intake, self.singles(intake, run.seconds))

    async def one(self, run: Run) -> Figures:
        """The same beside the ceiling."""
        async with self._world.service("intake") as intake:
            await self.singles(intake, WARM_S)
            return await self._beside_the_ceiling(run, lambda: self._batched(intake, self.singles(intake, run.seconds)))

    async def many(self, run: Run) -> Figures:
        """Batches of 50 beside the ceiling."""
        async with self._world.service("intake") as intake:
            await self.batches(intake, WARM_S)
            return await self._beside_the_ceiling(run, lambda: self._batched(intake, self.batches(intake, run.seconds)))

    async def _beside_the_ceiling(self, run: Run, load: Callable[[], Awaitable[Figures]]) -> Figures:
        """In turns with Kafka's own producer, whose rate is `producer_rate`: the machine changes its pace within a minute."""
        own: list[Figures] = []
        ceiling: list[float] = []
        for ours in turns(4):
            if ours:
                own.append(await load())
            else:
                ceiling.append(await self._ceiling.rate(run.seconds))
        return {**mean(own), "producer_rate": statistics.mean(ceiling)}

    async def half(self, run: Run) -> Figures:
        """Single reports at half of this round's saturation: each connection pauses between an answer and the next."""
        rate = run.so_far["single"]["rate"] * HALF
        async with self._world.service("intake") as intake:
            script = await self.pausing(intake, rate)
            return await self._batched(intake, self.load(intake, script, run.seconds))

    async def pausing(self, service: Service, rate: float) -> Path:
        """The script under which single reports come at this rate, after a warm-up: it says how long an answer takes, which is
        part of each connection's cycle."""
        warm = await self.load(service, self._paused(rate, 2.0), WARM_S)
        return self._paused(rate, warm["p50_ms"])

    async def metrics(self, run: Run) -> Figures:
        """With metrics, scraped, and without, both warm, in turns within the round."""
        rates: dict[bool, list[float]] = {True: [], False: []}
        async with self._world.service("intake") as seeing, self._world.service("intake", metrics=False) as blind:
            for service in (seeing, blind):
                await self.singles(service, WARM_S)
            for on in turns(2 * run.seconds):
                async with scraped(seeing.url) if on else contextlib.nullcontext():
                    found = await self.singles(seeing if on else blind, 1)
                rates[on].append(found["rate"])
        return {"on_rate": statistics.mean(rates[True]), "off_rate": statistics.mean(rates[False])}

    async def yardstick(self, run: Run) -> Figures:
        """FastAPI, pydantic and FastStream's publish, in turns with intake; `single_rate` is intake's."""
        words = {"kafka": self._world.stack.kafka.bootstrap, "topic": _YARDSTICK, "key": self._world.access.report_key}
        found: dict[bool, list[Figures]] = {True: [], False: []}
        async with self._world.yardstick("intake", words) as plain, self._world.service("intake") as own:
            await self.load(plain, self._single, WARM_S, names=(_YARDSTICK,))
            await self.singles(own, WARM_S)
            for ours in turns(2 * run.seconds):
                load = self.singles(own, 1) if ours else self.load(plain, self._single, 1, names=(_YARDSTICK,))
                found[ours].append(await load)
        return {**mean(found[False]), "single_rate": mean(found[True])["rate"]}

    async def bare(self, run: Run) -> Figures:
        """aiokafka's send_and_wait by as many tasks as there were connections, at the rate that half load reached."""
        words = {
            "kafka": self._world.stack.kafka.bootstrap, "topic": PRODUCED, "bytes": self.record_bytes,
            "rate": run.so_far["half load"]["rate"], "seconds": run.seconds, "tasks": wrk.CONNECTIONS,
        }  # fmt: skip
        found = await self._world.process("processes.send_and_wait", words)
        same_rate(found["rate"], words["rate"])
        return found

    async def singles(self, service: Service, seconds: int) -> Figures:
        """Load by single reports."""
        return await self.load(service, self._single, seconds)

    async def batches(self, service: Service, seconds: int) -> Figures:
        """Load by batches."""
        return await self.load(service, self._ndjson, seconds, _MANY, reports.LINES)

    async def load(
        self, service: Service, script: Path, seconds: int, door: str = _ONE, each: int = 1,
        names: tuple[str, ...] = log.SIGNALS,
    ) -> Figures:  # fmt: skip
        """wrk at one service. Fault where an answer was not 2xx, or an answered report does not stand in the log."""
        pid = service.pid
        if pid is None:
            raise Fault(f"{service.name} has ended. {service.last_words()}")
        before, used = await log.ends(self._world.kafka, names), machine.cpu_seconds(pid)
        said = await self._world.run("wrk", wrk.command(script, f"{service.url}{door}", seconds), seconds + 30.0)
        used = machine.cpu_seconds(pid) - used
        found = wrk.parse(said)
        await asyncio.sleep(0.3)  # what wrk no longer waited for
        stored = log.grown(before, await log.ends(self._world.kafka, names))
        if found.faults or stored < found.requests * each:
            raise Fault(
                f"{found.requests * each} reports answered, {stored} in the log, {found.faults} faults:\n{said}"
            )
        return {
            "rate": found.rate * each, "p50_ms": found.p50_ms, "p99_ms": found.p99_ms,
            "cpu_us": used / (found.requests * each) * 1e6,
        }  # fmt: skip

    async def _batched(self, intake: Service, load: Awaitable[Figures]) -> Figures:
        """What a load brings, and how many records went to the broker at once meanwhile."""
        records, batches = await total(intake.url, _SENT)
        found = await load
        after, count = await total(intake.url, _SENT)
        return {**found, "records_a_batch": (after - records) / max(count - batches, 1)}

    def _paused(self, rate: float, latency_ms: float) -> Path:
        return self._script("paused", self._bodies, pause_ms=wrk.pause_for(rate, latency_ms))

    def _script(
        self,
        name: str,
        bodies: list[bytes],
        head: dict[str, str] | None = None,
        pause_ms: tuple[int, int] | None = None,
    ) -> Path:
        path = self._world.scratch / f"{self._city.name}-{name}.lua"
        path.write_text(wrk.script(bodies, head or self._head, pause_ms))
        return path


def same_rate(found: float, wanted: float) -> None:
    """Fault where a rate is not the one at which it is to be compared: a p99 is that of its rate."""
    if abs(found - wanted) > _RATES_DIFFER * wanted:
        raise Fault(f"{found:.0f} a second were sent, {wanted:.0f} were wanted")


async def variants(world: World) -> list[Variant]:
    """All of them, in the order of a round: each beside what it is held against."""
    intake = Intake(world, world.city)
    await intake.prepare()
    return [
        Variant(
            "single", GROUP, "one report a request, wrk, 256 connections, and ProducerPerformance, in turns", intake.one
        ),
        Variant("ndjson", GROUP, f"{reports.LINES} reports a request, and ProducerPerformance, in turns", intake.many),
        Variant("intake yardstick", GROUP, "FastAPI + pydantic + FastStream publish", intake.yardstick),
        Variant("half load", GROUP, "single reports at half of saturation", intake.half, needs=("single",)),
        Variant("bare produce", GROUP, "aiokafka send_and_wait at the same rate", intake.bare, needs=("half load",)),
        Variant("intake metrics", GROUP, "metrics on and off in turns", intake.metrics),
    ]
