"""What happens with reports that arrive: parse, decide, word, append; their answers wait for the broker's acks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from math import nan

from gewu import topics
from gewu.city import City
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.pictures.reference import References
from gewu.runtime.contact import Sealed
from gewu.runtime.keys import Key
from gewu.runtime.link import Links
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Producer, Record, Unknown
from gewu_intake import parse, wire
from gewu_intake.domain.admission import Admission
from gewu_intake.domain.report import ReportSaid, Terms, accept, all_seen, unnamed
from gewu_intake.request import Answer, Broken, NoRoom, Rejected, Request, Run

REPORT_BYTES = 32 * 1024
TOGETHER = 256  # reports that may wait for the end of a turn of the loop
_FEW = 32  # points that are found sooner one by one than together

Asked = tuple[bytes, Request, int]  # a body, whose it is, and its number there
Whose = tuple[Request, int]
Read = tuple[list[ReportSaid], list[Whose]]
Answered = list[tuple[Request, int, Answer]]

log = logging.getLogger(__name__)


class Handlers:
    """Takes reports for one city."""

    def __init__(
        self, city: City, producers: Mapping[Lane, Producer], clock: Clock, links: Links,
        seal: Callable[[bytes], Sealed] | None, admission: Admission, references: References,
    ) -> None:  # fmt: skip
        self._city, self._producers, self._clock = city, producers, clock
        self._token, self._seal, self._admission, self._references = links.token, seal, admission, references
        self._terms = Terms(no_position=bool(city.no_position_grid), contact=seal is not None)
        # People use few words, and each is normalised before it is looked up.
        self._class = lru_cache(4096)(self._class_of)
        self._front = lru_cache(4096)(self._new_front)
        # By a grid's index; the last one, which is that of index -1, holds for reports without a position.
        without = city.grid(city.no_position_grid).path[0] if city.no_position_grid else ""
        self._areas = [*(grid.path[0] for grid in city.grids), without]
        self._partitions = {t.name: t.partitions for t in topics.registry([])}
        self._arrived: list[Asked] = []

    def on_report(self, body: bytes, key: Key | None, answer: Callable[[list[Answer]], None]) -> None:
        """Take one report; `answer` is called once, soon or after the ack, with a list of one."""
        self._arrive([(body, Request(key, 1, answer), 0)])

    def on_lines(self, lines: Sequence[bytes], key: Key | None, answer: Callable[[list[Answer]], None]) -> None:
        """Take many; `answer` is called once, when every line has its own, and has them in the lines' order."""
        request = Request(key, len(lines), answer)
        self._arrive([(line, request, n) for n, line in enumerate(lines)])

    def _arrive(self, asked: Sequence[Asked]) -> None:
        """What arrives in one turn of the loop is taken together at its end: much under load, one report when it is quiet."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._take_arrived)
        self._arrived += asked
        if len(self._arrived) >= TOGETHER:
            self._take_arrived()

    def _take_arrived(self) -> None:
        arrived, self._arrived = self._arrived, []
        self._take(arrived)

    def _take(self, asked: Sequence[Asked]) -> None:
        """Take these, each step for all of them before the next: one report after another costs a quarter more."""
        answered: Answered = []
        try:
            asked = self._admit(asked, answered)  # once for each, or a bug of one would use up the others' quota
        except Exception:
            log.exception("a bug met the doors")
            asked, answered = [], [(request, n, Broken()) for _, request, n in asked]
        worded = self._word_each(asked, answered)
        for request, n, answer in answered:
            request.put(n, answer)
        self._append(worded)

    def _admit(self, asked: Sequence[Asked], answered: Answered) -> list[Asked]:
        """The reports that there is room for; the others are answered."""
        found, is_limited = [], self._admission.asks
        for one in asked:
            body, request, n = one
            if len(body) > REPORT_BYTES:
                errors = [Wrong("$", "too_large", f"at most {REPORT_BYTES} bytes a report")]
                answered.append((request, n, Rejected(errors)))
            elif is_limited(request.rate) and (none := self._room(body, request)):
                answered.append((request, n, none))
            else:
                found.append(one)
        return found

    def _word_each(self, asked: Sequence[Asked], answered: Answered) -> list[tuple[Whose, wire.Worded]]:
        """Those that are accepted, as records; the others are answered. A bug of one is no other's."""
        refused: Answered = []
        try:
            worded = self._word(*self._read(asked, refused), refused)
        except Exception:
            if len(asked) > 1:
                return [record for one in asked for record in self._word_each([one], answered)]
            log.exception("a bug met a report")
            refused, worded = [(*asked[0][1:], Broken())], []
        answered += refused
        return worded

    def _read(self, asked: Sequence[Asked], answered: Answered) -> Read:
        """The reports that can be read, and whose they are; the others are answered."""
        reports: list[ReportSaid] = []
        whose: list[Whose] = []
        for (_, request, n), said in zip(asked, parse.reports([body for body, _, _ in asked]), strict=True):
            if isinstance(said, ReportSaid):
                reports.append(said)
                whose.append((request, n))
            else:
                answered.append((request, n, Rejected(said)))
        return reports, whose

    def _room(self, body: bytes, request: Request) -> NoRoom | None:
        """Why there is no room for this report, from no more than a glance at it; None where there is."""
        glimpse, grid = parse.glance(body), -1
        if glimpse.place and self._admission.asks_for_grids():
            grid = self._city.owners.at(glimpse.place.lon, glimpse.place.lat)
        lane, _ = self._class(glimpse.category)
        why = self._admission.take(request.client, request.rate, lane, grid, time.monotonic())
        return NoRoom(why, lane) if why else None

    def _word(
        self, read: Sequence[ReportSaid], readers: Sequence[Whose], answered: Answered
    ) -> list[tuple[Whose, wire.Worded]]:
        """Those that are accepted, as records; the others are answered."""
        now, terms = self._clock.now(), self._terms
        said: list[ReportSaid] = []
        sinces: list[timedelta] = []
        whose: list[Whose] = []
        fronts: list[wire.Front] = []
        classes: list[str] = []
        for report, theirs, since, grid in zip(read, readers, all_seen(read, now), self._grids(read), strict=True):
            request, n = theirs
            rejections = accept(report, since, grid >= 0, request.has_key, now, terms)
            if report.pictures:
                rejections += unnamed([self._references.read(p, request.source, now) for p in report.pictures])
            if rejections:
                errors = [Wrong(r.field, r.reason, r.text) for r in rejections]
                answered.append((request, n, Rejected(errors)))
            else:
                said.append(report)
                sinces.append(since)
                whose.append(theirs)
                lane, class_ = self._class(report.category)
                fronts.append(self._front(request.source, lane, self._areas[grid]))
                classes.append(class_)
        records = wire.word(said, sinces, fronts, classes, now, self._seal)
        if log.isEnabledFor(logging.DEBUG):
            for _, _, _, own, _ in records:
                log.debug("worded", extra={"signal": own})
        return list(zip(whose, records, strict=True))

    def _grids(self, read: Sequence[ReportSaid]) -> Sequence[int]:
        """The index of the grid that each lies in, -1 outside all and without a position."""
        if len(read) < _FEW:
            return [self._city.owners.at(p.lon, p.lat) if (p := said.place) else -1 for said in read]
        places = [said.place for said in read]
        lons, lats = [p.lon if p else nan for p in places], [p.lat if p else nan for p in places]
        return self._city.locate(lons, lats).tolist()

    def _append(self, worded: Sequence[tuple[Whose, wire.Worded]]) -> None:
        """Give them to the producers of their lanes, those of one partition together."""
        runs: dict[tuple[str, int], tuple[Run, list[Record]]] = {}
        for (request, n), (front, partition, client_id, own, record) in worded:
            found = runs.get((front.topic, partition))
            if found is None:
                found = runs[front.topic, partition] = Run(front.lane, self._token), []
            run, records = found
            run.whose.append((request, n, client_id, own))
            records.append(record)
        for (topic, partition), (run, records) in runs.items():
            try:
                self._producers[run.lane].append(topic, partition, records, run.settle)
            except Exception:
                log.exception("a bug met records")
                run.settle(0, len(records), Unknown("a fault of ours"))

    def _class_of(self, said: str) -> tuple[Lane, str]:
        """How urgent this class is, and its key; of a word that the code book does not have, none."""
        category = self._city.category(said)
        return self._city.lane(said), category.key if category else ""

    def _new_front(self, source: str, lane: Lane, area: str) -> wire.Front:
        return wire.front(source, lane, area, self._city.version, self._partitions[topics.signals(lane)])
