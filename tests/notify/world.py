"""Notify as a process on the run's Kafka and a database of its own, changes of cases said to it, and receivers that note all."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from aiohttp import web
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from gewu import codec, ids, topics
from gewu.dev.components import Component, Kind
from gewu.dev.ports import LOOPBACK, free_ports
from gewu.dev.services import Service
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import keys
from gewu.runtime.settings import Kafka, Postgres
from gewu.v1 import case_pb2, common_pb2
from tests.city import packages
from tests.support.waiting import until

RECEIVERS = "id,label_zh,label_en,channel,url,drills\n"
NOTICES = "id,change,lane,category,department,grid,receiver,note\n"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def changed(
    *, change: str = "OPENED", case_id: str = "", version: int = 1, lane: str = "P1", department: str = "water",
    grid: str = "south", exercise: bool = False, ago: timedelta = timedelta(0), category: str = "component:01001",
    left: Sequence[str] = (),
) -> case_pb2.CaseChanged:  # fmt: skip
    """A lawful change of a case, of now."""
    case_id = case_id or str(uuid4())
    said = case_pb2.CaseChanged(
        event_id=ids.event_id(case_id, 1, version, topics.CASES),
        change=case_pb2.CaseChange.Value(f"CASE_CHANGE_{change}"),
        left=left,
    )
    case = said.case
    case.case_id, case.incarnation, case.version, case.department = case_id, 1, version, department
    case.lane, case.state = common_pb2.Lane.Value(f"LANE_{lane}"), case_pb2.CaseState.CASE_STATE_ASSIGNED
    case.category, case.grid_id, case.exercise, case.signal_count = category, grid, exercise, 1
    case.grid_path.extend(["top", grid])
    case.opened_at.FromDatetime(datetime.now(UTC) - ago)
    case.changed_at.CopyFrom(case.opened_at)
    return said


@dataclass
class Got:
    """A webhook as its receiver had it."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]


class Listener:
    """A receiver on loopback. `answer` may be changed at any time."""

    def __init__(self, port: int) -> None:
        self.port, self.got = port, list[Got]()
        self.answer: Answer = self.ok
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.port}/hook?who=me"

    async def start(self) -> "Listener":
        """Listen."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self.port, reuse_address=True).start()
        return self

    async def stop(self) -> None:
        """Away."""
        if self._runner:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.got.append(Got(dict((k.lower(), v) for k, v in request.headers.items()), await request.read()))
        return await self.answer(request)

    @staticmethod
    async def ok(_: web.Request) -> web.StreamResponse:
        """204."""
        return web.Response(status=204)

    @staticmethod
    def says(status: int, **headers: str) -> Answer:
        """This status, always."""

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

        return answer

    @staticmethod
    async def hang(_: web.Request) -> web.StreamResponse:
        """No answer, ever."""
        await asyncio.Event().wait()
        raise AssertionError


async def arrived(listener: Listener, count: int = 1, seconds: float = 15.0) -> list[Got]:
    """What it got, once it is so many."""

    async def look() -> list[Got]:
        return listener.got if len(listener.got) >= count else []

    return await until(look, seconds, f"{count} webhooks at {listener.port}, {len(listener.got)} came")


def new_secret() -> str:
    """As a receiver is told it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@dataclass
class City:
    """A package with receivers, and their secrets beside it."""

    folder: Path
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def package(self) -> Path:
        """The package."""
        return self.folder / "city"

    @property
    def secrets_folder(self) -> Path:
        """What GEWU_RECEIVER_SECRETS names."""
        return self.folder / "receivers"

    def write(self, receivers: Mapping[str, str], rules: Sequence[str], drills: Sequence[str] = ()) -> "City":
        """Receivers by name and URL; rules are lines of notices.csv."""
        self.package.mkdir(exist_ok=True), self.secrets_folder.mkdir(exist_ok=True)
        rows = "".join(
            f"{name},{name},{name},webhook,{url},{'yes' if name in drills else 'no'}\n"
            for name, url in receivers.items()
        )
        packages.write(self.package, receivers=RECEIVERS + rows, notices=NOTICES + "".join(f"{r}\n" for r in rules))
        for name in receivers:
            self.secret(name, self.secrets.setdefault(name, new_secret()))
        return self

    def secret(self, name: str, *lines: str) -> None:
        """Put these secrets in force."""
        (self.secrets_folder / f"{name}.whsec").write_text("\n".join(lines) + "\n")


def everything_to(*receivers: str) -> list[str]:
    """A rule for each that tells it everything."""
    return [f"all-{name},*,*,*,*,*,{name}," for name in receivers]


_NOTIFY = Component("notify", Kind.SERVICE, "tells", ("python", "-m", "gewu_notify"))


class Ground:
    """Kafka, a database, a city, and any number of notify processes on them."""

    def __init__(self, kafka: Kafka, database: Postgres, city: City, folder: Path) -> None:
        self.kafka, self.database, self.city, self.folder = kafka, database, city, folder
        self._services: list[Service] = []
        self._listeners: list[Listener] = []
        self._producer: Any = None
        self.keys_file = folder / "keys.json"

    async def start(self) -> None:
        """Topics; positions at the log's end, because other tests said things there."""
        known = [t for t in topics.registry([]) if "notify" in (*t.says, *t.hears)]
        assert await kafka_runtime.apply(known, self.kafka) == []
        self._producer = kafka_runtime.producer(self.kafka, "test")
        await self._producer.start()
        ends = await self.ends()
        rows = [(topics.CASES, n, end, end) for n, end in enumerate(ends)]
        async with self.connected() as connection:
            await connection.executemany(
                "INSERT INTO notify.position (topic, partition, first_offset, next_offset) VALUES ($1, $2, $3, $4)",
                rows,
            )

    async def stop(self) -> None:
        """Everything."""
        await asyncio.gather(*(s.stop() for s in self._services), *(lis.stop() for lis in self._listeners))
        await self._producer.stop()

    async def ends(self, topic: str = topics.CASES, partitions: int = 6) -> list[int]:
        """The log's ends, by partition."""
        consumer = AIOKafkaConsumer(**self.kafka.connection())
        await consumer.start()
        try:
            places = [TopicPartition(topic, n) for n in range(partitions)]
            consumer.assign(places)
            found = await consumer.end_offsets(places)
            return [found[p] for p in places]
        finally:
            await consumer.stop()

    async def cut(self, topic: str = topics.CASES) -> None:
        """Delete what the topic holds."""
        ends = {TopicPartition(topic, n): RecordsToDelete(end) for n, end in enumerate(await self.ends(topic))}
        admin = AIOKafkaAdminClient(**self.kafka.connection())
        await admin.start()
        try:
            await admin.delete_records(ends)
        finally:
            await admin.close()

    async def say(self, *events: case_pb2.CaseChanged) -> None:
        """Say them as dispatch does."""
        envelope = codec.Envelope(codec.CASE_CHANGED, "gewu/dispatch")
        sent = [
            await self._producer.send(
                topics.CASES, e.SerializeToString(), key=e.case.case_id.encode(),
                partition=topics.partition(e.case.case_id, 6), headers=envelope.headers(e.event_id),
            )
            for e in events
        ]  # fmt: skip
        await asyncio.gather(*sent)

    async def listener(self) -> Listener:
        """A receiver that listens."""
        made = await Listener(free_ports(1)[0]).start()
        self._listeners.append(made)
        return made

    def key(self, *scopes: str) -> str:
        """An API key with these scopes."""
        secret = keys.new_secret()
        there = keys.read(self.keys_file)
        keys.write(self.keys_file, [*there, keys.Key(f"k{len(there)}", keys.digest(secret), scopes)])
        return secret

    async def notify(self, name: str = "notify", *, ready: bool = True, **extra: str) -> Service:
        """Start a process; GEWU_ settings without their prefix."""
        service = Service(_NOTIFY, name, free_ports(1)[0], self.folder)
        self._services.append(service)
        await self.again(service, ready=ready, **extra)
        return service

    async def again(self, service: Service, *, ready: bool = True, **extra: str) -> None:
        """Start it, again."""
        said = {
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap, "POSTGRES_DSN": self.database.dsn, "CITY": str(self.city.package),
            "KEYS_FILE": str(self.keys_file), "RECEIVER_SECRETS": str(self.city.secrets_folder), "HTTP_PORT": str(service.port),
            "WEBHOOK_LOOPBACK": "yes", "WEBHOOK_TIMEOUT": "1500ms", "KAFKA_INSTANCE": f"test-{service.name}",
            **extra,
        }  # fmt: skip
        points = {"FAILPOINTS": said.pop("FAILPOINTS")} if "FAILPOINTS" in said else {}
        await service.spawn({**{f"GEWU_{k}": v for k, v in said.items() if v}, **points})
        if ready:
            await service.until_ready(30.0)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection as the owner."""
        connection = await asyncpg.connect(**self.database.connection())
        try:
            yield connection
        finally:
            await connection.close()

    async def ledger(self) -> list[asyncpg.Record]:
        """Every notice."""
        async with self.connected() as connection:
            return await connection.fetch("SELECT * FROM notify.notices ORDER BY planned_at, webhook_id")

    async def states(self) -> list[tuple[str, str]]:
        """Receiver and state of every notice, sorted."""
        return sorted((r["receiver"], r["state"]) for r in await self.ledger())

    async def until_states(self, *wanted: tuple[str, str], seconds: float = 20.0) -> None:
        """Wait until the ledger stands so."""

        async def look() -> bool:
            return await self.states() == sorted(wanted)

        try:
            await until(look, seconds, f"{wanted}")
        except AssertionError:
            raise AssertionError(f"the ledger is {await self.states()}, not {sorted(wanted)}") from None
