"""An audit from end to end: wait until all is settled, take one moment of the database, read the logs, judge."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import TopicPartition

from gewu import topics
from gewu.audit import books, events, log, passed, store
from gewu.audit.cut import Cut
from gewu.audit.facts import Opened, Span
from gewu.audit.judge import Judge
from gewu.audit.ledger import Ledger
from gewu.audit.notices import Notices
from gewu.audit.readings import Sensors
from gewu.audit.received import Received
from gewu.audit.verdict import Verdict
from gewu.runtime.settings import Kafka, Postgres

if TYPE_CHECKING:
    from gewu.audit.package import Package
    from gewu.audit.twins import Twins

_POLL_S = 0.5
_TOGETHER = 20_000  # points of one search


class NoLog(Exception):
    """A topic that must be read is not there."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A verdict and what it rests on. `waited`: seconds until all was settled, None when it was not in time."""

    verdict: Verdict
    read: tuple[Span, ...]
    outbox: int
    waited: float | None
    grids_judged: int
    routes_judged: int
    other_package: int  # cases that were routed by another version of the city package
    passed: passed.Passed
    notices: Notices | None  # None: notify's tables are not there


async def audit(
    kafka: Kafka, postgres: Postgres, ledger: Ledger | None, *, city: Path | None = None, wait: float = 0.0,
    received: Received | None = None,
) -> Audit:  # fmt: skip
    """Judge a system. `wait`: seconds to give it to settle what is in flight and to say what is in the outbox."""
    async with AsyncExitStack() as stack:
        tables = await stack.enter_async_context(store.connected(postgres))
        logs = await stack.enter_async_context(log.connected(kafka))
        return await _Run(tables, logs, _package(city), received or Received()).judge(ledger, wait)


class _Run:
    def __init__(self, tables: store.Store, logs: log.Log, package: "Package | None", received: Received) -> None:
        self._tables, self._logs, self._package, self._received = tables, logs, package, received
        self._heard = logs.places(_heard(logs))
        self._sources = logs.places(_sources(logs))
        self._grids = self._routes = self._others = 0

    async def judge(self, ledger: Ledger | None, wait: float) -> Audit:
        waited = await self._settle(wait)
        # Ends before, then the database, then ends again: what stands below the first is surely older than the
        # database's moment, and whatever the database says was said stands below the second.
        settled = await self._logs.ends(self._heard)
        async with self._tables.snapshot():
            positions, waiting = await self._tables.positions(), await self._tables.waiting()
            read = await self._logs.spans(self._heard, settled)
            sources = await self._logs.spans(self._sources)
            judge = Judge(ledger, cut=self._cut(read), waiting=waiting)
            notices = await self._notices(judge)
            await self._hear(judge, notices, read)
            async for case in self._tables.cases():
                judge.case(case)
            if self._package:
                await self._opened(judge, self._package, self._package.twins())
            async for row in self._tables.signals():
                judge.signal(row)
            package = self._package
            heard = Sensors(package.sensors if package else None, package.version if package else "", ledger)
            beyond = await passed.judge(self._logs, self._tables, sources, positions, judge.findings, heard)
            judge.standing(heard.standing())
            if notices:
                async for row in self._tables.notices():
                    notices.take(row)
                notices.finish()
            verdict = judge.verdict(sources, positions, await self._tables.rows())
            outbox = await self._tables.outbox()
        return Audit(verdict, tuple(read), outbox, waited, self._grids, self._routes, self._others, beyond, notices)

    async def _settle(self, wait: float) -> float | None:
        """Seconds until nothing was in flight and the outbox was empty; None when that did not happen in time."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        while True:
            accounts = books.accounts(await self._logs.spans(self._sources), await self._tables.positions())
            if not any(a.in_flight for a in accounts) and not await self._tables.outbox():
                return clock() - begun
            if clock() - begun >= wait:
                return None
            await asyncio.sleep(_POLL_S)

    def _cut(self, spans: list[Span]) -> Cut:
        """Where the log no longer begins at its first record."""
        found: dict[str, set[int]] = {}
        for span in spans:
            if span.first > 0:
                found.setdefault(_department(span.topic, topics.dispatch), set()).add(span.partition)
        return Cut(found, {_department(name, topics.dispatch): n for name, n in self._logs.partitions.items()})

    async def _notices(self, judge: Judge) -> Notices | None:
        if (told := await self._tables.told()) is None:
            return None
        directory = self._package.directory if self._package else None
        return Notices(directory, told, self._received, judge.findings)

    async def _hear(self, judge: Judge, notices: Notices | None, spans: list[Span]) -> None:
        settled = {TopicPartition(s.topic, s.partition): s.settled for s in spans}
        asked = notices is not None and self._package is not None  # without the rules nobody knows who had to be told
        async for records in self._logs.read(spans):
            for record in records:
                place = TopicPartition(record.topic, record.partition)
                judge.hear(events.said(record), record.offset < settled[place])
                if asked and record.topic == topics.CASES and (told := events.told(record)):
                    notices.hear(told)

    async def _opened(self, judge: Judge, package: "Package", twins: "Twins") -> None:
        together: list[Opened] = []
        async for row in self._tables.opened():
            if row.package_version != package.version:
                self._others += 1
                continue
            together.append(row)
            if len(together) == _TOGETHER:
                self._place(judge, package, together, twins)
        self._place(judge, package, together, twins)
        twins.judge(judge.findings)

    def _place(self, judge: Judge, package: "Package", rows: list[Opened], twins: "Twins") -> None:
        for row, wanted in zip(rows, package.wanted(rows), strict=True):
            judge.opened(row, wanted)
            twins.take(row, wanted)
            self._grids += 1
            self._routes += wanted.route is not None
        rows.clear()


def _package(city: Path | None) -> "Package | None":
    if city is None:
        return None
    from gewu.audit.package import Package  # needs shapely; only --city asks for it

    return Package(city)


def _heard(logs: log.Log) -> list[str]:
    """Every department's topic and cases.changed."""
    found = sorted(name for name in logs.partitions if _department(name, topics.dispatch))
    if topics.CASES not in logs.partitions or not found:
        raise NoLog(f"{topics.CASES} or every department's topic is missing: run `gewu topics apply`")
    return [topics.CASES, *found]


def _sources(logs: log.Log) -> list[str]:
    """Every topic that dispatch reads, as far as it is there."""
    departments = [d for name in logs.partitions if (d := _department(name, topics.dispatch))]
    return [t.name for t in topics.registry(departments) if "dispatch" in t.hears and t.name in logs.partitions]


def _department(name: str, topic_of: Callable[[str], str]) -> str:
    """The department whose topic of this kind it is, "" for any other topic."""
    try:
        department = topics.department_of(name)
    except ValueError:
        return ""
    return department if topic_of(department) == name else ""
