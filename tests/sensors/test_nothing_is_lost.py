"""The bridge is killed under load against Mosquitto: a reading whose sensor has its PUBACK counts, and counts once."""

import asyncio
import time
from collections import Counter
from random import Random
from typing import Any

import asyncpg
import pytest

from gewu import topics
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime.settings import Kafka
from tests.support.sensors import Town, in_the_log, mosquitto_or_skip
from tests.support.waiting import until

# No dwell and no flapping within the run: what is a crossing is plain from the values.
SENSORS = ("smoke-002", "smoke-003", "smoke-004", "smoke-005")
LANES = [topics.signals(lane) for lane in Lane]


async def fetch(stack: Stack, question: str, *words: Any) -> list[asyncpg.Record]:
    """Rows of dispatch's tables."""
    connection = await asyncpg.connect(stack.dsn, server_settings={"search_path": "dispatch"})
    try:
        return await connection.fetch(question, *words)
    finally:
        await connection.close()


async def outcomes(stack: Stack) -> dict[str, int]:
    """What the books say became of all signals."""
    names = ("measured", "duplicate", "opened", "joined", "parked")
    sums = ", ".join(f"sum({name})::int AS {name}" for name in names)
    return dict((await fetch(stack, f"SELECT {sums} FROM position WHERE topic = ANY($1)", LANES))[0])


@pytest.mark.parametrize("version", ["5.0", "3.1.1"])
async def test_every_reading_with_a_puback_counts_once_though_the_bridge_is_killed(stack: Stack, version: str) -> None:
    mosquitto_or_skip()
    random, session = Random(version), int(time.time() * 1000)
    await stack.end("intake")
    await stack.launch("intake", {"GEWU_MQTT_VERSION": version})
    before = await outcomes(stack)
    town = Town(stack, SENSORS, session=session, pause=0.004)
    running = asyncio.ensure_future(town.run())
    # Every other time it is just back, with all before it that waited at the broker.
    for seconds in (1.0, 0.05, 0.7, 0.15):
        await asyncio.sleep(seconds * random.uniform(0.8, 1.2))
        await stack.kill("intake")
        await asyncio.sleep(random.uniform(0.0, 0.6))
        await stack.launch("intake", {"GEWU_MQTT_VERSION": version})
    await asyncio.sleep(0.5)
    town.stop()
    await running
    assert town.readings > 500

    async def all_read() -> bool:
        rows = await fetch(stack, "SELECT sensor_id, counter FROM sensors WHERE session = $1", session)
        return {r["sensor_id"]: r["counter"] for r in rows} == {id_: acked[-1] for id_, acked in town.acked.items()}

    await until(all_read, 60.0, "the last reading of every sensor")
    logged = await in_the_log(Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, ""), session)
    assert set(logged) == {(id_, counter) for id_, acked in town.acked.items() for counter in acked}
    repeats = sum(logged.values()) - len(logged)
    assert repeats > 0, "no kill met a reading under way: nothing was shown"

    async def settled() -> bool:
        return sum((await outcomes(stack)).values()) - sum(before.values()) >= sum(logged.values())

    await until(settled, 30.0, "every record of the log")
    wanted = {(id_, f"{session}:{counter}") for id_ in SENSORS for counter in town.crossings(id_)}
    rows = await fetch(
        stack, "SELECT source, client_id FROM signals WHERE kind = 2 AND client_id LIKE $1", f"{session}:%"
    )
    assert Counter((r["source"].removeprefix("sensor:"), r["client_id"]) for r in rows) == Counter(wanted)
    now = {name: count - before[name] for name, count in (await outcomes(stack)).items()}
    assert (now["duplicate"], now["parked"]) == (repeats, 0)
    assert now["measured"] == len(logged) - len(wanted) and now["opened"] + now["joined"] == len(wanted)
