"""A real Apache Kafka (KRaft, one node) as a child process on loopback ports."""

import asyncio
import base64
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gewu.dev import kafka_files, ports
from gewu.dev.children import CannotStart, Child, Launch, end_leftover, log_end, run_to_end, tail, written_since
from gewu.dev.jars import cache_folder, class_path
from gewu.dev.java import find_java
from gewu.dev.server import Server

_PORT_TRIES = 5
_TAKEN = "Address already in use"


class KafkaServer(Server):
    """One broker, its data below `folder`. It may be stopped, killed and started again: port and data stay.

    max_message_bytes is the largest message that passes; heap is Java's ("512m"); settings go into server.properties
    last; formatting has further arguments of kafka-storage (users of a broker that asks for logins), and `login` is how a
    client of aiokafka then comes in.
    """

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        *,
        cache: Path | None = None,
        heap: str = "512m",
        max_message_bytes: int = 1024 * 1024,
        settings: Mapping[str, str] | None = None,
        formatting: Sequence[str] = (),
        login: Mapping[str, Any] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(folder, say)
        self._cache = cache or cache_folder()
        self._heap = heap
        self._max_message_bytes = max_message_bytes
        self._settings = dict(settings or {})
        self._formatting, self._login = formatting, login or {}
        self._ports: tuple[int, int] | None = None  # set once clients were told

    @property
    def bootstrap(self) -> str:
        """Where clients connect, "127.0.0.1:PORT"; the same after every start of this object."""
        if self._ports is None:
            raise RuntimeError("Kafka has no address before its first start: await start() first")
        return f"{ports.LOOPBACK}:{self._ports[0]}"

    async def start(self, timeout: float = 60.0) -> None:
        """Starts the broker and returns when it answers under our cluster id, at most `timeout` seconds after its
        launch. Raises CannotStart, quoting the log, where it does not; fetching jars (once) comes on top."""
        if self.pid is not None:
            return
        self._folder.hold()
        try:
            await end_leftover(self._pid_file)
            jars = await asyncio.to_thread(class_path, self._cache, say=self._say)
            java = await asyncio.to_thread(find_java)
            await self._start_on_a_port(java, jars, timeout)
        except BaseException:
            await self.kill()
            raise

    async def _start_on_a_port(self, java: Path, jars: list[Path], timeout: float) -> None:
        end = time.monotonic() + timeout
        for _ in range(_PORT_TRIES):
            chosen = self._choose_ports()
            cluster = self._write_files(chosen)
            await self._format_once(java, jars, cluster)
            already = log_end(self.log)
            self._child = Child(self._launch(java, jars, kafka_files.broker_flags(self._heap), ("kafka.Kafka",)))
            if await self._until_ready(chosen[0], cluster, end):
                self._ports = chosen
                return
            await self._child.kill()
            if self._ports or _TAKEN not in written_since(self.log, already):
                break
        raise CannotStart(f"Kafka did not come up within {timeout:.0f} s. The end of {self.log}:\n{tail(self.log)}")

    def _choose_ports(self) -> tuple[int, int]:
        """Those of the last start where they are still free, and where clients were told them in any case."""
        if self._ports:
            return self._ports
        kept = [int(port) for port in (self._folder.remembered("ports") or "").split()]
        if len(kept) == 2 and all(map(ports.is_free, kept)):
            return kept[0], kept[1]
        client, controller = ports.free_ports(2)
        self._folder.keep("ports", f"{client} {controller}")
        return client, controller

    def _write_files(self, chosen: tuple[int, int]) -> str:
        """Writes server.properties; returns the cluster id, made on the first start."""
        data, scratch = self._folder.path / "data", self._folder.path / "scratch"
        scratch.mkdir(exist_ok=True)
        text = kafka_files.properties(data, *chosen, self._max_message_bytes, self._settings)
        self._folder.keep("server.properties", text)
        return self._folder.remember("cluster-id", _new_cluster_id)

    async def _format_once(self, java: Path, jars: list[Path], cluster: str) -> None:
        if (self._folder.path / "data" / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", *self._formatting, "--ignore-formatted", "-t", cluster, "-c")
        await run_to_end(self._launch(java, jars, kafka_files.format_flags(), tool), timeout=60.0)

    def _launch(self, java: Path, jars: list[Path], flags: tuple[str, ...], main: tuple[str, ...]) -> Launch:
        folder = self._folder.path
        command = (*main, str(folder / "server.properties"))
        return Launch(
            command=kafka_files.java_command(java, jars, folder / "scratch", flags, command),
            log=self.log,
            pid_file=self._pid_file,
            cwd=folder,
            environment=os.environ,
        )

    async def _until_ready(self, port: int, cluster: str, end: float) -> bool:
        """Whether our broker answers before `end`; False at once where it has ended."""
        while time.monotonic() < end:
            if self._child is None or self._child.exit_code is not None:
                return False
            if await _cluster_at(port, self._login) == cluster:
                return True
            await asyncio.sleep(0.1)
        return False


async def _cluster_at(port: int, login: Mapping[str, Any]) -> str | None:
    """The cluster id that the broker behind a port names once it has registered; None while nobody answers so.

    The id, not the open port, is what counts: a broker that failed to bind says nothing on its own, and whoever holds
    the port answers in its place.
    """
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    try:
        # Asked first because the client logs an error for each refused connection.
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_connection(ports.LOOPBACK, port)
        writer.close()
    except OSError:  # refused or timed out
        return None
    admin = AIOKafkaAdminClient(bootstrap_servers=f"{ports.LOOPBACK}:{port}", request_timeout_ms=2_000, **login)
    try:
        async with asyncio.timeout(3.0):
            await admin.start()
            answer = await admin.describe_cluster()
    except (KafkaError, OSError, ValueError):
        return None
    finally:
        await admin.close()
    return answer["cluster_id"] if answer["brokers"] else None


def _new_cluster_id() -> str:
    """Kafka's form of a UUID: 22 characters, and none that starts with '-', which its tools take for an option."""
    while True:
        made = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not made.startswith("-"):
            return made
