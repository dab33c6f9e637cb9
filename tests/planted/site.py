"""A Gewu whose schema and services come from a copy of the source, on servers that outlive it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient

from gewu import topics
from gewu.city import load
from gewu.dev import components
from gewu.dev.children import CannotStart
from gewu.dev.kafka import KafkaServer
from gewu.dev.postgres import PostgresServer
from gewu.dev.stack import DATABASE, Stack
from tests.support.waiting import until

WINDOW = "PLANTED_WINDOW"


class Site(Stack):
    """The launcher's own stack with three differences: whose code it runs, that it starts from nothing on Kafka and
    PostgreSQL that run already, and that it leaves them running."""

    def __init__(
        self, folder: Path, city: Path, servers: tuple[KafkaServer, PostgresServer], copy: Mapping[str, str], *,
        planted: bool,
    ) -> None:  # fmt: skip
        super().__init__(folder, city)
        self.kafka, self.postgres = servers
        self.ledgers: list[Path] = []  # beside the load's own: what sensors were told
        self.received: list[Path] = []  # what receivers of webhooks had
        self._copy, self._window, self._planted = copy, folder / "window", planted

    def hits(self) -> list[str]:
        """What the planted code said of its window, so far."""
        return self._window.read_text().splitlines() if self._window.exists() else []

    async def window(self, seconds: float = 20.0) -> None:
        """Return as soon as the planted code says that its window is hit, or after these seconds; without a bug there
        is none to wait for, and any moment is as good as another."""

        async def hit() -> bool:
            return bool(self.hits())

        with suppress(AssertionError):  # that it never was is the trial's to say
            await until(hit, seconds if self._planted else 1.0)

    async def some_cases(self, count: int) -> list[tuple[str, str]]:
        """Ids of cases, each with its department."""
        connection = await asyncpg.connect(self.dsn, ssl=False)
        try:
            rows = await connection.fetch("SELECT case_id, department FROM dispatch.cases LIMIT $1", count)
            return [(str(row["case_id"]), row["department"]) for row in rows]
        finally:
            await connection.close()

    async def told(self, receiver: str, until_: datetime) -> bool:
        """Whether it was told something, and nothing that was planned before this moment still waits."""
        connection = await asyncpg.connect(self.dsn, ssl=False)
        try:
            states = await connection.fetch(
                "SELECT state FROM notify.notices WHERE receiver = $1 AND planned_at < $2", receiver, until_
            )
            return bool(states) and all(row["state"] != "open" for row in states)
        finally:
            await connection.close()

    async def prepare(self) -> None:
        """An empty database and empty topics, made by the copy's own commands."""
        await self.sweep()
        await self.postgres.create_database(DATABASE)
        await asyncio.gather(self._step("topics"), self._step("migrate"))

    async def sweep(self) -> None:
        """Forget the database and the topics of whoever was here before."""
        connection = await asyncpg.connect(self.postgres.dsn(), ssl=False)
        await connection.execute(f'DROP DATABASE IF EXISTS "{DATABASE}" WITH (FORCE)')
        await connection.close()
        ours = {t.name for t in topics.registry(load(self.city).departments)}
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            if there := sorted(ours & set(await admin.list_topics())):
                await admin.delete_topics(there)

            async def gone() -> bool:
                return not ours & set(await admin.list_topics())

            await until(gone, 30.0, "the end of the topics")
        finally:
            await admin.close()

    async def stop(self) -> None:
        """Kill the services; nothing of them is needed any more."""
        await asyncio.gather(*(service.kill() for service in self.services.values()), self.mqtt.kill())
        self.folder.release()

    async def _start_servers(self) -> None:
        self.data.mkdir(parents=True, exist_ok=True)
        await self.start_mqtt()

    async def _step(self, name: str) -> None:
        step = components.component(name)
        command = (str(Path(sys.executable).with_name(step.command[0])), *step.command[1:])
        process = await asyncio.create_subprocess_exec(
            *command, env={**os.environ, **step.variables(self.places()), **self._ours()}, cwd=self.data,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        if process.returncode:
            raise CannotStart(f"gewu {name} of the copy failed:\n{said.decode()}")

    async def _spawn(self, name: str, env_extra: Mapping[str, str] | None = None) -> None:
        await super()._spawn(name, {**self._ours(), **(env_extra or {})})

    def _ours(self) -> dict[str, str]:
        return {**self._copy, WINDOW: str(self._window)}
