"""What happens with a report that arrives: parse, decide, word, append; the answer waits for the broker's ack."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import msgspec

from gewu import ids, topics
from gewu.city import City
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.runtime.contact import Sealed
from gewu.runtime.keys import Key
from gewu.runtime.link import Links
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Fault, Producer, TooLarge, Unknown
from gewu_intake import parse, wire
from gewu_intake.domain.admission import Admission, Shed
from gewu_intake.domain.report import ReportSaid, accept

REPORT_BYTES = 32 * 1024

log = logging.getLogger(__name__)


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The broker has it. `id`: the client's own or the one made for it."""

    id: str
    signal_id: str
    token: str


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """It is wrong, and this is everything that is."""

    errors: list[Wrong]


class Unsaid(msgspec.Struct, frozen=True, gc=False):
    """No ack. `unknown`: it may have landed all the same; a repeat under the same id is harmless."""

    id: str
    unknown: bool
    why: str


class NoRoom(msgspec.Struct, frozen=True, gc=False):
    """It was not looked at: there is no room for it now."""

    why: Shed
    lane: Lane


Answer = Accepted | Rejected | Unsaid | NoRoom


class Handlers:
    """Takes reports for one city."""

    def __init__(
        self, city: City, producers: Mapping[Lane, Producer], clock: Clock, links: Links,
        seal: Callable[[bytes], Sealed] | None, admission: Admission,
    ) -> None:  # fmt: skip
        self._admission = admission
        self._city, self._producers, self._clock = city, producers, clock
        self._links, self._seal = links, seal
        partitions = {t.name: t.partitions for t in topics.registry([])}
        self._partitions = {lane: partitions[topics.signals(lane)] for lane in Lane}
        self._lane = lru_cache(4096)(city.lane)  # people use few words, and each is normalised before it is looked up
        self._no_position_area = city.grid(city.no_position_grid).path[0] if city.no_position_grid else ""

    def on_report(self, body: bytes, key: Key | None, answer: Callable[[Answer], None]) -> None:
        """Take one report; `answer` is called once, now or after the ack."""
        self._on_body(body, _Sender(key), self._clock.now(), answer)

    def on_lines(self, lines: Sequence[bytes], key: Key | None, answer: Callable[[list[Answer]], None]) -> None:
        """Take many; `answer` is called once, when every line has its own, and has them in the lines' order."""
        found: list[Any] = [None] * len(lines)
        left, now, sender = len(lines), self._clock.now(), _Sender(key)

        def put(n: int, a: Answer) -> None:
            nonlocal left
            found[n] = a
            left -= 1
            if not left:
                answer(found)

        for n, line in enumerate(lines):
            self._on_body(line, sender, now, partial(put, n))

    def _on_body(self, body: bytes, sender: "_Sender", now: datetime, answer: Callable[[Answer], None]) -> None:
        if len(body) > REPORT_BYTES:
            answer(Rejected([Wrong("$", "too_large", f"at most {REPORT_BYTES} bytes a report")]))
        elif self._admission.asks(sender.rate) and (none := self._room(body, sender)):
            answer(none)
        elif isinstance(said := parse.report(body), list):
            answer(Rejected(said))
        else:
            self._take(said, sender, now, answer)

    def _room(self, body: bytes, sender: "_Sender") -> NoRoom | None:
        """Why there is no room for this report, from no more than a glance at it; None where there is."""
        seen, grid = parse.glance(body), -1
        if seen.place and self._admission.asks_for_grids():
            grid = self._city.owners.at(seen.place.lon, seen.place.lat)
        lane = self._lane(seen.category)
        why = self._admission.take(sender.client, sender.rate, lane, grid, time.monotonic())
        return NoRoom(why, lane) if why else None

    def _take(self, said: ReportSaid, sender: "_Sender", now: datetime, answer: Callable[[Answer], None]) -> None:
        city, place = self._city, said.place
        grid = city.grid_at(place.lon, place.lat) if place else None
        rejections = accept(
            said, grid=grid.id if grid else None, grid_without_position=city.no_position_grid, has_key=sender.has_key,
            takes_contact=self._seal is not None, now=now,
        )  # fmt: skip
        if rejections:
            answer(Rejected([Wrong(r.field, r.reason, r.text) for r in rejections]))
            return
        lane = self._lane(said.category)
        area = grid.path[0] if grid else self._no_position_area
        context = wire.Context(sender.source, lane, area, city.version, now)
        worded = wire.word(said, context, self._seal, self._partitions[lane])
        if log.isEnabledFor(logging.DEBUG):
            log.debug("worded", extra={"signal": worded.signal_id})
        try:
            self._producers[lane].append(
                worded.topic, worded.partition, worded.key, worded.value, worded.headers,
                partial(self._settle, worded.client_id, worded.signal_id, answer),
            )  # fmt: skip
        except TooLarge as fault:
            answer(Rejected([Wrong("$", "too_large", str(fault))]))
        except Fault as fault:
            answer(Unsaid(worded.client_id, False, str(fault)))

    def _settle(self, client_id: str, signal_id: str, answer: Callable[[Answer], None], fault: Fault | None) -> None:
        """What the broker said of one report."""
        if fault is not None:
            answer(Unsaid(client_id, isinstance(fault, Unknown), str(fault)))
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug("accepted", extra={"signal": signal_id})
        answer(Accepted(client_id, signal_id, self._links.token(signal_id)))


class _Sender:
    """Who sends, as all reports of one request need it."""

    __slots__ = ("client", "has_key", "rate", "source")

    def __init__(self, key: Key | None) -> None:
        self.has_key = key is not None
        self.client, self.rate = (key.id, key.rate) if key else (ids.ANONYMOUS, 0.0)
        self.source = f"key:{key.id}" if key else ids.ANONYMOUS
