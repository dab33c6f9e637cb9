"""Changes of cases, so many at once."""

from aiokafka import AIOKafkaProducer

from bench.processes.listeners import Speaker
from bench.processes.words import Words, answer


async def work(words: Words) -> Words:
    """How many were said."""
    async with AIOKafkaProducer(bootstrap_servers=words["kafka"], acks="all", enable_idempotence=True) as producer:
        speaker = Speaker(producer, [])
        while len(speaker.said) < words["events"]:
            await speaker.say(500)
        return {"events": len(speaker.said)}


if __name__ == "__main__":
    raise SystemExit(answer(work))
