"""From a client's last id to the present: what it missed, out of memory or out of the log, then the hub; or a reset."""

import asyncio
import logging

from aiokafka.errors import KafkaError

from gewu_notify.live.event import id_line, vector
from gewu_notify.live.feed import Cut, Feed
from gewu_notify.live.hub import Client, chunk
from gewu_notify.metrics import Ended, LiveMetrics

log = logging.getLogger(__name__)

RESET = b"event: reset\ndata: {}\n"  # the id follows: what comes after it is heard, what was before must be asked for
_RETRY = b"retry: 2000\n"
_AHEAD_S = 5.0  # how long a process that is behind another waits to catch up with it
_UNREAD = 128 * 1024  # bytes that a client may have unread while it catches up
_DRAIN_S = 30.0


class Attend:
    """Brings clients to the hub."""

    def __init__(self, feed: Feed, metrics: LiveMetrics) -> None:
        self._feed, self.hub, self._metrics = feed, feed.hub, metrics

    async def attend(self, client: Client, since: str | None) -> None:
        """From `since`, an id of the feed, or from now on."""
        try:
            if since is None:
                await self._warm()
                self.hub.join(client, _RETRY)
            elif not await self._caught_up(client, since):
                self._metrics.resets.inc()
                self.hub.join(client, _RETRY + RESET)
        except KafkaError as fault:
            log.warning("a client could not catch up: %r", fault)
            client.end(Ended.FEED)  # it comes again with the same id

    async def _warm(self) -> None:
        while not self._feed.is_warm:  # noqa: ASYNC110  some tenths of a second, once in a process's life
            await asyncio.sleep(0.05)

    async def _caught_up(self, client: Client, text: str) -> bool:
        """Whether the client heard everything since this id and has joined; False where that cannot be had."""
        await self._warm()
        since = vector(text, self.hub.partitions)
        if since is None or not await self.hub.reached(since, _AHEAD_S):
            return False
        client.write(chunk(_RETRY))
        try:
            while not await self._from_memory(client, since):
                until = list(self.hub.ends)
                async for events in self._feed.replay(since, until):
                    parts = []
                    for event in events:
                        since[event.partition] = event.offset + 1
                        if told := client.wanted.told(event):
                            parts += (id_line(since), told)
                    await self._write(client, b"".join(parts))
                since[:] = until
        except Cut:
            return False
        return True

    async def _from_memory(self, client: Client, since: list[int]) -> bool:
        """Whether what was missing stood in memory, and the client has joined."""
        number = self.hub.oldest
        while self.hub.remembers(since):
            found = self.hub.piece(number, since, client.wanted)
            if found is None:
                return False
            number, said = found
            if number == self.hub.next:
                # No await from here to the hub: nothing can come in between.
                if said:
                    client.write(chunk(said))
                self.hub.join(client)
                return True
            await self._write(client, said)
        return False

    async def _write(self, client: Client, said: bytes) -> None:
        """Write, and wait until the client has taken most of it."""
        if said:
            client.write(chunk(said))
        end = asyncio.get_running_loop().time() + _DRAIN_S
        await asyncio.sleep(0)
        while client.unread() > _UNREAD:
            if asyncio.get_running_loop().time() > end:
                client.end(Ended.TOO_SLOW)
            await asyncio.sleep(0.01)  # ends here when the client is gone: its task is cancelled
