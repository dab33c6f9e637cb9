"""Clients of a live feed, and what they are told: as fast as the slowest takes it, then evenly at half of that."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
from aiokafka import AIOKafkaProducer

from bench.processes.words import Words, answer
from gewu import codec, ids, topics
from gewu.v1 import case_pb2

BURST, AHEAD = 50, 2  # events said together, and bursts that the slowest client may be behind
_BRACES = 2  # "{" in the JSON of an event: a count of single bytes is not misled by how a stream is cut
_PATIENCE_S = 60.0
_GRIDS = ["990101", "990101001", "990101001001"]


class Ear(asyncio.Protocol):
    """One client: counts the events that it has, and how long each took."""

    def __init__(self, request: bytes, said: list[float], late: list[float]) -> None:
        self._request, self._said, self._late = request, said, late
        self._braces = self.heard = self.bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's."""
        assert hasattr(transport, "write")
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """asyncio's."""
        self.bytes += len(data)
        self._braces += data.count(b"{")
        now, before = time.perf_counter(), self.heard
        self.heard = self._braces // _BRACES
        self._late += [now - at for at in self._said[before : self.heard]]


class Speaker:
    """Says changes of cases as dispatch does."""

    def __init__(self, producer: AIOKafkaProducer, said: list[float]) -> None:
        self._producer, self.said = producer, said
        self._envelope = codec.Envelope(codec.CASE_CHANGED, "gewu/dispatch")

    async def say(self, count: int) -> None:
        """So many, of cases of their own; returns after their acks."""
        sent = []
        for _ in range(count):
            event = case_pb2.CaseChanged(change=case_pb2.CASE_CHANGE_OPENED)
            case = event.case
            case.case_id, case.incarnation, case.version, case.department = str(uuid4()), 1, 1, "water"
            case.category, case.grid_id, case.lane, case.state = "component:01001", _GRIDS[-1], 2, 5
            case.grid_path.extend(_GRIDS)
            case.opened_at.FromDatetime(datetime.now(UTC))
            case.changed_at.CopyFrom(case.opened_at)
            event.event_id = ids.event_id(case.case_id, 1, 1, topics.CASES)
            self.said.append(time.perf_counter())
            sent.append(
                await self._producer.send(
                    topics.CASES, event.SerializeToString(), key=case.case_id.encode(),
                    partition=topics.partition(case.case_id, 6), headers=self._envelope.headers(event.event_id),
                )
            )  # fmt: skip
        await asyncio.gather(*sent)


async def work(words: Words) -> Words:
    """Deliveries a second over all clients, and p99 from the event's saying to a client's having it, at half of that."""
    said: list[float] = []
    late: list[float] = []
    request = (
        f"GET {words['path']} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {words['key']}\r\n\r\n".encode()
    )
    loop = asyncio.get_running_loop()
    ears = [
        (await loop.create_connection(lambda: Ear(request, said, late), "127.0.0.1", words["port"]))[1]
        for _ in range(words["clients"])
    ]
    await _until(lambda: all(e.bytes for e in ears))
    await asyncio.sleep(1.0)
    async with AIOKafkaProducer(bootstrap_servers=words["kafka"], acks="all", enable_idempotence=True) as producer:
        speaker = Speaker(producer, said)
        await _flat_out(speaker, ears, 2.0)
        deliveries, seconds = await _flat_out(speaker, ears, float(words["seconds"]))
        late.clear()
        await _evenly(speaker, deliveries / seconds / len(ears) / 2, float(words["seconds"]))
        await _until(lambda: min(e.heard for e in ears) >= len(said))
    assert {e.heard for e in ears} == {len(said)}, "every client has every event, once"
    return {"rate": deliveries / seconds, "p99_ms": float(np.percentile(late, 99)) * 1000, "events": len(said)}


async def _flat_out(speaker: Speaker, ears: list[Ear], seconds: float) -> tuple[int, float]:
    began, before = time.perf_counter(), len(speaker.said)
    while time.perf_counter() - began < seconds:
        await speaker.say(BURST)
        await _until(lambda: len(speaker.said) - min(e.heard for e in ears) <= AHEAD * BURST)
    await _until(lambda: min(e.heard for e in ears) >= len(speaker.said))
    return (len(speaker.said) - before) * len(ears), time.perf_counter() - began


async def _evenly(speaker: Speaker, rate: float, seconds: float) -> None:
    """Each event at its time, to the millisecond."""
    began = time.perf_counter()
    left = int(rate * seconds)
    while left:
        # As many as are due by now: one that waits for another's ack would slow the speaker down.
        due = min(left, int((time.perf_counter() - began) * rate) - (int(rate * seconds) - left))
        if due > 0:
            await speaker.say(due)
            left -= due
        await asyncio.sleep(0.001)


async def _until(holds: "object") -> None:
    end = time.perf_counter() + _PATIENCE_S
    while not holds():  # type: ignore[operator]
        assert time.perf_counter() < end, "the clients do not get what is said"
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    raise SystemExit(answer(work))
