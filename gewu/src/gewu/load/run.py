"""A run: has each request leave when it is due, and books what came of it, for the report and for the judge."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gewu.dev.door import Word
from gewu.dev.ledger import OK, REJECTED, UNKNOWN, Ledger
from gewu.load import answers
from gewu.load.bodies import Bodies, Body
from gewu.load.book import Book
from gewu.load.connections import Connections, Ended, Exchange
from gewu.load.schedule import Arrival, Step, arrivals
from gewu.load.tally import Tally

_ROOM = 100_000  # reports that wait for a connection, at most
_BREATH = 16  # requests that leave in a row, at most, before answers are read again
_LOOK_S = 1.0
_TICK_S = 0.001  # requests leave up to this late: uvloop spins for shorter sleeps, and takes a core from who is tested
_DRAIN_POLL_S = 0.02
_OUTCOMES = {Word.ACCEPTED: OK, Word.UNKNOWN: UNKNOWN}


@dataclass(frozen=True, slots=True)
class Target:
    """Where reports go and who brings them: `source` is the ledger's name for the holder of this secret."""

    url: str
    secret: str
    source: str


@dataclass(frozen=True, slots=True)
class Mix:
    """How reports travel: this share in batches of so many lines; over at most so many connections, each with this
    patience for its answer."""

    share: float = 0.0
    lines: int = 50
    connections: int = 256
    patience: float = 15.0


class Load:
    """One run. `book` grows while it goes; `stop` ends it early, and what is under way may still be answered."""

    def __init__(self, target: Target, steps: Sequence[Step], mix: Mix, bodies: Bodies, ledger: Ledger) -> None:
        self._url, self._steps, self._mix, self._bodies = target.url, steps, mix, bodies
        self._heads = {batch: request_head(target, batch) for batch in (False, True)}
        self._stopped, self._hurried = asyncio.Event(), False
        self._told: list[tuple[str, str, str]] = []  # outcomes of this turn of the loop
        self._fault: BaseException | None = None
        self.ledger, self.source = ledger, target.source
        self.book = Book(steps)
        self.cut_short = False

    def stop(self) -> None:
        """Send nothing more; said twice, wait for no answer either."""
        self._hurried = self.cut_short
        self.cut_short = True
        self._stopped.set()

    async def run(self, look: Callable[[float, Tally, int], None] | None = None) -> None:
        """Returns when every request has its end. Every second `look` hears the time, what came since it last did, and
        how many reports wait for a connection."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._on_fault)
        try:
            async with Connections(self._url, self._mix.connections, self._mix.patience, _ROOM) as connections:
                self._connections, self._start = connections, loop.time()
                watching = asyncio.create_task(self._watch(look)) if look else None
                driving = asyncio.create_task(self._drive())
                stopping = asyncio.create_task(self._stopped.wait())
                await asyncio.wait([driving, stopping], return_when=asyncio.FIRST_COMPLETED)
                driving.cancel()
                await self._drain()
                side = [task for task in (watching, stopping) if task]
                for task in side:
                    task.cancel()
                await asyncio.gather(driving, *side, return_exceptions=True)
        finally:
            self._write_told()
            loop.set_exception_handler(None)
        if fault := self._fault or (None if driving.cancelled() else driving.exception()):
            raise fault

    async def _drive(self) -> None:
        clock, row = asyncio.get_running_loop().time, 0
        for arrival in arrivals(self._steps, self._mix.share, self._mix.lines):
            due = self._start + arrival.due
            while (ahead := due - clock()) > 0:
                row = 0
                await asyncio.sleep(max(ahead, _TICK_S))
            row += 1
            if row % _BREATH == 0:
                await asyncio.sleep(0)
            self._put(arrival, due, max(0.0, clock() - due))

    def _put(self, arrival: Arrival, due: float, late: float) -> None:
        bodies = self._bodies.draw(arrival.reports)
        self.book.offer(arrival.due, arrival.step, arrival.reports, late)
        payload = b"\n".join(body.line for body in bodies)
        data = b"%b%d\r\n\r\n%b" % (self._heads[arrival.reports > 1], len(payload), payload)
        self._connections.submit(_Request(data, due, arrival, bodies, self))

    async def _drain(self) -> None:
        """Until all have their ends; what has not left when a run is cut short never does."""
        while not self._connections.at_rest and not self._hurried and not self._fault:
            if self.cut_short:
                self._connections.drop_waiting()
            await asyncio.sleep(_DRAIN_POLL_S)

    async def _watch(self, look: Callable[[float, Tally, int], None]) -> None:
        clock, number = asyncio.get_running_loop().time, 0
        while True:
            number += 1
            await asyncio.sleep(max(0.0, self._start + number * _LOOK_S - clock()))
            look(number * _LOOK_S, self.book.look(), self._connections.waiting)

    def tell(self, outcomes: Sequence[tuple[str, str, str]]) -> None:
        """These stand in the ledger at the end of this turn of the loop: a write for each costs as much as its request."""
        if not self._told:
            asyncio.get_running_loop().call_soon(self._write_told)
        self._told += outcomes

    def _write_told(self) -> None:
        told, self._told = self._told, []
        try:
            if told:
                self.ledger.outcomes(told)
        except OSError as fault:
            self.fail(fault)

    def fail(self, fault: BaseException) -> None:
        """The ledger cannot be written, or we have a bug: what would come after it is worth nothing."""
        self._fault = self._fault or fault
        self._stopped.set()

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if fault := context.get("exception"):
            self.fail(fault)
        else:
            loop.default_exception_handler(context)


class _Request(Exchange):
    """One of the run's requests: stands in the ledger before it leaves, and is booked at its end."""

    __slots__ = ("_arrival", "_bodies", "_has_gone", "_load")

    def __init__(self, data: bytes, due: float, arrival: Arrival, bodies: Sequence[Body], load: Load) -> None:
        super().__init__(data, due, len(bodies))
        self._arrival, self._bodies, self._load, self._has_gone = arrival, bodies, load, False

    def going(self) -> None:
        load, arrival = self._load, self._arrival
        try:
            load.ledger.sending(((body.id, body.lane) for body in self._bodies), load.source)
        except OSError as fault:
            load.fail(fault)
            raise  # whoever sends must not
        load.book.sent(arrival.due, arrival.step, arrival.reports)
        self._has_gone = True

    def ended(self, ended: Ended) -> None:
        try:
            self._settle(ended)
        except BaseException as fault:  # event loops keep some of these to themselves
            self._load.fail(fault)
            raise

    def _settle(self, ended: Ended) -> None:
        load, arrival = self._load, self._arrival
        found = answers.of(ended, arrival.reports, arrival.reports > 1)
        load.book.settle(arrival.due, arrival.step, asyncio.get_running_loop().time() - self.due, found)
        if self._has_gone:
            # A refusal says that nothing was taken: the judge holds intake to it as to a rejection.
            word = _OUTCOMES.get
            load.tell([(b.id, word(s.word, REJECTED), s.signal_id) for b, s in zip(self._bodies, found, strict=True)])  # type: ignore[call-overload]


def request_head(target: Target, batch: bool) -> bytes:
    """The head of a request to one of the two doors, up to the body's length."""
    parts = urlsplit(target.url)
    host, path = parts.netloc.rpartition("@")[2].encode(), parts.path.rstrip("/").encode()
    door, kind = (b"/v1/reports:batch", b"application/x-ndjson") if batch else (b"/v1/reports", b"application/json")
    secret = target.secret.encode()
    head = b"POST %b%b HTTP/1.1\r\nhost: %b\r\nauthorization: Bearer %b\r\ncontent-type: %b\r\ncontent-length: "
    return head % (path, door, host, secret, kind)
