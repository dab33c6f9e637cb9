"""Where to read on, attacked from Kafka's side: the group's offsets are gone, or the log is cut above a position."""

import asyncio
from random import Random
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from gewu import topics
from gewu.lane import Lane
from tests.support import log
from tests.support.waiting import until
from tests.trouble.families.broker import red
from tests.trouble.play import Seen
from tests.trouble.world import World

_COPIES, _CUT = 40, 25


async def group_offsets_deleted(world: World, random: Random) -> Seen:
    """While dispatch is down its groups are deleted, offsets and all: it reads on where PostgreSQL says."""
    async with world.load(random):
        # The offsets are committed every 5 s, for lag tools.
        held = await until(lambda: _offsets(world), 15.0, "offsets of the groups")
        await world.stack.kill("dispatch")
        await _delete_groups(world)
        left = await _offsets(world)
        await asyncio.sleep(random.uniform(0.0, 1.0))
        await world.stack.launch("dispatch")
        await asyncio.sleep(1.0)
    return Seen(held > 0 and left == 0, f"offsets of {held} partitions deleted, {left} left")


async def log_cut(world: World, random: Random) -> Seen:
    """Records above a position are deleted from the log. That partition turns red and is not skipped; the others go on.
    Then a person accepts the loss, and the reports that waited behind the cut land.

    What is cut are copies of reports that were handled, so that the cut itself loses nobody's report.
    """
    quiet = await world.positions()
    async with world.load(random, rate=100):
        await asyncio.sleep(3.0)  # something to copy must stand there
    await world.judge()
    place = random.choice(_busy(quiet, await world.positions()))
    await world.stack.kill("dispatch")
    first = await _append_copies(world, place)
    await _cut(world, place, first + _CUT)
    stood = (await world.positions())[place]
    async with world.load(random):
        await world.stack.launch("dispatch", ready=False)
        why = await until(lambda: _red_about(world, place), 30.0, "the red light")
        others = await world.positions()
        await asyncio.sleep(2.0)
        behind = await until(lambda: _behind(world, place), 30.0, "a report behind the cut")
        now = await world.positions()
        assert now[place] == stood == first, f"the position moved from {stood} to {now[place]}: the cut was skipped"
        assert sum(now.values()) > sum(others.values()), "the other partitions go on"
        await _accept_the_loss(world, place, first + _CUT)
        await world.stack.services["dispatch"].until_ready(30.0)
    words = (
        f"{_CUT} records cut; red: {why}; the position stood until a person moved it, {behind} reports behind the cut"
    )
    return Seen(behind > 0, words)


def _busy(before: dict[tuple[str, int], int], now: dict[tuple[str, int], int]) -> list[TopicPartition]:
    """The busier half of the partitions of p1 and p2: into the others seconds of load may bring no report at all."""
    here = {topics.signals(lane) for lane in (Lane.P1, Lane.P2)}
    grown = sorted((at - before.get(place, 0), place) for place, at in now.items() if place[0] in here)
    return [TopicPartition(*place) for _, place in grown[len(grown) // 2 :]]


async def _behind(world: World, place: TopicPartition) -> int:
    """How many reports stand behind the copies that are left."""
    return len(await log.read(world.kafka, place.topic, place.partition)) - (_COPIES - _CUT)


async def _offsets(world: World) -> int:
    """How many partitions have an offset in some group of dispatch."""
    admin = await _admin(world)
    try:
        found = [await admin.list_consumer_group_offsets(group) for group in _groups()]
        return sum(offset.offset >= 0 for group in found for offset in group.values())
    finally:
        await admin.close()


async def _delete_groups(world: World) -> None:
    """Put out members that the broker still waits for (dispatch was killed), then delete the groups."""
    admin = await _admin(world)
    try:
        for group in _groups():
            node = await admin.find_coordinator(group)
            for answer in await admin.describe_consumer_groups([group]):
                for _, _, _, _, _, members, *_ in answer.groups:
                    for member in members:
                        await admin._send_request(LeaveGroupRequest(group, member[0]), node)
            deleted: Any = await admin._send_request(DeleteGroupsRequest([group]), node)
            assert [code for _, code in deleted.results] == [0], deleted
    finally:
        await admin.close()


def _groups() -> list[str]:
    return [f"gewu-dispatch-{lane.label}" for lane in Lane]


async def _append_copies(world: World, place: TopicPartition) -> int:
    """Copies of the partition's last records at its end; returns where the first of them stands."""
    records = (await log.read(world.kafka, place.topic, place.partition))[-_COPIES:]
    producer = AIOKafkaProducer(**world.kafka.connection())
    await producer.start()
    try:
        sent = []
        for n in range(_COPIES):
            record = records[n % len(records)]
            sent.append(
                await producer.send_and_wait(
                    place.topic, record.value, record.key, partition=place.partition, headers=list(record.headers)
                )
            )
        return sent[0].offset
    finally:
        await producer.stop()


async def _cut(world: World, place: TopicPartition, before: int) -> None:
    admin = await _admin(world)
    try:
        await admin.delete_records({place: RecordsToDelete(before)})
    finally:
        await admin.close()
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **world.kafka.connection())
    await consumer.start()
    try:
        assert (await consumer.beginning_offsets([place]))[place] == before, "the log starts behind the cut"
    finally:
        await consumer.stop()


async def _red_about(world: World, place: TopicPartition) -> str:
    return await red(world.stack.dispatch_url, f"{place.topic}[{place.partition}]: log_cut")


async def _accept_the_loss(world: World, place: TopicPartition, first: int) -> None:
    """What a person may decide: the records that are gone are booked as offsets that hold none."""
    await world.fetch(
        "UPDATE position SET skipped = skipped + $3 - next_offset, next_offset = $3 WHERE (topic, partition) = ($1, $2)",
        place.topic, place.partition, first,
    )  # fmt: skip


async def _admin(world: World) -> AIOKafkaAdminClient:
    admin = AIOKafkaAdminClient(**world.kafka.connection())
    await admin.start()
    return admin
