"""Real servers for the whole run, started once; a fresh database and fresh topics for each test that asks."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer
from gewu.dev.stack import Stack
from gewu.runtime import kafka as kafka_runtime
from gewu.runtime import migrate
from gewu.runtime.settings import Kafka, Postgres
from gewu.topics import Topic
from tests.support import shared

_numbers = itertools.count(1)
_TEMPLATE = "gewu_template"


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[KafkaServer, PostgresServer]]:
    """Kafka and PostgreSQL, real ones, for every test that does not harm them."""
    folder = tmp_path_factory.mktemp("servers")
    kafka, postgres = KafkaServer(folder / "kafka", settings=QUICK_RETURN), PostgresServer(folder / "postgres")
    try:
        await asyncio.gather(kafka.start(), postgres.start())
        await postgres.create_database(_TEMPLATE)
        connection = await asyncpg.connect(postgres.dsn(_TEMPLATE))
        for schema, package in migrate.schemas().items():
            await migrate.migrate(connection, schema, migrate.migrations(package))
        await connection.close()
        yield kafka, postgres
    finally:
        await asyncio.gather(kafka.stop(), postgres.stop())


@pytest.fixture(scope="session")
async def kafka(servers: tuple[KafkaServer, PostgresServer]) -> Kafka:
    """Settings of the session's Kafka."""
    return Kafka(servers[0].bootstrap, None, None, None, 1, 1, "")


@pytest.fixture
async def database(servers: tuple[KafkaServer, PostgresServer]) -> Postgres:
    """A database of this test's own, with every service's schema."""
    name = f"t{next(_numbers)}"
    connection = await asyncpg.connect(servers[1].dsn("postgres"))
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    await connection.close()
    return Postgres(servers[1].dsn(name), None, None)


@pytest.fixture
async def topic(kafka: Kafka) -> Topic:
    """A topic of this test's own with one partition, and its parking topic."""
    made = await make_topics(kafka, 1)
    return made[0]


async def make_topics(kafka: Kafka, partitions: int, name: str = "") -> list[Topic]:
    """A topic and its parking topic, both empty."""
    from gewu import topics

    name = name or f"signals.t{next(_numbers)}"
    source = Topic(
        name=name, types=(), key="", partition_by="", partitions=partitions, retention=topics.SIGNAL_RETENTION,
        record_bytes=topics.SIGNAL_BYTES, says=(), hears=(), owner="", parking=topics.parked("dispatch", name),
    )  # fmt: skip
    parking = Topic(
        name=topics.parked("dispatch", name), types=(), key="", partition_by="", partitions=1, retention=None,
        record_bytes=source.batch_bytes + topics.PARKING_SLACK, says=(), hears=(), owner="",
    )  # fmt: skip
    assert await kafka_runtime.apply([source, parking], kafka) == []
    return [source, parking]


@pytest.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Stack]:
    """Kafka, PostgreSQL, intake and dispatch, running: one for all tests that speak to a whole Gewu."""
    made = Stack(tmp_path_factory.mktemp("stack"), demo, kafka_settings=QUICK_RETURN, models=shared.models())
    await made.start()
    try:
        yield made
        files = [path for path in (made.data / "pictures").rglob("*") if path.is_file()]
        if files:  # at the end of the run: everything that its tests stored
            from tests.support.eyes import Eyes

            assert Eyes().visible(files) == []
    finally:
        await made.stop()


@pytest.fixture(scope="session")
def demo() -> Path:
    """The demo city's package."""
    return Path(__file__).parents[1] / "cities" / "demo"
