"""One drill after another: a report, its case, a department's two moves; each station timed, and the one that is missed named."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp

from gewu import ids
from gewu.canary.metrics import Metrics, Station
from gewu.canary.watch import Watch
from gewu.runtime.health import Health

T = TypeVar("T")
log = logging.getLogger(__name__)
_MOVES = ("accept", "done")  # so that no drill stays open


class Missed(Exception):
    """The drill did not reach this station."""

    def __init__(self, station: Station, why: str) -> None:
        super().__init__(f"a drill was not {station}: {why}")
        self.station = station


class Probe:
    """Sends drills as somebody outside would.

    urls: of intake and dispatch; place: longitude and latitude of a point in the city; patience: seconds at each station;
    watches: of the log, and of the live feed where that is a station.
    """

    def __init__(
        self, urls: tuple[str, str], key: str, category: str, place: tuple[float, float], patience: float,
        watches: tuple[Watch, Watch | None], metrics: Metrics, health: Health,
    ) -> None:  # fmt: skip
        self._intake, self._dispatch = urls
        self._headers = {"authorization": f"Bearer {key}"}
        self._category, self._place, self._patience = category, place, patience
        (self._watch, self._feed), self._metrics, self._health = watches, metrics, health

    async def run(self, every: float) -> None:
        """A drill each so many seconds, or after the last one if that took longer, for as long as this runs."""
        self._health.bad("canary", "no drill has come through yet")
        async with aiohttp.ClientSession(headers=self._headers) as session:
            while True:
                begun = time.monotonic()
                await self.once(session)
                await asyncio.sleep(max(0.0, begun + every - time.monotonic()))

    async def once(self, session: aiohttp.ClientSession) -> None:
        """One drill; the first station that is missed is told to the metrics, to readiness and to the log."""
        try:
            await self._drill(session)
        except Missed as fault:
            self._metrics.missing[fault.station].inc()
            self._health.bad("canary", str(fault))
            log.error("a drill is missing", extra={"station": str(fault.station), "why": str(fault)})
        else:
            self._health.good("canary")

    async def _drill(self, session: aiohttp.ClientSession) -> None:
        lon, lat = self._place
        report = {
            "id": ids.new_client_id(),
            "category": self._category,
            "place": {"lon": lon, "lat": lat},
            "exercise": True,
        }
        sent = time.monotonic()
        self._metrics.sent.inc()
        feed = self._feed and await self._begun(self._feed)
        await self._at(Station.ACCEPTED, self._watch.begin())
        said = await self._at(Station.ACCEPTED, _post(session, f"{self._intake}/v1/reports", report))
        case = ids.case_id(said["signal_id"])
        self._watch.narrow(case)
        if feed:
            feed.narrow(case)
        self._passed(Station.ACCEPTED, sent)
        await self._at(Station.OPENED, self._watch.times(1))
        self._passed(Station.OPENED, sent)
        for station, move in zip((Station.ACTED, Station.HANDLED), _MOVES, strict=True):
            action = {"id": f"{report['id']}-{move}", "kind": move}
            await self._at(station, _post(session, f"{self._dispatch}/v1/cases/{case}/actions", action))
            await self._at(station, self._watch.times(2 if move == "accept" else 3))
            self._passed(station, sent)
        if self._feed:  # the last, so that a drill is closed though nobody is told
            await self._at(Station.TOLD, self._feed.times(3) if feed else _nothing())
            self._passed(Station.TOLD, sent)

    async def _begun(self, feed: Watch) -> Watch | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await feed.begin()
                return feed
        return None

    async def _at(self, station: Station, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._patience):
                return await work
        except TimeoutError:
            raise Missed(station, f"nothing within {self._patience:g} s") from None
        except (aiohttp.ClientError, OSError) as fault:
            raise Missed(station, str(fault) or repr(fault)) from None

    def _passed(self, station: Station, sent: float) -> None:
        self._metrics.seconds[station].observe(time.monotonic() - sent)


async def _nothing() -> None:
    raise OSError("notify's live feed could not be heard")


async def _post(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Any:
    headers = {"prefer": "wait=10"}
    async with session.post(url, json=body, headers=headers) as answer:
        if answer.status >= 300:
            raise aiohttp.ClientError(f"{url} says {answer.status}: {(await answer.text())[:200]}")
        return await answer.json(content_type=None)
