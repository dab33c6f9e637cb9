"""A client and a department in one process: from intake's answer to the assignment on the department's topic, one clock."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence, Set
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import databases
from bench.processes.client import Connection
from bench.processes.words import Words, answer
from bench.world import Fault
from gewu import codec, ids

_CONNECTIONS = 64
_MOST_S, _LOOK_S = 30.0, 0.1


class Department:
    """Hears every department's topic and notes when each case was first assigned."""

    def __init__(self, kafka: str, topics: Sequence[str]) -> None:
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka, fetch_max_wait_ms=100, enable_auto_commit=False)
        self._topics = topics
        self.heard: dict[str, float] = {}

    async def start(self) -> None:
        """Stand where the topics end now, and listen from there."""
        await self._consumer.start()
        places = [TopicPartition(topic, p) for topic in self._topics for p in range(2)]
        self._consumer.assign(places)
        for place, end in (await self._consumer.end_offsets(places)).items():
            self._consumer.seek(place, end)
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Listen no more."""
        self._listening.cancel()
        await self._consumer.stop()

    async def until_told(self, cases: Set[str], patience: float = _MOST_S) -> None:
        """Of all these cases. Fault where some do not come: those that come last are what p99 is about."""
        end = time.perf_counter() + patience
        while not self.heard.keys() >= cases and time.perf_counter() < end:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        if missing := len(cases - self.heard.keys()):
            raise Fault(f"of {len(cases)} cases that were opened {missing} came to no department")

    async def _listen(self) -> None:
        while True:
            found = await self._consumer.getmany(timeout_ms=100)
            now = time.perf_counter()
            for record in (r for records in found.values() for r in records):
                if codec.type_of(record.headers) == codec.ASSIGNMENT:
                    self.heard.setdefault(record.key.decode(), now)


class Client:
    """Sends each report at its time, whatever became of those before it. The first seconds are not counted."""

    def __init__(self, words: Words) -> None:
        self._head = f"POST /v1/reports HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {words['key']}\r\n".encode()
        self._rate, self._port, self._warm_s = words["rate"], words["port"], words["warm"]
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._left, self._counted, self._all_answered = 0, 0.0, asyncio.Event()
        self.started = 0.0
        self.answered: dict[str, float] = {}  # by the case that it would open
        self.took: dict[str, float] = {}  # of those that count: from the time at which it was due to its answer

    async def send(self, bodies: Sequence[bytes]) -> None:
        """All of them; returns when all are answered."""
        self._idle += [await Connection.open(self._port) for _ in range(_CONNECTIONS)]
        self._left = len(bodies)
        self.started = time.perf_counter()
        self._counted = self.started + self._warm_s
        for n, body in enumerate(bodies):
            due = self.started + n / self._rate
            if (pause := due - time.perf_counter()) > 0:
                await asyncio.sleep(pause)
            self._waiting.append((body, due))
            if self._idle:
                self._next(self._idle.popleft())
        await self._all_answered.wait()

    def _next(self, connection: Connection) -> None:
        if not self._waiting:
            self._idle.append(connection)
            return
        body, due = self._waiting.popleft()
        connection.send(self._head, body, lambda status, said: self._answered(connection, due, status, said))

    def _answered(self, connection: Connection, due: float, status: int, said: bytes) -> None:
        now = time.perf_counter()
        assert status == 202, (status, said)
        case = ids.case_id(msgspec.json.decode(said)["signal_id"])
        self.answered[case] = now
        if due >= self._counted:
            self.took[case] = now - due
        self._left -= 1
        if not self._left:
            self._all_answered.set()
        self._next(connection)


async def work(words: Words) -> Words:
    """p50 and p99 in milliseconds over the reports that opened a case; those that joined one tell no department.

    done_rate: reports a second from the first until the last of them was told. `skip`: so many of the file were sent before;
    `warm`: seconds that come first and do not count.
    """
    department, client, bodies = Department(words["kafka"], words["topics"]), Client(words), _bodies(words)
    await department.start()
    connection = await databases.connect(words["dsn"])
    try:
        before = await databases.settled(connection)
        await client.send(bodies)
        await databases.until_said(connection, before + len(bodies), _MOST_S)
        found = await connection.fetch("SELECT case_id::text FROM cases WHERE case_id = ANY($1)", list(client.answered))
    finally:
        await connection.close()
    opened = {case for (case,) in found}
    await department.until_told(opened)
    await department.stop()
    took = sorted(department.heard[case] - client.answered[case] for case in opened & client.took.keys())
    late = sorted(client.took.values())
    return {
        "rate": words["rate"], "sent": len(bodies), "done_rate": len(bodies) / (max(department.heard.values()) - client.started),
        "p50_ms": _quantile(took, 0.5), "p99_ms": _quantile(took, 0.99),
        "answer_p50_ms": _quantile(late, 0.5), "answer_p99_ms": _quantile(late, 0.99), "cases": len(took),
    }  # fmt: skip


def _bodies(words: Words) -> list[bytes]:
    found = Path(words["file"]).read_bytes().split(b"\n")
    found = found[words["skip"] :]
    wanted = round(words["rate"] * (words["warm"] + words["seconds"]))
    assert wanted <= len(found), f"{wanted} reports are to be sent, there are {len(found)}"
    return found[:wanted]


def _quantile(ordered: Sequence[float], q: float) -> float:
    return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1e3


if __name__ == "__main__":
    raise SystemExit(answer(work))
