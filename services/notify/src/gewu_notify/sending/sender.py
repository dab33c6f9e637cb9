"""Claims notices before they are sent, hands them to their receivers' channels, writes down what came of them.

A process that dies between claim and mark leaves a claim that runs out: the notice goes again, under the same webhook-id.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping

import asyncpg

from gewu.city.model import Receiver
from gewu.clock import SECOND, Clock, micros
from gewu.lane import Lane
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.health import Health
from gewu.runtime.postgres import ACQUIRE_S, is_later
from gewu_notify.domain import attempt
from gewu_notify.domain.attempt import Kind, State
from gewu_notify.metrics import Metrics
from gewu_notify.sending.channel import Channel, Resolver
from gewu_notify.sending.gate import Gate
from gewu_notify.sending.keyring import Keyring
from gewu_notify.settings import Webhooks
from gewu_notify.store import ledger
from gewu_notify.store.ledger import Claimed, Mark

log = logging.getLogger(__name__)

AT_ONCE = 1000  # claims of one transaction
HELD = 8000  # notices that were claimed and are not under way yet, over all receivers
_HELD_FOR_P0 = 1000  # of them
_POLL_S = 0.2  # what another process planned, or what is due again, is seen this soon
_SWEEP_S = 0.25
_GATHER_S, _MANY = 0.02, 250
_PATIENCE_S = 10.0
_LAST_ANSWERS_S = 5.0  # at a stop; what has no answer by then goes again when its claim has run out


class Sender:
    """All receivers of the city."""

    def __init__(
        self, receivers: Mapping[str, Receiver], words: Webhooks, keys: Keyring, lookup: Resolver, clock: Clock,
        health: Health, metrics: Metrics, failpoints: Failpoints,
    ) -> None:  # fmt: skip
        self._clock, self._health, self._metrics, self._failpoints = clock, health, metrics, failpoints
        self._keys, self._words = keys, words
        tls = ssl.create_default_context(cafile=str(words.ca_file) if words.ca_file else None)
        self.gate = Gate()
        self.channels = {
            r.id: Channel(r, words, keys, lookup, tls, self._told, self._untried, self.gate) for r in receivers.values()
        }
        self._disabled: dict[str, str] = {}
        self._gone: dict[str, str] = {}  # said 410 just now
        self._marks: list[Mark] = []
        self._woken = asyncio.Event()
        metrics.know(self.channels)

    def wake(self) -> None:
        """Something was planned."""
        self._woken.set()

    def told(self) -> list[tuple[str, bool]]:
        """The receivers to which something may be sent, and whether that is drills."""
        return [(name, c.receiver.drills) for name, c in self.channels.items() if self._is_told(name)]

    async def run(self, pool: asyncpg.Pool) -> None:
        """Until cancelled: sweep, mark, claim, send."""
        loop = asyncio.get_running_loop()
        swept = 0.0
        while True:
            if loop.time() - swept > _SWEEP_S:
                swept = loop.time()
                self._sweep(swept)
            try:
                full = await self._round(pool)
                self._health.good("sender")
            except Exception as fault:
                if not is_later(fault):
                    raise
                self._health.bad("sender", f"the ledger is away: {fault!r}", _PATIENCE_S)
                full = False
                await asyncio.sleep(1.0)
            if not full:
                # Nobody waits for a mark: they are gathered, so that a commit is of many.
                await self._wait(_GATHER_S if self._marks else _POLL_S)

    async def stop(self, pool: asyncpg.Pool) -> None:
        """Once `run` has ended: give back what waits, let go out what is under way, write down what came of both."""
        for channel in self.channels.values():
            channel.give_back()
        loop = asyncio.get_running_loop()
        end = loop.time() + _LAST_ANSWERS_S
        for channel in self.channels.values():
            while channel.under_way and loop.time() < end:  # noqa: ASYNC110  it is not worth an event of its own
                await asyncio.sleep(0.02)
        await asyncio.gather(*(c.stop() for c in self.channels.values()))
        async with pool.acquire(timeout=ACQUIRE_S) as connection, connection.transaction():
            await ledger.mark(connection, self._marks, micros(self._clock.now()))

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _round(self, pool: asyncpg.Pool) -> bool:
        """One transaction: marks and claims. Whether there may be more to claim at once."""
        self._woken.clear()
        now = micros(self._clock.now())
        room, most, lanes = self._room(now)
        marks, gone = self._marks, dict(self._gone)
        self._marks = []
        lease = 2 * self._words.timeout
        good_until = asyncio.get_running_loop().time() + lease
        try:
            if marks:
                await self._failpoints.reach("sender.before_mark")
            async with pool.acquire(timeout=ACQUIRE_S) as connection, connection.transaction():
                for receiver, url in gone.items():
                    await ledger.disable(connection, receiver, url, now)
                await ledger.mark(connection, marks, now)
                self._disabled = await ledger.disabled(connection)
                claimed = await ledger.claim(connection, room, now, now + int(lease * SECOND), most, lanes)
        except BaseException:
            self._marks = marks + self._marks
            raise
        self._gone = {r: url for r, url in self._gone.items() if r not in gone}
        if claimed:
            await self._failpoints.reach("sender.after_claim")
        for c in claimed:
            self.channels[c.receiver].take(c, good_until)
        for name in {c.receiver for c in claimed}:
            self.channels[name].go()
        return len(claimed) == AT_ONCE

    def _room(self, now: int) -> tuple[list[ledger.Room], int, Lane]:
        """What each receiver has room for, and how many may be claimed in all, of the lanes up to which."""
        room = [
            ledger.Room(name, free, c.receiver.drills)
            for name, c in self.channels.items()
            if self._is_told(name) and (free := c.room(now))
        ]
        free = HELD - sum(c.waiting for c in self.channels.values())
        ordinary = free > _HELD_FOR_P0
        return room, max(0, min(AT_ONCE, free - _HELD_FOR_P0 if ordinary else free)), Lane.P3 if ordinary else Lane.P0

    def _is_told(self, name: str) -> bool:
        """Whether it has a secret and is not disabled at the address that it has now."""
        url = self.channels[name].receiver.url
        return bool(self._keys.of(name)) and url not in (self._disabled.get(name), self._gone.get(name))

    def _told(self, claimed: Claimed, kind: Kind, status: int, retry_after: float, took: float) -> None:
        """How an attempt ended: what follows is decided here and written with the next round."""
        now = micros(self._clock.now())
        follows = attempt.follows(kind, claimed.attempts, now, random.random(), retry_after)
        channel = self.channels[claimed.receiver]
        channel.rest.told(kind, now, follows.rest_until)
        self._metrics.attempted(claimed.receiver, kind)
        self._metrics.time.observe(took)
        if follows.state is State.SENT and not channel.receiver.drills:  # at night a canary's would be all of them
            self._metrics.age.observe(max(0.0, (now - claimed.planned_at) / SECOND))
        if follows.disables:
            self._gone[claimed.receiver] = channel.receiver.url
            log.error("a receiver wants no more webhooks (410)", extra={"receiver": claimed.receiver})
        if follows.state is State.FAILED:
            log.error(
                "a notice is given up",
                extra={"receiver": claimed.receiver, "webhook": claimed.webhook_id, "why": str(kind), "status": status},
            )
        outcome = f"{kind} {status}" if status else str(kind)
        self._mark(claimed.receiver, Mark(claimed.webhook_id, claimed.attempts, follows.state, follows.due_at, outcome))

    def _untried(self, claimed: Claimed) -> None:
        now = micros(self._clock.now())
        self._mark(claimed.receiver, Mark(claimed.webhook_id, claimed.attempts, State.OPEN, now, ""))

    def _mark(self, receiver: str, mark: Mark) -> None:
        self._marks.append(mark)
        if len(self._marks) >= _MANY or self.channels[receiver].is_dry:
            self._woken.set()

    def _sweep(self, loop_now: float) -> None:
        now = micros(self._clock.now())
        self._keys.refresh()
        self._metrics.connections.set(self.gate.taken)
        for name, channel in self.channels.items():
            channel.sweep(loop_now)
            self._metrics.resting.labels(name).set(channel.rest.is_resting(now))
            self._metrics.disabled.labels(name).set(not self._is_told(name))
        if self._keys.faults:
            self._health.bad("secrets", "; ".join(f"{r}: {why}" for r, why in sorted(self._keys.faults.items())[:5]))
        else:
            self._health.good("secrets")
