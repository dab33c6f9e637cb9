"""The reports go in by intake's doors as they came in life: phones one by one, the call centre many at once."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from gewu.city import City
from gewu.dev.door import Answer, Doors, Word
from gewu.dev.ledger import OK, REJECTED, UNKNOWN, Ledger
from tests.la311.reports import Report

SOURCE = "key:replay"  # id of the stack's reporting key
_ALONE = ("Mobile App", "Self Service")  # channels in which a resident sends one report and waits
_LINES = 200
_AT_ONCE = 16
_TRIES = 10
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 5.0
_PATIENCE_S = 60.0  # nothing answered for this long: the system is broken, and nothing is sent again


def requests(reports: Iterable[Report]) -> list[list[Report]]:
    """What goes out in one request each, about in the order of time."""
    out: list[list[Report]] = []
    gathered: list[Report] = []
    for report in reports:
        if report.channel in _ALONE:
            out.append([report])
            continue
        gathered.append(report)
        if len(gathered) == _LINES:
            out.append(gathered)
            gathered = []
    return [*out, gathered] if gathered else out


class Replay:
    """One run. `answers` grows while it goes: the last word on every report, by id."""

    def __init__(self, url: str, key: str, ledger: Path, city: City) -> None:
        self._doors = Doors(url, key, _AT_ONCE)
        self._path, self._city = ledger, city
        self.answers: dict[str, Word] = {}
        self.retried = 0
        self._heard_at = time.monotonic()  # when an answer last stood

    async def run(self, reports: Sequence[Report]) -> None:
        """Send everything; returns when each report has its last word."""
        waiting = iter(requests(reports))
        with Ledger(self._path) as ledger:
            async with self._doors, asyncio.TaskGroup() as workers:
                for _ in range(_AT_ONCE):
                    workers.create_task(self._work(waiting, ledger))

    async def _work(self, waiting: Iterable[list[Report]], ledger: Ledger) -> None:
        # All workers share one iterator, so each request is taken once.
        for request in waiting:
            await self._send(request, ledger)

    async def _send(self, reports: list[Report], ledger: Ledger) -> None:
        """Send until each has an answer that stands; what never gets one is unknown."""
        for attempt in range(_TRIES):
            if attempt:
                if time.monotonic() - self._heard_at > _PATIENCE_S:
                    break
                self.retried += len(reports)
                await asyncio.sleep(min(_FIRST_PAUSE_S * 2**attempt, _LONGEST_PAUSE_S))
            ledger.sending(((r.id, self._city.lane(r.category).label) for r in reports), SOURCE)
            answers = await self._doors.post([report.body for report in reports], keyed=True)
            reports = [r for r, a in zip(reports, answers, strict=True) if not self._settled(r, a, ledger)]
            if not reports:
                return
        for report in reports:
            ledger.outcome(report.id, UNKNOWN)

    def _settled(self, report: Report, answer: Answer, ledger: Ledger) -> bool:
        self.answers[report.id] = answer.word
        if answer.word is Word.ACCEPTED:
            ledger.outcome(report.id, OK, answer.signal_id)
        elif answer.word is Word.REJECTED:
            ledger.outcome(report.id, REJECTED)
        else:
            return False
        self._heard_at = time.monotonic()
        return True
