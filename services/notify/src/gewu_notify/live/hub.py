"""Who listens, and what was said last: each event goes to all clients with the same filter as one and the same bytes.

The order of events is that in which this process read them. An id is the vector of next offsets in that order, so what a
client has heard of can be named to any other process, whose order is another.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gewu_notify.live.event import Event, Wanted, id_line
from gewu_notify.metrics import Ended, LiveMetrics

EVENTS = 20_000  # remembered, so that who comes back soon needs no look into the log
_CUT = 2_000  # that many are forgotten at once
PIECE = 500  # events of a replay that are written at once
# A flush to a thousand clients takes some milliseconds however little is said: twice its own time passes until the next.
REST, LONGEST_REST_S = 2.0, 0.025
BEHIND_BYTES = 1024 * 1024  # that a client may leave unread before it is ended; it comes back with its id


class Client(Protocol):
    """A connection of the live feed."""

    wanted: Wanted

    def write(self, said: bytes) -> None:
        """Send; the bytes may be everybody's."""

    def unread(self) -> int:
        """Bytes that it has not taken yet."""

    def end(self, why: Ended) -> None:
        """End it in order."""


class Hub:
    """The clients of this process, and the last events."""

    def __init__(self, partitions: int, metrics: LiveMetrics) -> None:
        self.partitions, self._metrics = partitions, metrics
        self.ends = [0] * partitions  # next offsets
        self.first = [0] * partitions  # from where on of each partition everything is remembered
        self._events: list[tuple[bytes, Event]] = []  # with the id after each
        self._begins = 0  # number of the oldest that is remembered
        self._groups: dict[Wanted, dict[Client, None]] = {}
        self._pending: list[tuple[bytes, Event]] = []
        self._not_before = 0.0  # of the next flush, on the loop's clock
        self._moved: asyncio.Event = asyncio.Event()

    @property
    def next(self) -> int:
        """Number of the event that comes next."""
        return self._begins + len(self._events)

    def clients(self) -> int:
        """How many listen, those that are still catching up not counted."""
        return sum(len(group) for group in self._groups.values())

    def begin(self, ends: Sequence[int]) -> None:
        """The log is read from here on; whoever listened to another past is ended."""
        self.end_all(Ended.FEED)
        self.ends, self.first = list(ends), list(ends)
        self._begins, self._events, self._pending = self.next, [], []

    def publish(self, events: Sequence[Event]) -> None:
        """These came. They are written together with what else comes until then."""
        if not events:
            return
        if not self._pending:
            self._flush_soon()
        for event in events:
            self.ends[event.partition] = event.offset + 1
            said = (id_line(self.ends), event)
            self._events.append(said)
            self._pending.append(said)
        self._metrics.events.inc(len(events))
        if len(self._events) > EVENTS + _CUT:
            for _, event in self._events[:_CUT]:
                self.first[event.partition] = event.offset + 1
            del self._events[:_CUT]
            self._begins += _CUT
        self._wake()

    def passed(self, partition: int, end: int) -> None:
        """Everything before `end` was published, but for records that are no events: nobody hears of those, and they are
        behind us. Called after what stood before them, for an id never goes back."""
        if end > self.ends[partition]:
            self.ends[partition] = end
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def _flush_soon(self) -> None:
        """At once when it was quiet; under load what comes while the last writes are paid for goes out together."""
        loop = asyncio.get_running_loop()
        loop.call_at(max(loop.time(), self._not_before), self._flush_now)

    def _flush_now(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        loop.call_soon(self._rest, began)  # uvloop writes at the end of this turn, which is most of the work
        self.flush()

    def _rest(self, began: float) -> None:
        now = asyncio.get_running_loop().time()
        self._not_before = now + min(REST * (now - began), LONGEST_REST_S)

    def flush(self) -> None:
        """Write what is pending: joined once for each filter."""
        pending, self._pending = self._pending, []
        for wanted, group in list(self._groups.items()):
            own = [part for said, event in pending if (told := wanted.told(event)) for part in (said, told)]
            if not own:
                continue
            piece = chunk(b"".join(own))
            for client in list(group):
                client.write(piece)
                if client.unread() > BEHIND_BYTES:
                    client.end(Ended.TOO_SLOW)
            self._metrics.delivered.inc(len(own) // 2 * len(group))

    def join(self, client: Client, first: bytes = b"") -> None:
        """It hears what comes from now on. first: what it is told before."""
        if self._pending:
            self.flush()  # it is behind what was published already
        client.write(chunk(first + id_line(self.ends) + b"\n"))
        self._groups.setdefault(client.wanted, {})[client] = None
        self._count()

    def leave(self, client: Client) -> None:
        """It is gone."""
        group = self._groups.get(client.wanted)
        if group is not None:
            group.pop(client, None)
            if not group:
                del self._groups[client.wanted]
        self._count()

    def beat(self, still_may: Callable[[Client], bool]) -> None:
        """Say that we are here, and up to where everything was told; end who may not listen any more."""
        self.flush()
        piece = chunk(b": here\n" + id_line(self.ends) + b"\n")
        for client in self._everybody():
            if still_may(client):
                client.write(piece)
            else:
                client.end(Ended.KEY)

    def end_all(self, why: Ended) -> None:
        """End everybody."""
        for client in self._everybody():
            client.end(why)

    def remembers(self, since: Sequence[int]) -> bool:
        """Whether everything after these offsets is in memory."""
        return all(have <= asked for have, asked in zip(self.first, since, strict=True))

    def piece(self, number: int, since: list[int], wanted: Wanted) -> tuple[int, bytes] | None:
        """What is remembered from this number on, some of it, of what `since` has not passed; and the number that follows.

        `since` moves on. None where it was forgotten meanwhile. The ids are those of the client's own way.
        """
        at = number - self._begins
        if at < 0:
            return None
        found = []
        for _, event in self._events[at : at + PIECE]:
            if event.offset >= since[event.partition]:
                since[event.partition] = event.offset + 1
                if told := wanted.told(event):
                    found += (id_line(since), told)
        return min(number + PIECE, self.next), b"".join(found)

    @property
    def oldest(self) -> int:
        """Number of the oldest event that is remembered."""
        return self._begins

    async def reached(self, since: Sequence[int], seconds: float) -> bool:
        """Wait until this process has read as far as that: another may have been faster."""
        try:
            async with asyncio.timeout(seconds):
                while any(have < asked for have, asked in zip(self.ends, since, strict=True)):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    def _everybody(self) -> list[Client]:
        return [client for group in self._groups.values() for client in group]

    def _count(self) -> None:
        self._metrics.clients.set(self.clients())


def chunk(said: bytes) -> bytes:
    """As HTTP/1.1 sends a body whose length is not known."""
    return b"%x\r\n%b\r\n" % (len(said), said)
