"""The chosen servers as objects that start, stop and say where they are; native ones are the launcher's own."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.compose import images
from gewu.dev import ports
from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer
from tests.support.choosing import Choice, Server, Way
from tests.support.waiting import until

# Of topics and databases: never the same in two runs, which may be on the same servers.
numbers = itertools.count(time.time_ns() // 1_000)
_ANSWERS_S, _CONTAINER_S = 10.0, 120.0


class Kafka(Protocol):
    """A broker that tests may fill, and must not harm."""

    @property
    def bootstrap(self) -> str:
        """host:port."""

    async def start(self) -> None:
        """Returns when it answers."""

    async def stop(self) -> None:
        """Ends it where it is ours."""


class Postgres(Protocol):
    """A server whose role may make databases."""

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database."""

    async def start(self) -> None:
        """Returns when it answers."""

    async def stop(self) -> None:
        """Ends it where it is ours."""


@dataclass(frozen=True, slots=True)
class Container:
    """What an engine is asked for: the images of docker-compose.yml, on a port of this machine's loopback."""

    image: str
    environment: Mapping[str, str]
    command: Sequence[str]
    inside: int
    outside: int

    def start(self) -> Any:
        """The running container. Raises what the engine says."""
        from testcontainers.core.container import DockerContainer

        made = DockerContainer(self.image, env=dict(self.environment), command=list(self.command) or None)
        made.ports = {f"{self.inside}/tcp": (ports.LOOPBACK, self.outside)}  # not on every address of this machine
        return made.start()


def kafka_container(port: int) -> Container:
    """A broker that tells its clients the port at which they found it; hence the same inside."""
    image = images.servers()["kafka"]
    told = images.kafka_environment(Path("/var/lib/kafka/data"), port, 29093)
    listeners = told["KAFKA_LISTENERS"].replace(f"CLIENTS://{ports.LOOPBACK}", "CLIENTS://0.0.0.0")
    quick = {images.variable(name): value for name, value in QUICK_RETURN.items()}
    environment = {**image.environment, **told, **quick, "KAFKA_LISTENERS": listeners}
    return Container(image.tag, environment, image.command, port, port)


def postgres_container(port: int, password: str) -> Container:
    """A server with a password of its own."""
    image = images.servers()["postgres"]
    environment = {**image.environment, "POSTGRES_PASSWORD": password}
    del environment["POSTGRES_PASSWORD_FILE"]
    command = [word.replace(f"listen_addresses={ports.LOOPBACK}", "listen_addresses=*") for word in image.command]
    return Container(image.tag, environment, command, 5432, port)


class KafkaElsewhere:
    """A broker at an address, in a container where there is one."""

    def __init__(self, bootstrap: str, container: Container | None = None) -> None:
        self.bootstrap = bootstrap
        self._container, self._running = container, None
        self.patience = _CONTAINER_S if container else _ANSWERS_S

    async def start(self) -> None:
        """Returns when the broker answers; AssertionError where it does not."""
        if self._container:
            self._running = await asyncio.to_thread(self._container.start)
        await until(self._answers, self.patience, f"an answer of {self.bootstrap}")

    async def stop(self) -> None:
        """Ends the container; a broker of somebody else's is left alone."""
        if self._running:
            await asyncio.to_thread(self._running.stop)

    async def _answers(self) -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=2_000)
        try:
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()


class PostgresElsewhere:
    """A server at an address, in a container where there is one. The DSN's role must be allowed to make databases."""

    def __init__(self, dsn: str, container: Container | None = None) -> None:
        self._dsn = urlsplit(dsn)
        self._container, self._running = container, None
        self.patience = _CONTAINER_S if container else _ANSWERS_S

    def dsn(self, database: str = "postgres") -> str:
        """The address of a database."""
        return self._dsn._replace(path=f"/{database}").geturl()

    async def start(self) -> None:
        """Returns when the server answers; AssertionError where it does not."""
        if self._container:
            self._running = await asyncio.to_thread(self._container.start)
        await until(self._answers, self.patience, f"an answer of {self._dsn.hostname}")

    async def stop(self) -> None:
        """Ends the container; a server of somebody else's is left alone."""
        if self._running:
            await asyncio.to_thread(self._running.stop)

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.dsn(), timeout=3.0)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True


def made(choices: Mapping[Server, Choice], folder: Path) -> tuple[Kafka, Postgres]:
    """Both servers as they were chosen, not started yet; native ones keep their data below the folder."""
    return _kafka(choices[Server.KAFKA], folder / "kafka"), _postgres(choices[Server.POSTGRES], folder / "postgres")


def _kafka(choice: Choice, folder: Path) -> Kafka:
    if choice.way is Way.NATIVE:
        return KafkaServer(folder, settings=QUICK_RETURN)
    if choice.way is Way.ADDRESS:
        return KafkaElsewhere(choice.address)
    (port,) = ports.free_ports(1)
    return KafkaElsewhere(f"{ports.LOOPBACK}:{port}", kafka_container(port))


def _postgres(choice: Choice, folder: Path) -> Postgres:
    if choice.way is Way.NATIVE:
        return PostgresServer(folder)
    if choice.way is Way.ADDRESS:
        return PostgresElsewhere(choice.address)
    (port,), password = ports.free_ports(1), secrets.token_urlsafe(24)
    dsn = f"postgresql://{images.USER}:{password}@{ports.LOOPBACK}:{port}/postgres"
    return PostgresElsewhere(dsn, postgres_container(port, password))
