"""aiokafka's getmany and the decoder: what consuming costs without anything around it."""

import time

from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.processes import decoding
from bench.processes.words import Words, answer


async def work(words: Words) -> Words:
    """Records a second, from the first poll that has any."""
    consumer = AIOKafkaConsumer(bootstrap_servers=words["kafka"], enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(words["topic"], p) for p in range(6)]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        started, got, decode = 0.0, 0, decoding.chosen(words["decoder"])
        while got < words["records"]:
            found = await consumer.getmany(max_records=words["batch"], timeout_ms=1000)
            started = started or time.perf_counter()
            for records in found.values():
                for record in records:
                    decode(record)
                got += len(records)
        return {"rate": got / (time.perf_counter() - started)}
    finally:
        await consumer.stop()


if __name__ == "__main__":
    raise SystemExit(answer(work))
