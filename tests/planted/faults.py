"""What is done to a system under load, so that the window of a bug opens; each leaves the system able to go on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from random import Random

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from gewu import topics
from gewu.city import load as load_city
from gewu.dev.ports import free_ports
from gewu.lane import Lane
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime.settings import Kafka
from gewu_notify.sending import gate
from tests.notify.world import Listener
from tests.planted import records
from tests.planted.load import Neighbours
from tests.planted.site import Site
from tests.support import log
from tests.support.flooding import SHARE, flood
from tests.support.neighbours import pairs_across_partitions
from tests.support.received import kept, telling
from tests.support.sensors import Town
from tests.support.waiting import until
from tests.trouble.families import cameras, notices
from tests.trouble.play import Family
from tests.trouble.world import World

Fault = Callable[[Site, Neighbours], Awaitable[None]]
_AFTER_S = 1.5  # of load after the fault: what it left behind must go on working, or be seen not to
_PAIRS = 60
_TOO_MANY = 200  # receivers that hang, beyond the connections that there are
_MOVES = 40
_THINGS, _CROWD_S = 6, 5.0
_DESK = "planted-desk"
_REFUSING = "urban-order"  # a department that the load keeps busy


async def none(site: Site, load: Neighbours) -> None:
    """Nothing but the load."""
    await site.window()


async def dispatch_killed(site: Site, load: Neighbours) -> None:
    """kill -9 of dispatch, in the window if there is one."""
    await site.window()
    await site.kill("dispatch")
    await site.launch("dispatch")


async def two_dispatches(site: Site, load: Neighbours) -> None:
    """A second dispatch, which stays; a few things that everybody reports at once, and each of the two frozen now and then."""
    await site.launch("dispatch", {"GEWU_KAFKA_INSTANCE": ""}, replica="dispatch-2")
    async with asyncio.TaskGroup() as crowd:
        ends = asyncio.get_running_loop().time() + _CROWD_S
        for thing in load.things(_THINGS):
            crowd.create_task(load.again_and_again(thing, ends))
        while asyncio.get_running_loop().time() < ends:
            for name in ("dispatch", "dispatch-2"):
                site.services[name].pause()
                await asyncio.sleep(0.1)
                site.services[name].resume()
                await asyncio.sleep(0.2)


async def intake_killed_before_acks(site: Site, load: Neighbours) -> None:
    """The broker is frozen, so that intake waits for acks, and intake is killed."""
    site.kafka.pause()
    await asyncio.sleep(1.0)
    await site.kill("intake")
    site.kafka.resume()
    await site.launch("intake")


async def broker_slower_than_the_deadline(site: Site, load: Neighbours) -> None:
    """The broker is frozen for longer than intake waits for an ack, and then takes what it was sent."""
    await site.end("intake")
    await site.launch("intake", {"GEWU_ACK_DEADLINE": "500ms"})
    await asyncio.sleep(2.0)  # what was refused meanwhile comes again before
    site.kafka.pause()
    await asyncio.sleep(1.5)
    site.kafka.resume()


async def department_topic_refuses(site: Site, load: Neighbours) -> None:
    """For a moment one department's topic takes no batch that is larger than a header."""
    kafka, known = _kafka(site), topics.registry(load_city(site.city).departments)
    (topic,) = (t for t in known if t.name == topics.dispatch(_REFUSING))
    small = kafka_runtime.configuration(topic, kafka) | {"max.message.bytes": "100"}
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=small)])
    await admin.close()
    await asyncio.sleep(1.5)
    await kafka_runtime.apply(known, kafka)
    await site.window()


async def hostile_records(site: Site, load: Neighbours) -> None:
    """Records that nobody can read stand between the reports."""
    for lane in (Lane.P1, Lane.P2):
        await log.put(_kafka(site), topics.signals(lane), records.hostile(5))
    await site.window()


async def case_raised(site: Site, load: Neighbours) -> None:
    """A camera sees, on the lane for life safety, what people reported as an ordinary thing."""
    await log.put(_kafka(site), topics.signals(Lane.P0), records.seen_by_a_camera(load.sent("street light")))
    await site.window()


async def departments_answer(site: Site, load: Neighbours) -> None:
    """Departments accept some of their cases and give others back, and say each move twice."""
    for (topic, partition), said in records.moves(await site.some_cases(_MOVES)).items():
        await log.put(_kafka(site), topic, said, partition)
        await log.put(_kafka(site), topic, said, partition)
    await site.window()


async def neighbours_at_once(site: Site, load: Neighbours) -> None:
    """Pairs of reports of one thing come at the same moment, over partitions that know nothing of each other."""
    for first, second in pairs_across_partitions(site.city)[:_PAIRS]:
        await asyncio.gather(load.ship([first]), load.ship([second]))
    await site.window()


async def one_key_floods(site: Site, load: Neighbours) -> None:
    """One key says twenty times its share, and rubbish beside it."""
    flooded = await flood(site, site.data, offered=20 * SHARE, seconds=3.0)
    assert flooded.refused, "it was refused nothing"
    site.ledgers.append(flooded.ledger)


async def sensors_speak(site: Site, load: Neighbours) -> None:
    """Sensors measure to and fro over their limits."""
    await _town(site, site.window)


async def bridge_killed_before_acks(site: Site, load: Neighbours) -> None:
    """The broker is frozen while sensors speak, so that the bridge waits for acks, and intake is killed."""

    async def kill() -> None:
        await asyncio.sleep(1.0)
        site.kafka.pause()
        await asyncio.sleep(1.0)
        await site.kill("intake")
        site.kafka.resume()
        await site.launch("intake")

    await _town(site, kill)


async def _town(site: Site, harm: Callable[[], Awaitable[None]]) -> None:
    town = Town(site, ("smoke-002", "smoke-003"), session=int(time.time() * 1000), ledgers=site.data)
    site.ledgers += town.ledgers.values()
    running = asyncio.ensure_future(town.run())
    await asyncio.sleep(1.5)
    await harm()
    town.stop()
    await running


async def notify_killed(site: Site, load: Neighbours) -> None:
    """kill -9 of notify, in the window if there is one, while a desk is told of every case and keeps what it had."""
    desk = await Listener(free_ports(1)[0]).start()
    try:
        async with telling(site, site.data, {_DESK: desk.url}, [f"all,*,*,*,*,*,{_DESK},"]) as words:
            await site.launch("notify", words, ready=False)
            await site.window()
            await site.kill("notify")
            await site.launch("notify", words)
            await asyncio.sleep(1.0)  # of load: what was planned before the kill, and some after it
            since = datetime.now(UTC)
            await until(lambda: site.told(_DESK, since), 30.0, "what had to be told by then")
        site.received.append(kept(desk, _DESK, site.data))  # nobody sends to it any more
    finally:
        await desk.stop()


async def receivers_hang(site: Site, load: Neighbours) -> None:
    """More receivers hang than notify has connections, while a desk is told of life safety: the family `a thousand receivers
    hang`, which with a thousand needs none of the connections that are kept for p0."""
    await _family(site, partial(notices.hang, many=gate.CONNECTIONS + _TOO_MANY))


async def video_killed(site: Site, load: Neighbours) -> None:
    """The eyes of two cameras are killed, and then video with them: the family `video killed`."""
    await _family(site, cameras.video_killed)


async def _family(site: Site, family: Family) -> None:
    """What it finds wrong with its own eyes it raises as Found."""
    world = World(site.data, site.city)
    world.stack = site
    try:
        seen = await family(world, Random(1))
    finally:
        site.ledgers += world.ledgers
    assert seen.hit, f"it was not felt: {seen.words}"


FAULTS: Mapping[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        none, dispatch_killed, two_dispatches, intake_killed_before_acks, broker_slower_than_the_deadline,
        department_topic_refuses, hostile_records, case_raised, departments_answer,
        neighbours_at_once, one_key_floods, sensors_speak, bridge_killed_before_acks, notify_killed,
        receivers_hang, video_killed,
    )
}  # fmt: skip


async def make(name: str, site: Site, load: Neighbours) -> None:
    """This fault, with load before and after it."""
    await asyncio.sleep(1.0)
    await FAULTS[name](site, load)
    await asyncio.sleep(_AFTER_S)


def _kafka(site: Site) -> Kafka:
    return Kafka(site.kafka.bootstrap, None, None, None, 1, 1, "")
