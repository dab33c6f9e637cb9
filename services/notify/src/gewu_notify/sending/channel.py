"""Everything of one receiver: what waits for it, its connections, and whether it is left alone for now.

Nothing here is shared with another receiver but the threads that look names up, so that none can hold up another.
"""

import asyncio
import heapq
import ssl
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Protocol

from gewu.city.model import Receiver
from gewu.runtime import whsec
from gewu_notify.domain import address
from gewu_notify.domain.address import Forbidden, Target
from gewu_notify.domain.attempt import Kind
from gewu_notify.domain.resting import Rest
from gewu_notify.sending.exchange import Exchange
from gewu_notify.sending.gate import Gate
from gewu_notify.sending.keyring import Keyring
from gewu_notify.settings import Webhooks
from gewu_notify.store.ledger import Claimed

AHEAD = 1000  # claimed beyond what is under way, of a receiver that answers at once
QUICK_S = 0.5
IDLE_S = 30.0  # how long a connection that nobody uses is kept
OLD_S = 300.0  # after this one is not used again: its name may lead elsewhere by now

Told = Callable[[Claimed, Kind, int, float, float], None]  # and: status, Retry-After, seconds that it took


class Resolver(Protocol):
    """What names are looked up with."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """Every address of a name."""


class Channel:
    """One receiver. `told` hears how each attempt ended; untried: claims that cannot be tried before they run out; gate: asked
    before each connection, and left by it."""

    def __init__(
        self, receiver: Receiver, words: Webhooks, keys: Keyring, lookup: Resolver, tls: ssl.SSLContext, told: Told,
        untried: Callable[[Claimed], None], gate: Gate,
    ) -> None:  # fmt: skip
        self.receiver, self.rest = receiver, Rest()
        self._words, self._keys, self._lookup, self._tls = words, keys, lookup, tls
        self._told, self._untried, self._gate = told, untried, gate
        self._waiting: list[tuple[int, int, int, float, Claimed]] = []  # lane, planned at, number, good until, what
        self._numbers = count()
        self._idle: list[tuple[float, Exchange]] = []
        self._busy: set[Exchange] = set()
        self._born: dict[Exchange, float] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._quick = False
        self._target: Target | None = None
        self._why_not = ""
        try:
            self._target = address.target(receiver.url, words.ports, loopback=words.loopback)
        except Forbidden as fault:
            self._why_not = str(fault)

    @property
    def under_way(self) -> int:
        """Attempts that hold a place."""
        return len(self._busy) + len(self._opening)

    @property
    def waiting(self) -> int:
        """Claimed, and not under way yet."""
        return len(self._waiting)

    @property
    def is_dry(self) -> bool:
        """Whether nothing waits here any more, though more might be sent."""
        return not self._waiting

    def room(self, now: int) -> int:
        """How many more may be claimed."""
        most = self.rest.room(self._words.in_flight, now)
        if self._quick and most > 1:
            most += AHEAD
        return max(0, most - self.under_way - len(self._waiting))

    def take(self, claimed: Claimed, good_until: float) -> None:
        """This is ours to send; good_until: when its claim runs out, on the loop's clock."""
        heapq.heappush(self._waiting, (claimed.lane, claimed.planned_at, next(self._numbers), good_until, claimed))

    def go(self) -> None:
        """Send what waits, as far as there are places; where the process has none it is asked again at the next sweep."""
        loop_now = asyncio.get_running_loop().time()
        while self._waiting and self.under_way < self.rest.at_once(self._words.in_flight):
            lane, *_, good_until, claimed = heapq.heappop(self._waiting)
            if loop_now + self._words.timeout > good_until:
                self._untried(claimed)  # it could run out in the middle, and somebody else would send it beside us
            elif self._target is None:
                self._told(claimed, Kind.FORBIDDEN, 0, 0.0, 0.0)
            elif (kept := self._kept(loop_now)) is not None:
                self._send(kept, claimed, loop_now, loop_now + self._words.timeout)
            elif self._gate.enter(lane):
                task = asyncio.create_task(self._open(claimed))
                self._opening.add(task)
            else:
                self.take(claimed, good_until)
                return

    def sweep(self, now: float) -> None:
        """End what is over its time, or nobody uses while others wait, and send what waits; `now` on the loop's clock."""
        for late in [e for e in self._busy if now > e.deadline]:
            late.end(Kind.TIME_OUT)
        stale = [e for since, e in self._idle if now - since > IDLE_S or now - self._born[e] > OLD_S]
        for exchange in [e for _, e in self._idle] if self._gate.is_full else stale:
            exchange.close()
        self.go()

    def give_back(self) -> None:
        """Leave what waits to whoever claims it next."""
        waiting, self._waiting = self._waiting, []
        for *_, claimed in waiting:
            self._untried(claimed)

    async def stop(self) -> None:
        """End what is still under way."""
        self._waiting.clear()
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for exchange in list(self._born):
            exchange.close()

    async def _open(self, claimed: Claimed) -> None:
        """Look the name up, check every address, connect to a checked one, send. The whole has one deadline."""
        loop = asyncio.get_running_loop()
        started, kind, exchange = loop.time(), Kind.UNREACHABLE, None
        try:
            async with asyncio.timeout(self._words.timeout):
                exchange = await self._connect()
        except Forbidden:
            kind = Kind.FORBIDDEN
        except TimeoutError:
            kind = Kind.TIME_OUT
        except (ssl.SSLError, ssl.CertificateError):
            kind = Kind.NO_TLS
        except OSError:
            kind = Kind.UNREACHABLE
        except ValueError:  # a name that is none, such as one with a label of more than 63 letters
            kind = Kind.FORBIDDEN
        finally:
            self._opening.discard(asyncio.current_task())  # type: ignore[arg-type]
            if exchange is None:
                self._gate.leave()
        if exchange is None:
            self._end(claimed, started, kind, 0, 0.0)
            self.go()
        else:
            self._send(exchange, claimed, started, started + self._words.timeout)

    async def _connect(self) -> Exchange:
        """A connection to a checked address; the name stays what the certificate must be for."""
        to = self._target
        assert to is not None
        loop = asyncio.get_running_loop()
        found = address.checked(await self._lookup.addresses(to.host, to.port), at_home=to.at_home)
        fault: OSError | None = None
        for place in found[:4]:
            try:
                _, exchange = await loop.create_connection(
                    partial(Exchange, self._free, self._gone), place, to.port,
                    ssl=self._tls if to.scheme == "https" else None,
                    server_hostname=to.host if to.scheme == "https" else None,
                )  # fmt: skip
            except ssl.SSLError:
                raise
            except OSError as away:
                fault = away
                continue
            if not exchange.peer:
                fault = OSError("it ended at once")
                continue
            try:  # what the socket itself says, lest anything came between
                address.checked([exchange.peer], at_home=to.at_home)
            except Forbidden:
                exchange.close()
                raise
            self._born[exchange] = loop.time()
            return exchange
        raise fault or OSError("no address")

    def _send(self, exchange: Exchange, claimed: Claimed, started: float, deadline: float) -> None:
        self._busy.add(exchange)
        exchange.send(self._request(claimed), deadline, partial(self._end, claimed, started))

    def _request(self, claimed: Claimed) -> bytes:
        assert self._target is not None
        at, keys = int(time.time()), self._keys.of(self.receiver.id)
        return (
            b"POST %b HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\nuser-agent: gewu-notify\r\n"
            b"content-length: %d\r\nwebhook-id: %b\r\nwebhook-timestamp: %d\r\nwebhook-signature: %b\r\n\r\n%b"
        ) % (
            self._target.path.encode(), self._target.authority.encode(), len(claimed.body), claimed.webhook_id.encode(), at,
            whsec.sign(keys, claimed.webhook_id, at, claimed.body), claimed.body,
        )  # fmt: skip

    def _kept(self, now: float) -> Exchange | None:
        while self._idle:
            _, exchange = self._idle.pop()
            if exchange in self._born and now - self._born[exchange] < OLD_S:
                return exchange
            exchange.close()
        return None

    def _end(self, claimed: Claimed, started: float, kind: Kind, status: int, retry_after: float) -> None:
        took = asyncio.get_running_loop().time() - started
        self._quick = took < QUICK_S and kind is Kind.TAKEN
        self._told(claimed, kind, status, retry_after, took)

    def _free(self, exchange: Exchange) -> None:
        self._busy.discard(exchange)
        self._idle.append((asyncio.get_running_loop().time(), exchange))
        self.go()

    def _gone(self, exchange: Exchange) -> None:
        self._busy.discard(exchange)
        if self._born.pop(exchange, None) is not None:
            self._gate.leave()
        self._idle = [(since, e) for since, e in self._idle if e is not exchange]
        self.go()
