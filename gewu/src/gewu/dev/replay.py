"""Sends a day's reports: an open model, in which each goes out at its time whether or not earlier ones are answered."""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from gewu.dev.day import DAY_S, Report
from gewu.dev.door import Answer, Doors, Word
from gewu.dev.ledger import OK, REJECTED, UNKNOWN, Ledger

SOURCE, ANONYMOUS = "key:replay", "anonymous"
AT_ONCE = 256
LATE_S = 0.1
_PLATFORM_EVERY_S = 0.5  # a platform sends what it gathered this often
_LINES = 200
_TRIES = 6
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0
_OVERTIME_S = 10.0  # how long after the day's end what is late may still go out


@dataclass(frozen=True, slots=True)
class Shipment:
    """What goes out in one request, `due` seconds after the start."""

    due: float
    keyed: bool
    reports: tuple[Report, ...]


@dataclass(slots=True)
class Tally:
    """What the client did and was told, in reports. doubtful: answers "unknown" on the way, each of which may have
    landed; late: sent more than LATE_S after their time, worst_late_s being the worst."""

    planned: int = 0
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    retried: int = 0
    doubtful: int = 0
    late: int = 0
    worst_late_s: float = 0.0


def plan(reports: Iterable[Report], seconds: float) -> list[Shipment]:
    """The day's requests, compressed into so many seconds: single ones, and a platform's batches every half second."""
    scale = seconds / DAY_S
    singles: list[Shipment] = []
    bulk: list[Report] = []
    for report in reports:
        if report.bulk:
            bulk.append(report)
        else:
            singles.append(Shipment(report.at * scale, report.keyed, (report,)))
    batches = []
    for tick, group in groupby(bulk, lambda report: report.at * scale // _PLATFORM_EVERY_S):
        gathered, due = list(group), min((tick + 1) * _PLATFORM_EVERY_S, seconds)
        batches += [Shipment(due, True, tuple(gathered[n : n + _LINES])) for n in range(0, len(gathered), _LINES)]
    return sorted([*singles, *batches], key=lambda shipment: shipment.due)


class Replay:
    """One run through a plan. `tally` grows while it runs."""

    def __init__(self, url: str, key: str, shipments: Sequence[Shipment], ledger: Ledger) -> None:
        self._doors = Doors(url, key, AT_ONCE)
        self._shipments, self._ledger = shipments, ledger
        self._free = asyncio.Semaphore(AT_ONCE)
        self.tally = Tally(planned=sum(len(shipment.reports) for shipment in shipments))

    async def run(self) -> None:
        """Returns when the last report has its last word; cancelled, it stops at once, which leaves unknown ones."""
        clock = asyncio.get_running_loop()
        async with self._doors, asyncio.TaskGroup() as tasks:
            start = clock.time()
            end = start + (self._shipments[-1].due if self._shipments else 0.0) + _OVERTIME_S
            for shipment in self._shipments:
                await asyncio.sleep(max(0.0, start + shipment.due - clock.time()))
                await self._free.acquire()
                if clock.time() > end:
                    return
                self._note_lateness(clock.time() - start - shipment.due, len(shipment.reports))
                tasks.create_task(self._ship(shipment))

    def _note_lateness(self, late: float, reports: int) -> None:
        if late > LATE_S:
            self.tally.late += reports
        self.tally.worst_late_s = max(self.tally.worst_late_s, late)

    async def _ship(self, shipment: Shipment) -> None:
        waiting, under_way = list(shipment.reports), 0
        self.tally.sent += len(waiting)
        try:
            for attempt in range(_TRIES):
                if attempt:
                    self.tally.retried += len(waiting)
                    await asyncio.sleep(random.uniform(0, min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S)))
                self._ledger.sending(((r.id, r.lane) for r in waiting), SOURCE if shipment.keyed else ANONYMOUS)
                under_way = len(waiting)
                waiting = self._settle(waiting, await self._doors.post([r.body for r in waiting], shipment.keyed))
                under_way = 0
                if not waiting:
                    return
        finally:
            self.tally.doubtful += under_way  # cancelled before the answer
            self._give_up(waiting)
            self._free.release()

    def _settle(self, reports: Sequence[Report], answers: Sequence[Answer]) -> list[Report]:
        """Book the answers; returns the reports that go again, under the same id."""
        again = []
        for report, answer in zip(reports, answers, strict=True):
            if answer.word is Word.ACCEPTED:
                self.tally.accepted += 1
                self._ledger.outcome(report.id, OK, answer.signal_id)
            elif answer.word is Word.REJECTED:
                self.tally.rejected += 1
                self._ledger.outcome(report.id, REJECTED)
            else:
                self.tally.doubtful += answer.word is Word.UNKNOWN
                again.append(report)
        return again

    def _give_up(self, reports: Sequence[Report]) -> None:
        for report in reports:
            self.tally.unknown += 1
            self._ledger.outcome(report.id, UNKNOWN)
