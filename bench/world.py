"""What every measure runs in: one Kafka, one PostgreSQL, keys; services and helpers as processes, started and ended."""

import contextlib
import dataclasses
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from gewu.dev import access, components, ports
from gewu.dev.children import CannotStart, Launch, run_to_end
from gewu.dev.services import Service
from gewu.dev.stack import DATABASE, Stack
from gewu.runtime import settings
from gewu.runtime.env import Env

ROOT = Path(__file__).parents[1]
READY_S = 120.0  # a large city takes a while to be read
WORDS = "BENCH_WORDS"


class Fault(Exception):
    """A measure that went wrong, so that its figures mean nothing; the text says what happened."""


class World:
    """Servers and keys below one data folder that is made anew at the start and deleted at the end."""

    def __init__(self, folder: Path, city: Path, say: Callable[[str], None]) -> None:
        self.stack = Stack(folder, city, say=say)
        self.folder, self.city, self.say = self.stack.data, self.stack.city, say
        self._ports: dict[str, int] = {}
        self._runs = 0

    async def __aenter__(self) -> Self:
        await self.stack.end_leftovers()
        self._clear()
        try:
            self.say("starting Kafka and PostgreSQL …")
            await self.stack.kafka.start()
            await self.stack.postgres.start()
            await self.stack.prepare()
            self.access = access.prepare(self.folder / "secrets")
            access.prepare_receivers(self.folder / "secrets", self.city)
            self.scratch.mkdir()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.stop()
        self._clear()
        self.stack.folder.release()

    def _clear(self) -> None:
        self.stack.clear()
        shutil.rmtree(self.scratch, ignore_errors=True)

    @property
    def scratch(self) -> Path:
        """Where scripts and outputs lie; gone when the run ends."""
        return self.folder / "scratch"

    @property
    def kafka(self) -> settings.Kafka:
        """The broker, as the runtime's settings."""
        return settings.kafka(Env({"GEWU_KAFKA_BOOTSTRAP": self.stack.kafka.bootstrap}))

    @property
    def template(self) -> str:
        """The database that has every schema and no rows."""
        return DATABASE

    def pid(self, server: str) -> int:
        """The process of `kafka` or `postgres`."""
        found = (self.stack.kafka if server == "kafka" else self.stack.postgres).pid
        if found is None:
            raise Fault(f"{server} has ended: its log is in {self.folder.name}")
        return found

    @contextlib.asynccontextmanager
    async def service(
        self,
        name: str,
        *,
        city: Path | None = None,
        dsn: str = "",
        metrics: bool = True,
        more: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Service]:
        """A service, ready, until the block ends; without `metrics` it observes nothing. Fault where it ends badly.

        Its port and its membership of consumer groups stay, so that the next start need not wait for the last one.
        """
        component, own = components.component(name), name if metrics else f"{name}-silent"
        if not metrics:
            python, *rest = component.command
            component = dataclasses.replace(component, command=(python, "-m", "bench.silent", *rest[1:]))
        port = self._ports.setdefault(own, ports.free_ports(1)[0])
        service = Service(component, own, port, self.folder)
        environment = self.environment(component, port, city, dsn)
        await service.spawn({**environment, **component.at_home, **(more or {}), **_found_here()})
        try:
            await service.until_ready(READY_S)
            yield service
        finally:
            code = await service.stop()
        if code:
            raise Fault(f"{name} ended with code {code}. {service.last_words()}")

    def environment(
        self, component: components.Component, port: int, city: Path | None = None, dsn: str = ""
    ) -> dict[str, str]:
        """Its variables here. No broker of sensors runs, so what says where it is and who we are there is left out."""
        url = f"http://{ports.LOOPBACK}:{port}"
        places = {
            "kafka": self.stack.kafka.bootstrap, "postgres": dsn or self.stack.dsn, "city": str(city or self.city),
            "secrets": str(self.folder / "secrets"), "pictures": "", "models": "",
            "mqtt": "", "mqtt_version": "", "mqtt_login": "",
            "host": ports.LOOPBACK, "port": str(port),
            "instance": f"bench-{component.name}", "intake_url": url, "dispatch_url": url,
        }  # fmt: skip
        return {name: value for name, value in component.variables(places).items() if "_MQTT_" not in name}

    async def run(self, name: str, command: Sequence[str], timeout: float, **variables: str) -> str:
        """What a program prints until it ends by itself. Fault where it fails or takes longer."""
        self._runs += 1
        log = self.scratch / f"{self._runs:04d}-{name}.log"
        environment = {**os.environ, **_found_here(), **variables}
        launch = Launch(tuple(command), log, log.with_suffix(".pid"), self.folder, environment)
        try:
            await run_to_end(launch, timeout)
        except CannotStart as fault:
            raise Fault(f"{name}: {fault}") from None
        return log.read_text(errors="replace")

    async def process(self, module: str, words: Mapping[str, Any], timeout: float = 300.0) -> dict[str, Any]:
        """Run one of bench.processes or bench.yardsticks; its last line is its answer."""
        command = (sys.executable, "-m", f"bench.{module}")
        said = await self.run(module.rpartition(".")[2], command, timeout, **{WORDS: json.dumps(words)})
        try:
            return dict(json.loads(said.strip().rpartition("\n")[2]))
        except ValueError:
            raise Fault(f"{module} gave no answer: {said[-500:]}") from None

    @contextlib.asynccontextmanager
    async def yardstick(self, module: str, words: Mapping[str, Any]) -> AsyncIterator[Service]:
        """One of bench.yardsticks that serves, until the block ends."""
        own = f"yardstick-{module}"
        port = self._ports.setdefault(own, ports.free_ports(1)[0])
        command = ("python", "-m", f"bench.yardsticks.{module}")
        component = components.Component(own, components.Kind.SERVICE, "a yardstick", command)
        service = Service(component, own, port, self.folder)
        await service.spawn({**_found_here(), WORDS: json.dumps({**words, "port": port})})
        try:
            await service.until_ready(READY_S)
            yield service
        finally:
            await service.stop()


def _found_here() -> dict[str, str]:
    """The bench's modules are found in every process, wherever it works."""
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
