"""One reading's way: from a sensor over MQTT and Kafka to a case on a department's topic, and back to normal."""

import asyncio
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer

from gewu.dev.stack import Stack
from gewu.v1.assignment_pb2 import Assignment
from gewu.v1.case_pb2 import CASE_CHANGE_CLEARED
from tests.support.sensors import Device
from tests.support.waiting import until


async def rows(stack: Stack, question: str, *words: Any) -> list[dict[str, Any]]:
    """What dispatch's tables say."""
    connection = await asyncpg.connect(stack.dsn, server_settings={"search_path": "dispatch"})
    try:
        return [dict(r) for r in await connection.fetch(question, *words)]
    finally:
        await connection.close()


async def heard(stack: Stack, topic: str, case_id: str) -> list[bytes]:
    """What stands on a topic about a case, once anything does."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack.kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            async for record in consumer:
                if record.key == case_id.encode():
                    return [record.value]
    finally:
        await consumer.stop()
    return []


async def test_a_smoke_detectors_reading_becomes_a_case_of_the_fire_brigade(stack: Stack) -> None:
    async with Device(stack.mqtt, "smoke-001") as device:
        for value in (1.0, 25.5):
            await device.says(value)
        signal = (
            await until(lambda: rows(stack, "SELECT * FROM signals WHERE source = 'sensor:smoke-001'"), what="a case")
        )[0]
        assert (signal["kind"], signal["lane"], signal["said"], signal["client_id"]) == (2, 1, "matter:10998", "1:2")
        case_id = str(signal["case_id"])
        (said,) = await heard(stack, "dispatch.fire", case_id)
        assert Assignment.FromString(said).case.category == "matter:10998"
        await device.says(0.5)

        async def cleared() -> list[dict[str, Any]]:
            return await rows(
                stack,
                "SELECT * FROM history WHERE case_id = $1 AND change = $2",
                signal["case_id"],
                int(CASE_CHANGE_CLEARED),
            )

        (version,) = await until(cleared, what="the crossing's end")
        assert (version["version"], version["state"], version["because"]) == (2, 4, "cleared")
    (state,) = await rows(stack, "SELECT * FROM sensors WHERE sensor_id = 'smoke-001'")
    assert (state["counter"], state["said"], state["case_id"]) == (3, 0, None)
    books = await rows(stack, "SELECT sum(measured)::int AS measured FROM position")
    assert books[0]["measured"] >= 2
