"""`gewu-department`: a department's topic for the eyes of people, a line of JSON for each record."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from google.protobuf.json_format import MessageToDict

from gewu import codec, topics
from gewu.errors import Never, NotNow
from gewu.runtime import settings as shared
from gewu.runtime.env import Env, SettingsFault
from gewu.v1.action_pb2 import Action, ActionRefused
from gewu.v1.assignment_pb2 import Assignment

_MESSAGES: dict[str, Any] = {
    codec.ASSIGNMENT: Assignment, codec.ASSIGNMENT_EXERCISE: Assignment, codec.ACTION_REFUSED: ActionRefused,
    codec.ACTION: Action,
}  # fmt: skip
_HELP = """\
examples:
  gewu-department listen water                 what comes from now on, until Ctrl-C
  gewu-department listen water --all --end     everything that the log holds, then end
  gewu-department listen water --said --all    what the department said, where its login may read that

Joins no consumer group and keeps no position: who else reads does not notice. GEWU_KAFKA_* say where the brokers are and
who we are. Exit codes: 0 fine, 2 a setting was wrong.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    import os

    parser = argparse.ArgumentParser(
        prog="gewu-department", description="A department's topic, a line of JSON for each record.", epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("action", choices=["listen"])
    parser.add_argument("department", help="its id in the city package")
    parser.add_argument("--all", action="store_true", help="from the first record that the log holds")
    parser.add_argument("--end", action="store_true", help="end at the last record that is there now")
    parser.add_argument("--said", action="store_true", help="the topic on which it answers")
    args = parser.parse_args(argv)
    env = Env(os.environ)
    kafka = shared.kafka(env)
    try:
        env.close(others=True)
        topic = (topics.actions if args.said else topics.dispatch)(args.department)
    except (SettingsFault, ValueError) as fault:
        print(f"gewu-department: {fault}", file=sys.stderr)
        return 2
    try:
        asyncio.run(_print(kafka, topic, args.all, args.end))
    except KeyboardInterrupt:
        return 130
    return 0


async def _print(kafka: shared.Kafka, topic: str, from_first: bool, to_end: bool) -> None:
    async for record in _records(kafka, topic, from_first, to_end):
        print(json.dumps(line(record), ensure_ascii=False), flush=True)


def line(record: "ConsumerRecord[Any, Any]") -> dict[str, Any]:
    """A record as people read it; one that cannot be read has `fault` and its bytes."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
    found: dict[str, Any] = {"partition": record.partition, "offset": record.offset, "type": headers.get("ce_type", "")}
    try:
        message = codec.decode(_MESSAGES[codec.check_type(found["type"], tuple(_MESSAGES))], record.value)
        return {**found, "message": MessageToDict(message, preserving_proto_field_name=True)}
    except (Never, NotNow) as fault:
        return {**found, "fault": str(fault), "bytes": (record.value or b"").hex()}


async def _records(
    kafka: shared.Kafka, topic: str, from_first: bool, to_end: bool
) -> "AsyncIterator[ConsumerRecord[Any, Any]]":
    consumer = AIOKafkaConsumer(enable_auto_commit=False, isolation_level="read_committed", **kafka.connection())
    await consumer.start()
    try:
        await consumer._client.set_topics([topic])
        places = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        starts = await consumer.beginning_offsets(places) if from_first else ends
        for place in places:
            consumer.seek(place, starts[place])
        while not to_end or any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    yield record
    finally:
        await consumer.stop()


if __name__ == "__main__":
    raise SystemExit(main())
