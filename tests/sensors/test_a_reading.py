"""One reading's way: from a sensor over MQTT and Kafka to a case on a department's topic, and back to normal."""

import asyncio
from datetime import UTC, datetime, timedelta
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


async def test_a_detector_that_goes_to_and_fro_becomes_a_case_of_its_supplier(stack: Stack) -> None:
    async with Device(stack.mqtt, "gas-002", session=int(datetime.now(UTC).timestamp())) as device:
        at = datetime.now(UTC) - timedelta(minutes=20)  # what it has gathered, by its own clock: each crossing dwells
        for _ in range(6):
            for value, seconds in ((2.0, 6), (2.0, 1), (0.1, 6)):
                await device.says(value, at=at.isoformat())
                at += timedelta(seconds=seconds)
        question = "SELECT * FROM cases WHERE category = 'device:sensor' AND object_id = 'gas-002'"
        (case,) = await until(lambda: rows(stack, question), what="the device's case")
    assert (case["department"], case["rule_id"], case["lane"]) == ("gas", "own-sensor", 3)
    (signal,) = await rows(stack, "SELECT * FROM signals WHERE case_id = $1", case["case_id"])
    assert signal["kind"] == 4 and signal["client_id"].startswith("flapping:") and "flapping since" in signal["text"]
    said = await heard(stack, "dispatch.gas", str(case["case_id"]))
    assert Assignment.FromString(said[0]).case.object_id == "gas-002"
    (state,) = await rows(stack, "SELECT is_flapping FROM sensors WHERE sensor_id = 'gas-002'")
    assert state["is_flapping"]
