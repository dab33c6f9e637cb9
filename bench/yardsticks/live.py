"""A live feed as most people would write it first: Starlette's StreamingResponse, and a queue for each client.

It decodes and encodes each event once, as the real one does; it knows no keys, no filters, no ids to come back with.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from aiokafka import AIOKafkaConsumer, TopicPartition
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from bench.processes.words import Words, words
from gewu import topics
from gewu.runtime.record import Record
from gewu_notify import wire

Queues = set[asyncio.Queue[bytes]]


async def feed(kafka: str, queues: Queues) -> None:
    """Every change, into every client's queue."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    consumer.assign([TopicPartition(topics.CASES, n) for n in range(6)])
    await consumer.seek_to_end()
    while True:
        for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
            for r in records:
                fact = wire.fact(Record(r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, r.headers))
                event = b"id: %d-%d\nevent: case.changed\ndata: %b\n\n" % (r.partition, r.offset, fact.body)
                for queue in queues:
                    queue.put_nowait(event)


async def events(queues: Queues) -> AsyncIterator[bytes]:
    """What one client is told."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    queues.add(queue)
    yield b": here\n\n"
    try:
        while True:
            yield await queue.get()
    finally:
        queues.discard(queue)


def build(said: Words) -> Starlette:
    """The application."""
    queues: Queues = set()

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(feed(said["kafka"], queues))
        yield
        task.cancel()

    async def live(_: Request) -> Response:
        return StreamingResponse(events(queues), media_type="text/event-stream")

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok")

    return Starlette(routes=[Route("/live", live), Route("/readyz", ready)], lifespan=life)


if __name__ == "__main__":
    asked = words()
    uvicorn.run(
        build(asked), host="127.0.0.1", port=asked["port"], http="httptools", loop="uvloop", access_log=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
