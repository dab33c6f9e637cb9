"""From MQTT to Kafka: each reading is acknowledged to the broker after Kafka's ack, in the order in which it came.

What cannot be taken now is not acknowledged, and MQTT has no word for that: the connection is ended, and after a pause the
broker says everything again that has no acknowledgement. Nothing that came behind is taken meanwhile, so that a sensor's
readings stand in the log in their order; some stand there twice, which their counter shows.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress

from gewu.city import City
from gewu.clock import Clock
from gewu.lane import Lane
from gewu.runtime.health import Health
from gewu.runtime.producer import Fault, Producer, TooLarge, Unknown
from gewu_intake.domain.reading import Refusal, observed
from gewu_intake.metrics import BridgeMetrics, Taken
from gewu_intake.mqtt.client import Away, Link, Message
from gewu_intake.mqtt.reading import Refused, parse
from gewu_intake.wire import Readings

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0
_PATIENCE_S = 10.0
_CALM_S = 5.0  # a connection that lasted so long begins with the first pause again
_LAST_ACKS_S = 3.0
_TRIES = 3
Connect = Callable[[], AbstractAsyncContextManager[Link]]


class Bridge:
    """The one bridge of a city: a second one under its client id takes the session over, and the readings with it."""

    def __init__(
        self, city: City, producers: Mapping[Lane, Producer], clock: Clock, connect: Connect, window: int,
        metrics: BridgeMetrics, health: Health,
    ) -> None:  # fmt: skip
        self._city, self._clock, self._connect, self._window = city, clock, connect, window
        self._producers, self._metrics, self._health = producers, metrics, health
        self._readings = Readings(city)
        self._suspected: tuple[tuple[str, bytes], int] = ("", b""), 0

    async def run(self) -> None:
        """Connect, serve, and connect again with growing pauses, for as long as this runs."""
        pause, now = FIRST_PAUSE_S, asyncio.get_running_loop().time
        while True:
            begun = now()
            try:
                async with self._connect() as link:
                    self._health.good("mqtt")
                    self._metrics.up.set(1)
                    await self._serve(link)
            except Away as fault:
                log.warning("no sensors are heard: %s", fault)
                self._health.bad("mqtt", str(fault), _PATIENCE_S)
            finally:
                self._metrics.up.set(0)
                self._metrics.unacked.set(0)
            pause = FIRST_PAUSE_S if now() - begun > _CALM_S else min(pause * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(random.uniform(pause / 2, pause))

    async def _serve(self, link: Link) -> None:
        serving = Serving(link, self._window, self._metrics)
        tasks = [
            asyncio.ensure_future(work) for work in (self._listen(serving), serving.acknowledge(), serving.broken())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except asyncio.CancelledError:
            tasks[0].cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_ACKS_S):
                    await serving.emptied()
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, serving: "Serving") -> None:
        while True:
            message = await serving.link.next()
            await serving.room()
            if serving.fault is None:
                waiting = serving.expect(message)
                try:
                    self._take(serving, waiting)
                except Exception:
                    log.exception("a bug met a reading")
                    self._suspect(serving, waiting)

    def _take(self, serving: "Serving", waiting: "Waiting") -> None:
        """Append the reading, or have it refused; either way it has its place among those to be acknowledged."""
        message = waiting.message
        found = parse(message.topic, message.payload, self._city)
        if isinstance(found, Refused):
            self._refuse(serving, waiting, found)
            return
        sensor, said = found
        now = self._clock.now()
        topic, partition, lane, record = self._readings.word(sensor, said, observed(said, now), now)

        def done(_first: int, _end: int, fault: Fault | None) -> None:
            if isinstance(fault, TooLarge):
                self._refuse(serving, waiting, Refused(Refusal.TOO_LARGE, str(fault), sensor.id))
            else:
                serving.settle(waiting, fault)

        self._producers[lane].append(topic, partition, [record], done)

    def _suspect(self, serving: "Serving", waiting: "Waiting") -> None:
        """A bug of ours is first taken for passing, then for the reading's fault, or it would be in the way for ever."""
        seen, times = self._suspected
        own = waiting.message.topic, waiting.message.payload
        self._suspected = own, times + 1 if seen == own else 1
        if self._suspected[1] < _TRIES:
            serving.settle(waiting, Unknown("a fault of ours"))
        else:
            self._refuse(serving, waiting, Refused(Refusal.UNEXPECTED, "a fault of ours"))

    def _refuse(self, serving: "Serving", waiting: "Waiting", refused: Refused) -> None:
        log.info("a reading is refused: %s", refused.text, extra={"why": str(refused.why), "sensor": refused.sensor_id})
        self._metrics.refused[refused.why].inc()
        waiting.answer = refused
        serving.settle(waiting, None)


class Waiting:
    """A message on its way to Kafka. answer: what is said to its sensor, where it was refused."""

    __slots__ = ("answer", "is_settled", "message")

    def __init__(self, message: Message) -> None:
        self.message, self.is_settled = message, False
        self.answer: Refused | None = None


class Serving:
    """One connection's messages without an acknowledgement, in the order in which they came."""

    def __init__(self, link: Link, window: int, metrics: BridgeMetrics) -> None:
        self.link = link
        self.fault: Fault | None = None
        self._room, self._metrics = asyncio.Semaphore(window), metrics
        self._empty = asyncio.Event()
        self._waiting: deque[Waiting] = deque()
        self._moved, self._broken = asyncio.Event(), asyncio.Event()

    def expect(self, message: Message) -> Waiting:
        """One more."""
        waiting = Waiting(message)
        self._waiting.append(waiting)
        self._metrics.unacked.set(len(self._waiting))
        return waiting

    def settle(self, waiting: Waiting, fault: Fault | None) -> None:
        """Kafka has it; or not, and then nothing more is taken on this connection."""
        if fault is None:
            waiting.is_settled = True
            self._moved.set()
        elif self.fault is None:
            self.fault = fault
            self._broken.set()

    async def room(self) -> None:
        """Return when fewer than the window wait for Kafka."""
        await self._room.acquire()

    async def broken(self) -> None:
        """Away, as soon as one of them could not be taken."""
        await self._broken.wait()
        self._metrics.taken[Taken.AGAIN].inc(len(self._waiting))
        raise Away(f"Kafka has not acknowledged {len(self._waiting)} readings, they come again: {self.fault}")

    async def emptied(self) -> None:
        """Return when all are acknowledged."""
        if self._waiting:
            self._empty.clear()
            await self._empty.wait()

    async def acknowledge(self) -> None:
        """Acknowledge what is settled, in order, for as long as this runs: MQTT asks for the order of receipt."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            while self._waiting and self._waiting[0].is_settled:
                waiting = self._waiting[0]
                if waiting.answer is not None:
                    await self._answer(waiting.answer)
                await self.link.ack(waiting.message)
                self._metrics.taken[Taken.REFUSED if waiting.answer else Taken.ACCEPTED].inc()
                self._waiting.popleft()
                self._room.release()
                if not self._waiting:
                    self._empty.set()
                self._metrics.unacked.set(len(self._waiting))

    async def _answer(self, refused: Refused) -> None:
        if refused.sensor_id:
            await self.link.answer(f"sensors/{refused.sensor_id}/refused", refused.payload)
