"""The hosted consumer by itself: FastStream as gewu.runtime.subscribe sets it up, held against aiokafka's bare getmany."""

import itertools
import statistics
from collections.abc import Awaitable, Callable

from bench import log, recorded, reports
from bench.variant import Figures, Run, Variant
from bench.world import World

GROUP = "consumer"
_TOPIC = "bench.consumed"
_RECORDS = 100_000
BATCH = 500


class Consumer:
    """A topic full of signals, and those who read it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def prepare(self) -> None:
        """Signals of a day, over and over: the decoder does not mind."""
        await log.make_topics(self._world.kafka, [_TOPIC])
        bodies = reports.of_a_day(self._world.city, 5000)
        signals = await recorded.through_intake(self._world, self._world.city, bodies)
        many = [
            # Spread evenly: the demo city is one area, its few classes would leave partitions empty.
            log.Record(_TOPIC, n % 6, signal.key, signal.value, signal.headers)
            for n, signal in zip(range(_RECORDS), itertools.cycle(signals), strict=False)
        ]
        await log.append(self._world.kafka, many)

    def pair(self, decoder: str) -> Callable[[Run], Awaitable[Figures]]:
        """Both with one of the decoders, in turns within the round, because the two are so near each other."""
        words = {
            "kafka": self._world.stack.kafka.bootstrap, "topic": _TOPIC, "records": _RECORDS, "batch": BATCH,
            "decoder": decoder,
        }  # fmt: skip

        async def run(_: Run) -> Figures:
            rates: dict[str, list[float]] = {"hosted": [], "getmany": []}
            for process in ("hosted", "getmany", "getmany", "hosted"):
                rates[process].append((await self._world.process(f"processes.{process}", words))["rate"])
            return {"rate": statistics.mean(rates["hosted"]), "getmany_rate": statistics.mean(rates["getmany"])}

        return run


async def variants(world: World) -> list[Variant]:
    """The library's subscriber with all metrics and aiokafka's getmany, once with dispatch's decoder, once with a bare one."""
    consumer = Consumer(world)
    await consumer.prepare()
    return [
        Variant("consumer", GROUP, "gewu.runtime.subscribe ÷ getmany, dispatch's decoder", consumer.pair("dispatch")),
        Variant("consumer, parse", GROUP, "the same, protobuf parsed and nothing read", consumer.pair("parse")),
    ]
