"""What happens with a report that arrives: parse, decide, word, append; the answer waits for the broker's ack."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gewu import ids, topics
from gewu.city import City, Grid
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.runtime import link
from gewu.runtime.contact import Sealed
from gewu.runtime.keys import Key
from gewu.runtime.problem import Wrong
from gewu.runtime.producer import Fault, Producer, TooLarge, Unknown
from gewu_intake import parse, wire
from gewu_intake.domain.report import ReportSaid, accept

REPORT_BYTES = 32 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has it. `id`: the client's own or the one made for it."""

    id: str
    signal_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It is wrong, and this is everything that is."""

    errors: list[Wrong]


@dataclass(frozen=True, slots=True)
class Unsaid:
    """No ack. `unknown`: it may have landed all the same; a repeat under the same id is harmless."""

    id: str
    unknown: bool
    why: str


Answer = Accepted | Rejected | Unsaid


class Handlers:
    """Takes reports for one city."""

    def __init__(
        self, city: City, producers: Mapping[Lane, Producer], clock: Clock, link_secret: bytes,
        seal: Callable[[bytes], Sealed] | None,
    ) -> None:  # fmt: skip
        self._city, self._producers, self._clock = city, producers, clock
        self._link_secret, self._seal = link_secret, seal
        self._partitions = {t.name: t.partitions for t in topics.registry([])}
        self._no_position_area = city.grid(city.no_position_grid).path[0] if city.no_position_grid else ""

    def on_report(self, body: bytes, key: Key | None, answer: Callable[[Answer], None]) -> None:
        """Take one report; `answer` is called once, now or after the ack."""
        if len(body) > REPORT_BYTES:
            answer(Rejected([Wrong("$", "too_large", f"at most {REPORT_BYTES} bytes a report")]))
            return
        said = parse.report(body)
        if isinstance(said, list):
            answer(Rejected(said))
            return
        self._take(said, key, answer)

    async def on_lines(self, lines: list[bytes], key: Key | None) -> list[Answer]:
        """Take many; every line gets its own answer, in order."""
        found: list[Answer | None] = [None] * len(lines)
        left = len(lines)
        all_there = asyncio.get_running_loop().create_future()

        def put(n: int) -> Callable[[Answer], None]:
            def answer(a: Answer) -> None:
                nonlocal left
                found[n] = a
                left -= 1
                if not left and not all_there.done():
                    all_there.set_result(None)

            return answer

        for n, line in enumerate(lines):
            self.on_report(line, key, put(n))
        if lines:
            await all_there
        return [a for a in found if a is not None]

    def _take(self, said: ReportSaid, key: Key | None, answer: Callable[[Answer], None]) -> None:
        now = self._clock.now()
        grid = self._grid_at(said.place.lon, said.place.lat) if said.place else None
        rejections = accept(
            said, grid=grid.id if grid else None, grid_without_position=self._city.no_position_grid, has_key=key is not None,
            takes_contact=self._seal is not None,
            now=now,
        )  # fmt: skip
        if rejections:
            answer(Rejected([Wrong(r.field, r.reason, r.text) for r in rejections]))
            return
        lane = self._city.lane(said.category)
        context = wire.Context(
            source=f"key:{key.id}" if key else ids.ANONYMOUS, lane=lane, package_version=self._city.version, now=now,
            home_area=grid.path[0] if grid else self._no_position_area,
        )  # fmt: skip
        worded = wire.word(said, context, self._seal, self._partitions[topics.signals(lane)])
        if log.isEnabledFor(logging.DEBUG):
            log.debug("worded", extra={"signal": worded.signal_id})
        self._say(worded, answer)

    def _grid_at(self, lon: float, lat: float) -> Grid | None:
        index = int(self._city.locate([lon], [lat])[0])
        return self._city.grids[index] if index >= 0 else None

    def _say(self, worded: wire.Worded, answer: Callable[[Answer], None]) -> None:
        def done(fault: Fault | None) -> None:
            if fault is None:
                log.debug("accepted", extra={"signal": worded.signal_id})
                answer(Accepted(worded.client_id, worded.signal_id, link.token(self._link_secret, worded.signal_id)))
            else:
                answer(Unsaid(worded.client_id, isinstance(fault, Unknown), str(fault)))

        try:
            self._producers[worded.lane].append(
                worded.topic, worded.partition, worded.key, worded.value, worded.headers, done
            )
        except TooLarge as fault:
            answer(Rejected([Wrong("$", "too_large", str(fault))]))
        except Fault as fault:
            answer(Unsaid(worded.client_id, False, str(fault)))
