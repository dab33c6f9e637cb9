"""Kafka's own producer benchmark: the ceiling that intake is held against, in turns with it."""

import re

from bench import log
from bench.world import Fault, World
from gewu.dev import jars, java, kafka_files

_TOPIC = "bench.ceiling"
# Its fastest settings found: a large batch and time to fill it. acks=all and idempotent, as intake's.
SETTINGS = (
    "acks=all", "enable.idempotence=true", "linger.ms=5", "batch.size=262144", "buffer.memory=67108864",
)  # fmt: skip
_FLAGS = ("-Xms512m", "-Xmx512m")


class Producer:
    """ProducerPerformance with records as large as a report is in the log."""

    def __init__(self, world: World, record_bytes: int) -> None:
        self._world, self._bytes = world, record_bytes

    async def prepare(self) -> None:
        """Its topic."""
        await log.make_topics(self._world.kafka, [_TOPIC])

    async def rate(self, seconds: int) -> float:
        """Records a second over its whole run: about as many records as fit into the time that wrk runs."""
        count = max(160_000 * seconds, 400_000)
        said = await self._world.run("producer", self._command(count), 300.0)
        return parse(said)

    def _command(self, count: int) -> tuple[str, ...]:
        return kafka_files.java_command(
            java.find_java(), jars.class_path(jars.cache_folder(), [jars.KAFKA, jars.KAFKA_TOOLS]),
            self._world.scratch, _FLAGS,
            (
                "org.apache.kafka.tools.ProducerPerformance", "--bootstrap-server", self._world.stack.kafka.bootstrap,
                "--topic", _TOPIC, "--num-records", str(count), "--record-size", str(self._bytes), "--throughput", "-1",
                "--command-property", *SETTINGS,
            ),
        )  # fmt: skip


def parse(said: str) -> float:
    """The rate of its summary, the last line that names a p99 too: those before it are of a part of the run."""
    for line in reversed(said.splitlines()):
        rate = re.search(r"([\d.]+) records/sec", line)
        if rate and "ms 99th" in line:
            return float(rate[1])
    raise Fault(f"ProducerPerformance did not report: {said.strip()[-500:]}")
