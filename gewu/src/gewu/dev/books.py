"""What PostgreSQL's books, Kafka's log and dispatch's metrics say now, and what they said between two looks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gewu import topics
from gewu.dev.metrics import Counters, scrape
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime import positions
from gewu.runtime.positions import Books

Place = tuple[str, int]
_SCHEMA = "dispatch"
_PATIENCE_S = 3.0
SIGNALS = tuple(topics.signals(lane) for lane in Lane)
# A record's age at each hand-over, each a stage of its way.
STAGES = {
    "logged": ("intake", "gewu_producer_age_seconds_bucket"),
    "settled": ("dispatch", "gewu_delivery_age_seconds_bucket"),
    "told": ("dispatch", "gewu_relay_event_age_seconds_bucket"),
}
_LATEST = """
SELECT opened_at, lane, category, department, routed_because, rule_id, signals, complete_by
FROM cases ORDER BY opened_at DESC, case_id DESC LIMIT 10"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A case as it stands now, and why it went where it is."""

    opened_at: datetime
    lane: int
    category: str
    department: str
    because: str
    rule_id: str
    signals: int
    complete_by: datetime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look. `books` and `ends` by (topic, partition), ends being log ends; `cases` by department, `outbox`, the events
    that wait in it, and `notices` by state and lane only of a thorough look; `relayed` and `ages` (events by upper bound in
    seconds) add up over this look-out's time, as do `stages`, the same by stage; `latest` are the newest cases; `cameras`
    counts them by what video sees of them, `detections` what it said that it saw, `plates`: whether it can read them;
    `drills` are those that the canary sent, and those of which it heard all; `silent` names what did not answer: its values
    are those of the look before."""

    books: Mapping[Place, Books] = field(default_factory=dict)
    ends: Mapping[Place, int] = field(default_factory=dict)
    cases: Mapping[str, int] = field(default_factory=dict)
    outbox: int = 0
    notices: Mapping[tuple[str, int], int] = field(default_factory=dict)
    relayed: Mapping[str, float] = field(default_factory=dict)
    ages: Mapping[float, float] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    stages: Mapping[str, Mapping[float, float]] = field(default_factory=dict)
    latest: tuple[Opened, ...] = ()
    cameras: Mapping[str, int] = field(default_factory=dict)
    detections: int = 0
    plates: bool = False
    drills: tuple[int, int] = (0, 0)

    def outcomes(self, only: Iterable[str] = SIGNALS) -> dict[str, int]:
        """Records by what became of them, over these topics."""
        rows = [row for (topic, _), row in self.books.items() if topic in tuple(only)]
        return {name: sum(row.outcomes[name] for row in rows) for name in positions.OUTCOMES}

    def log_end(self, topic: str) -> int:
        """The log's end, over the topic's partitions."""
        return sum(end for (name, _), end in self.ends.items() if name == topic)

    @property
    def said(self) -> int:
        """How many signals the log has taken in so far."""
        return sum(self.log_end(topic) for topic in SIGNALS)

    @property
    def in_flight(self) -> int:
        """How many signals of the log dispatch has not yet settled."""
        return sum(end - self._next(place) for place, end in self.ends.items() if place[0] in SIGNALS)

    @property
    def unjudged(self) -> int:
        """How many moves of departments dispatch has not yet judged."""
        return sum(end - self._next(place) for place, end in self.ends.items() if place[0].startswith(topics.ACTIONS))

    def moves(self, department: str) -> int:
        """How many moves of a department were applied."""
        return self.outcomes([topics.actions(department)])["applied"]

    @property
    def moved(self) -> int:
        """How many moves of all departments were applied."""
        return self.outcomes({topic for topic, _ in self.books if topic.startswith(topics.ACTIONS)})["applied"]

    def _next(self, place: Place) -> int:
        row = self.books.get(place)
        return row.next_offset if row else 0


class Lookout:
    """Looks at a running stack. A source that is away gives its last values, under the name of who is silent."""

    def __init__(self, stack: Stack, departments: Iterable[str]) -> None:
        self._stack = stack
        self._told = {topics.dispatch(department): department for department in departments}
        known = topics.registry(self._told.values())
        watched = [t for t in known if t.name in SIGNALS or topics.is_departments(t.name)]
        self._places = [TopicPartition(topic.name, n) for topic in watched for n in range(topic.partitions)]
        self._consumer: AIOKafkaConsumer | None = None
        self._connection: asyncpg.Connection[Any] | None = None
        self._counters = {name: Counters() for name in ("video", "canary", *(name for name, _ in STAGES.values()))}
        self._last = Snapshot()

    async def look(self, *, thorough: bool = False) -> Snapshot:
        """One look, within seconds; a thorough one counts cases and outbox too, which costs a scan of both."""
        last = self._last
        # Not among those that are silent: a run ends intake first.
        await _patiently(self._scrape("intake", self._stack.intake_url))
        cameras = await _patiently(self._cameras())  # nor is video
        if "canary" in self._stack.services:  # nor the canary
            await _patiently(self._scrape("canary", self._stack.services["canary"].url))
        # The log's ends last: read before the books, they could be behind them.
        found = {
            "dispatch": await _patiently(self._metrics()),
            "PostgreSQL": await _patiently(self._books(thorough)),
            "Kafka": await _patiently(self._ends()),
        }
        books, cases, outbox, notices, latest = found["PostgreSQL"] or (
            last.books, last.cases, last.outbox, last.notices, last.latest,
        )  # fmt: skip
        relayed, ages = found["dispatch"] or (last.relayed, last.ages)
        silent = tuple(name for name, answer in found.items() if answer is None)
        self._last = Snapshot(
            books, found["Kafka"] or last.ends, cases, outbox, notices, relayed, ages, silent, self._stages(), latest,
            *((last.cameras, last.detections, last.plates) if cameras is None else cameras), self._drills(),
        )  # fmt: skip
        return self._last

    async def close(self) -> None:
        """Lets go of the connections."""
        if self._consumer:
            await self._consumer.stop()
        if self._connection:
            self._connection.terminate()

    async def _books(
        self, thorough: bool
    ) -> tuple[dict[Place, Books], Mapping[str, int], int, Mapping[tuple[str, int], int], tuple[Opened, ...]]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._stack.dsn, ssl=False, timeout=_PATIENCE_S, server_settings={"search_path": _SCHEMA}
            )
        cases, outbox, notices = self._last.cases, self._last.outbox, self._last.notices
        # One transaction with one view: the books and what they are compared with must be of the same moment.
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await positions.books(self._connection)
            latest = tuple(Opened(*row.values()) for row in await self._connection.fetch(_LATEST))
            if thorough:
                found = await self._connection.fetch("SELECT department, count(*) AS n FROM cases GROUP BY department")
                cases = {row["department"]: row["n"] for row in found}
                outbox = await self._connection.fetchval("SELECT coalesce(sum(count), 0) FROM outbox")
                told = await self._connection.fetch(
                    "SELECT state, lane, count(*) AS n FROM notify.notices GROUP BY 1, 2"
                )
                notices = {(row["state"], row["lane"]): row["n"] for row in told}
        return {(row.topic, row.partition): row for row in rows}, cases, outbox, notices, latest

    async def _ends(self) -> dict[Place, int]:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.kafka.bootstrap, enable_auto_commit=False)
            try:
                await consumer.start()
                await consumer._client.set_topics({place.topic for place in self._places})  # see gewu.audit.log
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        ends = await self._consumer.end_offsets(self._places)
        return {(place.topic, place.partition): end for place, end in ends.items()}

    async def _metrics(self) -> tuple[dict[str, float], Mapping[float, float]]:
        await self._scrape("dispatch", self._stack.dispatch_url)
        relayed = {
            self._told[labels["topic"]]: value
            for labels, value in self._counters["dispatch"].of("gewu_relay_events_total")
            if labels["topic"] in self._told
        }
        return relayed, self._stages()["told"]

    async def _cameras(self) -> tuple[dict[str, int], int, bool]:
        samples = await scrape(f"{self._stack.services['video'].url}/metrics")
        self._counters["video"].take(samples)
        said = self._counters["video"].of("gewu_video_signals_total")
        sights = {
            dict(labels)["sight"]: int(n) for (name, labels), n in samples.items() if name == "gewu_video_cameras"
        }
        detections = (n for labels, n in said if (labels["kind"], labels["answer"]) == ("detection", "acked"))
        return sights, round(sum(detections)), bool(samples.get(("gewu_video_capability", (("sees", "plates"),))))

    def _drills(self) -> tuple[int, int]:
        counted = self._counters["canary"]
        told = (n for labels, n in counted.of("gewu_canary_seconds_count") if labels["station"] == "told")
        return round(sum(n for _, n in counted.of("gewu_canary_sent_total"))), round(sum(told))

    async def _scrape(self, service: str, url: str) -> bool:
        self._counters[service].take(await scrape(f"{url}/metrics"))
        return True

    def _stages(self) -> dict[str, dict[float, float]]:
        """The ages at each stage, over all lanes: counts by upper bound."""
        found: dict[str, dict[float, float]] = {}
        for stage, (service, name) in STAGES.items():
            ages = found[stage] = {}
            for labels, value in self._counters[service].of(name):
                ages[float(labels["le"])] = ages.get(float(labels["le"]), 0.0) + value
        return found


async def _patiently(source: Any) -> Any:
    """What a source says, None where it does not answer in time."""
    try:
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the answer, and a stop is then forgotten.
        async with asyncio.timeout(_PATIENCE_S):
            return await source
    except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
