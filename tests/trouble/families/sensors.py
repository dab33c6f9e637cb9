"""The bridge, which is intake, killed while sensors speak: what a sensor has its PUBACK for counts, and counts once."""

import asyncio
import time
from random import Random

from gewu.dev.mqtt import mosquitto
from tests.support.sensors import Town, in_the_log
from tests.support.waiting import until
from tests.trouble.play import Seen, Skipped
from tests.trouble.world import World

_SENSORS = ("smoke-002", "smoke-003", "smoke-004")
_MOST_KILLS = 12  # a pair of kills does not always find readings between Kafka's ack and their PUBACK


async def bridge_killed(world: World, random: Random) -> Seen:
    """Intake is killed while sensors speak, every second time with what waited at the broker under way, until some came again."""
    if mosquitto() is None:
        raise Skipped("Mosquitto is not installed, and amqtt keeps nothing for a bridge that is away")
    session, before = int(time.time() * 1000), await world.outcomes()
    town = Town(world.stack, _SENSORS, session=session, pause=0.005, ledgers=world.folder)
    world.ledgers += town.ledgers.values()
    async with world.load(random):
        running, kills, again = asyncio.ensure_future(town.run()), 0, 0
        while kills < _MOST_KILLS and not again:
            for seconds in (1.0, 0.05):
                await asyncio.sleep(seconds * random.uniform(0.8, 1.6))
                await world.stack.kill("intake")
                await world.stack.launch("intake")
                kills += 1
            again = await _again(world, session)
        await asyncio.sleep(0.8)
        town.stop()
        await running

    async def all_read() -> bool:
        rows = await world.fetch("SELECT sensor_id, counter FROM sensors WHERE session = $1", session)
        return {r["sensor_id"]: r["counter"] for r in rows} == {id_: acked[-1] for id_, acked in town.acked.items()}

    await until(all_read, 60.0, "the last reading of every sensor")
    rows = await world.fetch(
        "SELECT source, client_id FROM signals WHERE kind = 2 AND client_id LIKE $1", f"{session}:%"
    )
    crossings = sorted((r["source"].removeprefix("sensor:"), int(r["client_id"].split(":")[1])) for r in rows)
    wanted = sorted((id_, counter) for id_ in _SENSORS for counter in town.crossings(id_))
    assert crossings == wanted, f"{len(wanted)} crossings were measured, {len(crossings)} became signals"
    new = (await world.outcomes())["measured"] - before["measured"]
    assert new + len(crossings) == town.readings, f"{town.readings} readings have their PUBACK, {new} were measured"
    again = await _again(world, session)
    words = f"{town.readings} readings with a PUBACK in {kills} kills, {len(crossings)} of them crossings; "
    return Seen(town.readings > 200 and again > 0, f"{words}{again} stand in the log a second time")


async def _again(world: World, session: int) -> int:
    """How many readings of this session stand in the log beyond their first time."""
    logged = await in_the_log(world.kafka, session)
    return sum(logged.values()) - len(logged)
