"""A whole Gewu on loopback: Kafka, PostgreSQL, an MQTT broker, topics, schemas and the services, as children of this process.

The launcher and the fault tests drive the same object: `async with Stack(data, city) as stack: ...`.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gewu.dev import access, components, mqtt_files, ports
from gewu.dev.children import CannotStart, end_leftover
from gewu.dev.folder import Folder
from gewu.dev.kafka import KafkaServer
from gewu.dev.mqtt import MqttServer
from gewu.dev.postgres import PostgresServer
from gewu.dev.services import Service

DATABASE = "gewu"
READY_S = 60.0
_OURS = (
    "kafka",
    "postgres",
    "mqtt",
    "logs",
    "pids",
    "secrets",
    "env",
    "days",
    "ledger-*.jsonl",
    "port-*",
    "clips",
    "reel",
    "pictures",
)


class Stack:
    """Everything below one data folder, for one city package. Stopped and started again it goes on where it was.

    `say` hears what takes long. kafka_settings and postgres_settings are the servers' own and win over ours. models: instead of
    the folder that GEWU_MODELS names.
    """

    def __init__(
        self,
        data: Path,
        city: Path,
        say: Callable[[str], None] = lambda _: None,
        *,
        kafka_settings: Mapping[str, str] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        embedded_mqtt: bool = False,
        models: Path | None = None,
    ) -> None:
        self.folder = Folder(data)
        self.data, self.city = self.folder.path, city.resolve()
        self._say, self._models = say, models
        self.kafka = KafkaServer(self.data / "kafka", settings=kafka_settings, say=say)
        self.postgres = PostgresServer(self.data / "postgres", settings=postgres_settings, say=say)
        self.mqtt = MqttServer(self.data / "mqtt", _sensors(self.city), embedded=embedded_mqtt, say=say)
        self.services: dict[str, Service] = {}
        self._access: access.Access | None = None
        self._down: set[str] = set()  # services that whoever drives us ended on purpose

    @property
    def intake_url(self) -> str:
        """Where reports are taken."""
        return self.services["intake"].url

    @property
    def dispatch_url(self) -> str:
        """Where cases are seen."""
        return self.services["dispatch"].url

    @property
    def clips(self) -> Path:
        """Where files stand that cameras of the package name; empty unless somebody puts some there."""
        return self.data / "clips"

    @property
    def reel(self) -> Path:
        """Where clips are kept until they are shown."""
        return self.data / "reel"

    @property
    def notify_url(self) -> str:
        """Where the live feed is heard."""
        return self.services["notify"].url

    @property
    def dsn(self) -> str:
        """The database, as its owner."""
        return self.postgres.dsn(DATABASE)

    @property
    def address(self) -> str:
        """The same for people's eyes, without its password."""
        return _without_password(self.dsn)

    @property
    def report_key(self) -> str:
        """Secret of the key `replay`, which may report."""
        return self._known_access().report_key

    @property
    def ops_key(self) -> str:
        """Secret of the key `ops`, which may read everything and act for every department."""
        return self._known_access().ops_key

    def places(self) -> dict[str, str]:
        """What the table of components is filled in with, once servers are up."""
        return {
            "kafka": self.kafka.bootstrap,
            "postgres": self.dsn,
            "mqtt": self.mqtt.url,
            "mqtt_version": self.mqtt.version,
            "mqtt_login": str(self.data / "secrets" / "mqtt"),
            "city": str(self.city),
            "secrets": str(self.data / "secrets"),
            "canary_key": str(self.data / "secrets" / "canary.key"),
            "clips": str(self.clips),
            "pictures": str(self.data / "pictures"),
            "models": str(self._models or os.environ.get("GEWU_MODELS", "")),
            "camera_networks": os.environ.get("GEWU_CAMERA_NETWORKS", "127.0.0.0/8"),
            "camera_logins": os.environ.get("GEWU_CAMERA_LOGINS_FILE", ""),
            "host": ports.LOOPBACK,
            **{f"{name}_url": service.url for name, service in self.services.items()},
        }

    def clear(self) -> None:
        """Forgets everything of earlier starts. Only what a stack made is deleted, so a wrong folder loses nothing."""
        self.folder.hold()
        for path in (path for pattern in _OURS for path in self.data.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    async def end_leftovers(self) -> int:
        """Ends what a launcher that was killed left running here; returns how many there were."""
        self.folder.hold()
        ended = 0
        for file in sorted((self.data / "pids").glob("*.pid")):
            ended += await end_leftover(file)
        ended += await end_leftover(self.data / "kafka" / "kafka.pid")
        ended += await end_leftover(self.data / "mqtt" / "mqtt.pid")
        return ended + await end_leftover(self.data / "postgres" / "postgres.pid", signal.SIGQUIT)

    async def start(self) -> None:
        """Starts everything; returns when every service is ready. Raises CannotStart, and then nothing is left."""
        try:
            await self.end_leftovers()
            self._access = access.prepare(self.data / "secrets")
            self.clips.mkdir(exist_ok=True)
            access.prepare_receivers(self.data / "secrets", self.city)
            await self._start_servers()
            await self.prepare()
            self._choose_ports()
            self._write_environment()
            self._say(f"starting the services {', '.join(self.services)} …")
            await _all(*(self._spawn(name) for name in self.services))
            await _all(*(service.until_ready(READY_S) for service in self.services.values()))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stops the services, then the servers; harmless where they do not run."""
        await _all(*(service.stop() for service in self.services.values()))
        await _all(self.kafka.stop(), self.postgres.stop(), self.mqtt.stop())
        self.folder.release()

    async def launch(
        self, name: str, env_extra: Mapping[str, str] | None = None, *, replica: str = "", ready: bool = True
    ) -> Service:
        """Starts a service that does not run, with further variables; returns when it is ready (or at once).

        `replica` is the name of one beside the first, with a port and a log of its own. Raises CannotStart.
        """
        if replica and replica not in self.services:
            self.services[replica] = Service(components.component(name), replica, ports.free_ports(1)[0], self.data)
        service = self.services[replica or name]
        if service.pid is None:
            await self._spawn(service.name, env_extra)
        if ready:
            await service.until_ready(READY_S)
        return service

    async def end(self, name: str) -> int | None:
        """Stops a service (SIGTERM) and returns its exit code; None where it never ran."""
        self._down.add(name)
        return await self.services[name].stop()

    async def kill(self, name: str) -> None:
        """Ends a service with SIGKILL."""
        self._down.add(name)
        await self.services[name].kill()

    def fallen(self) -> list[Service]:
        """The services that ended though nobody asked them to."""
        return [s for name, s in self.services.items() if s.exit_code is not None and name not in self._down]

    async def prepare(self) -> None:
        """The steps between servers and services: database, topics, schemas. Raises CannotStart."""
        from gewu.dev import steps

        await self.postgres.create_database(DATABASE)
        topics = steps.apply_topics(self.kafka.bootstrap, self.city, self._say)
        await _all(topics, steps.migrate(self.dsn, self._say))

    async def start_mqtt(self) -> None:
        """Starts the sensors' broker and writes down how intake's bridge logs in. Raises CannotStart."""
        await self.mqtt.start()
        access.write_login(self.data / "secrets", "mqtt", mqtt_files.BRIDGE, self.mqtt.passwords()[mqtt_files.BRIDGE])

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _start_servers(self) -> None:
        self._say("starting Kafka, PostgreSQL and the MQTT broker …")
        await _all(self.kafka.start(), self.postgres.start(), self.start_mqtt())
        logs = self.data / "logs"
        logs.mkdir(exist_ok=True)
        for log in (self.kafka.log, self.postgres.log, self.mqtt.log):
            with suppress(FileExistsError):
                (logs / log.name).symlink_to(Path("..", log.parent.name, log.name))
        broker = (
            "Mosquitto"
            if self.mqtt.program
            else "amqtt (Mosquitto is not installed: MQTT 3.1.1 only, and nothing outlives it)"
        )
        self._say(f"Kafka answers at {self.kafka.bootstrap}, PostgreSQL at {self.address}")
        self._say(
            f"sensors are heard at {self.mqtt.url} by {broker}; their passwords: {self.data / 'mqtt' / 'passwords.json'}"
        )

    def _choose_ports(self) -> None:
        """Those of the last start where they are still free; all are known before the first service starts."""
        for component in components.services():
            if component.name in self.services:
                continue
            kept = int(self.folder.remembered(f"port-{component.name}") or 0)
            port = kept if kept and ports.is_free(kept) else ports.free_ports(1)[0]
            self.folder.keep(f"port-{component.name}", str(port))
            self.services[component.name] = Service(component, component.name, port, self.data)

    async def _spawn(self, name: str, env_extra: Mapping[str, str] | None = None) -> None:
        service = self.services[name]
        places = {**self.places(), "port": str(service.port), "instance": f"dev-{name}"}
        self._down.discard(name)
        await service.spawn({**service.component.variables(places), **service.component.at_home, **(env_extra or {})})

    def _write_environment(self) -> None:
        places = self.places()
        shared = {name: pattern.format_map(places) for name, pattern in components.COMMON.items()}
        # Not GEWU_*: programs refuse names that are no settings of theirs, and these are for curl.
        known = {f"{name.upper()}_URL": service.url for name, service in self.services.items()}
        own = {"REPORT_KEY": self.report_key, "OPS_KEY": self.ops_key}
        access.write_environment(self.data / "env", {**shared, **known, **own})

    def _known_access(self) -> access.Access:
        if self._access is None:
            raise RuntimeError("there are no keys before the first start: await start() first")
        return self._access


async def _all(*work: Awaitable[Any]) -> None:
    """Runs all side by side to their ends; the first that failed speaks for all, and none is left half-way."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for result in results:
        if isinstance(result, CannotStart):
            raise result
    for result in results:
        if isinstance(result, BaseException):
            raise result


def _sensors(city: Path) -> tuple[str, ...]:
    """The ids of the city's sensors; none where the package cannot be read, which `prepare` says better."""
    from gewu.city import CityFaults, load

    try:
        return tuple(load(city).sensors)
    except (CityFaults, OSError):
        return ()


def _without_password(dsn: str) -> str:
    head, at, rest = dsn.rpartition("@")
    return f"{head.rpartition(':')[0]}{at}{rest}" if at else dsn
