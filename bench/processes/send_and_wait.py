"""A bare aiokafka producer: tasks that pause, send one record and wait for its ack, at a given rate in all."""

import asyncio
import random
import time

from bench.processes.words import Words, answer
from gewu.runtime import kafka, settings
from gewu.runtime.env import Env


async def work(words: Words) -> Words:
    """Rate, p50 and p99 in milliseconds. The pauses are those of wrk's script, so that requests come alike."""
    where = settings.kafka(Env({"GEWU_KAFKA_BOOTSTRAP": words["kafka"]}))
    producer = kafka.producer(where, "bench-bare")
    await producer.start()
    try:
        # How long a send takes is part of each task's cycle; before the first nobody knows.
        warm = sorted(await _load(producer, words, min(words["seconds"], 1.0), 0.0))
        took = sorted(await _load(producer, words, words["seconds"], warm[len(warm) // 2]))
    finally:
        await producer.stop()
    return {
        "rate": len(took) / words["seconds"], "p50_ms": took[len(took) // 2] * 1e3, "p99_ms": took[len(took) * 99 // 100] * 1e3,
    }  # fmt: skip


async def _load(producer: object, words: Words, seconds: float, latency: float) -> list[float]:
    pause = words["tasks"] / words["rate"] - latency
    end = time.perf_counter() + seconds
    took: list[float] = []
    await asyncio.gather(*(_client(producer, words, n, pause, end, took) for n in range(words["tasks"])))
    return took


async def _client(producer: object, words: Words, n: int, pause: float, end: float, took: list[float]) -> None:
    rng, value = random.Random(n), bytes(words["bytes"])
    while True:
        await asyncio.sleep(rng.uniform(0, 2 * max(pause, 0.001)))
        started = time.perf_counter()
        if started >= end:
            return
        await producer.send_and_wait(words["topic"], value, partition=rng.randrange(6))  # type: ignore[attr-defined]
        took.append(time.perf_counter() - started)


if __name__ == "__main__":
    raise SystemExit(answer(work))
