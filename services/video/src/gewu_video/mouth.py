"""Says signals until each has its ack: what a camera saw is in no other memory than this process's."""

import asyncio
import logging
import random
from collections.abc import Mapping

from gewu.lane import Lane
from gewu.runtime.producer import Fault, Producer, say
from gewu_video.metrics import Metrics
from gewu_video.wire import Said

log = logging.getLogger(__name__)

MOST_WAITING = 1000
_PAUSE_S, _LONGEST_S = 0.5, 30.0


class Mouth:
    """Each signal is repeated under its own id, with growing pauses; beyond MOST_WAITING new ones are lost and counted."""

    def __init__(self, producers: Mapping[Lane, Producer], metrics: Metrics) -> None:
        self._producers, self._metrics = producers, metrics
        self._saying: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Signals without an ack."""
        return len(self._saying)

    def say(self, said: Said) -> None:
        """Take it; never waits."""
        if len(self._saying) >= MOST_WAITING:
            self._metrics.signals.labels(said.kind, "lost").inc()
            log.error("a signal is lost: too many wait for the broker", extra={"topic": said.topic})
            return
        task = asyncio.get_running_loop().create_task(self._until_acked(said))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def stop(self) -> None:
        """Give what waits a moment; what is left then is lost with this process, and counted."""
        if self._saying:
            _, left = await asyncio.wait(self._saying, timeout=5.0)
            for task in left:
                task.cancel()
            if left:
                log.error("stopped with signals unsaid", extra={"signals": len(left)})

    async def _until_acked(self, said: Said) -> None:
        pause = _PAUSE_S
        while True:
            try:
                await say(self._producers[said.lane], said.topic, said.partition, said.record)
            except Fault as fault:
                self._metrics.signals.labels(said.kind, "again").inc()
                log.warning("no ack, it is said again: %r", fault, extra={"topic": said.topic})
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 2, _LONGEST_S)
            else:
                self._metrics.signals.labels(said.kind, "acked").inc()
                return
