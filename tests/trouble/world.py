"""A whole Gewu that may be harmed: small disks, a second road to its broker, and every ledger that was ever written."""

import time
from pathlib import Path
from random import Random
from typing import Any, Self

import asyncpg

from gewu import topics
from gewu.audit import log as audit_log
from gewu.dev import ports
from gewu.dev.folder import Folder
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.metrics import scrape
from gewu.dev.services import Service
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime.settings import Kafka
from tests.support.load import Load, judge
from tests.trouble.disk import Disk, NoDisk
from tests.trouble.link import Link

_DISK_MIB = 384
# A write-ahead log that fits on a small disk and needs room for each new segment, so that it meets a full one too.
_POSTGRES = {"max_wal_size": "64MB", "min_wal_size": "32MB", "wal_recycle": "off"}
_HASTY = "3s"  # how long the intake behind the link waits for an ack
SECOND = "dispatch-2"
BEHIND = "intake-behind-the-link"


class World:
    """One stack. `no_disk` says why there are no small disks here, "" where there are."""

    def __init__(self, folder: Path, city: Path) -> None:
        self.folder, self._data = folder, folder / "stack"
        self.disks: dict[str, Disk] = {}
        self.no_disk = ""
        self.ledgers: list[Path] = []
        self.loads: list[Load] = []
        self.seed = 0  # of the run under way
        self.repeats = 0  # events that stood in the log twice when the judge looked last
        self.link = Link(0, 0)
        self._city = city
        self.stack: Stack

    async def start(self) -> None:
        """Everything up and ready."""
        self._data.mkdir(parents=True)
        try:
            self.disks = {name: Disk(self._data / name, _DISK_MIB) for name in ("kafka", "postgres")}
            for name in self.disks:  # not on that disk: what a server says of a full one must have room
                (self._data / name / f"{name}.log").symlink_to(self.folder / f"{name}.log")
        except NoDisk as why:
            self.no_disk = str(why)
        self.stack = Stack(self._data, self._city, kafka_settings=self._kafka(), postgres_settings=_POSTGRES)
        await self.stack.start()
        await self.link.open()

    async def stop(self) -> None:
        """End all of it."""
        try:
            await self.stack.stop()
            await self.link.close()
        finally:
            for disk in self.disks.values():
                disk.unmount()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def load(self, random: Random, *, rate: float = 200.0, url: str = "") -> Load:
        """Load under a seed; its ledger is judged with all others."""
        made = Load(self.stack, self.folder, rate=rate, seed=random.randrange(2**31), url=url)
        self.ledgers.append(made.ledger)
        self.loads.append(made)
        return made

    async def judge(self) -> dict[str, Any]:
        """What `gewu audit` says of everything that was ever sent here, once nothing is in flight."""
        verdict = await judge(self.stack, self.ledgers)
        self.repeats = verdict["repeats"]
        return verdict

    async def behind_the_link(self) -> str:
        """Address of an intake that reaches the broker through the link only; made at the first call.

        It hears no sensors: under the one client id its bridge and the first intake's would throw each other out for ever, and
        be red for that.
        """
        if BEHIND not in self.stack.services or self.stack.services[BEHIND].pid is None:
            there = {"GEWU_KAFKA_BOOTSTRAP": f"{ports.LOOPBACK}:{self.link.port}", "GEWU_ACK_DEADLINE": _HASTY}
            await self.stack.launch("intake", {**there, "GEWU_MQTT_URL": ""}, replica=BEHIND)
        return self.stack.services[BEHIND].url

    async def second_dispatch(self, *, ready: bool = True) -> Service:
        """Another dispatch beside the first; it leaves its groups at once when it is ended."""
        return await self.stack.launch("dispatch", {"GEWU_KAFKA_INSTANCE": ""}, replica=SECOND, ready=ready)

    async def fetch(self, question: str, *words: Any) -> list[asyncpg.Record]:
        """Rows of the database as its owner sees them."""
        connection = await asyncpg.connect(self.stack.dsn, ssl=False, server_settings={"search_path": "dispatch"})
        try:
            return await connection.fetch(question, *words)
        finally:
            await connection.close()

    async def outcomes(self) -> dict[str, int]:
        """What the books say became of all signals so far."""
        names = ("opened", "joined", "measured", "duplicate", "conflict", "parked")
        sums = ", ".join(f"coalesce(sum({name}), 0)::int AS {name}" for name in names)
        signals = [topics.signals(lane) for lane in Lane]
        (row,) = await self.fetch(f"SELECT {sums} FROM position WHERE topic = ANY($1)", signals)
        return dict(row)

    async def positions(self) -> dict[tuple[str, int], int]:
        """Where dispatch stands in each partition."""
        rows = await self.fetch("SELECT topic, partition, next_offset FROM position")
        return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}

    async def end(self, topic: str) -> int:
        """The sum of the ends of a topic's partitions."""
        async with audit_log.connected(self.kafka) as logs:
            return sum((await logs.ends(logs.places([topic]))).values())

    async def counted(self, service: str, metric: str, **labels: str) -> float:
        """Sum of a service's series that have these labels; 0 while it does not answer."""
        try:
            samples = await scrape(f"{self.stack.services[service].url}/metrics")
        except OSError:
            return 0.0
        return sum(
            v for (name, found), v in samples.items() if name == metric and labels.items() <= dict(found).items()
        )

    @property
    def kafka(self) -> Kafka:
        """Settings for clients of the harness's own."""
        return Kafka(self.stack.kafka.bootstrap, None, None, None, 1, 1, "")

    def _kafka(self) -> dict[str, str]:
        """The broker's settings with one more listener, which tells its clients to come back through the link."""
        client, controller, through, link = ports.free_ports(4)
        kafka = Folder(self._data / "kafka")
        kafka.path.mkdir(exist_ok=True)
        kafka.keep("ports", f"{client} {controller}")  # chosen here, because the settings must name them
        self.link = Link(link, through)
        at = ports.LOOPBACK
        return {
            **QUICK_RETURN,
            "listeners": f"CLIENTS://{at}:{client},LINK://{at}:{through},CONTROLLER://{at}:{controller}",
            "advertised.listeners": f"CLIENTS://{at}:{client},LINK://{at}:{link}",
            "listener.security.protocol.map": "CLIENTS:PLAINTEXT,LINK:PLAINTEXT,CONTROLLER:PLAINTEXT",
        }


def clock() -> float:
    """Seconds, for measuring."""
    return time.monotonic()
