"""The live feed: what is said is heard, by those who may, once, whichever process they listen to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from gewu.dev.services import Service
from gewu_notify.live.event import Wanted
from gewu_notify.live.hub import BEHIND_BYTES, EVENTS
from gewu_notify.metrics import Ended
from tests.notify.world import Ground, changed
from tests.support.waiting import until


@dataclass
class Ear:
    """A client of the feed."""

    heard: list[str] = field(default_factory=list)  # event ids
    last: str = ""
    resets: int = 0

    async def listen(self, response: aiohttp.ClientResponse) -> None:
        """Read as the standard says: an id counts from the empty line on."""
        event, data, id_ = "", "", self.last
        async for line in response.content:
            text = line.decode().rstrip("\n")
            name, _, value = text.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                data = value
            elif name == "id":
                id_ = value
            elif not text:
                self.last = id_
                if event == "case.changed":
                    self.heard.append(json.loads(data)["data"]["event_id"])
                self.resets += event == "reset"
                event = data = ""


@asynccontextmanager
async def listening(service: Service, key: str, ear: Ear, query: str = "") -> AsyncIterator[aiohttp.ClientResponse]:
    """A client that reads until the block ends."""
    headers = {"authorization": f"Bearer {key}"} | ({"last-event-id": ear.last} if ear.last else {})
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None), read_bufsize=2**20) as session,
        session.get(f"{service.url}/v1/live{query}", headers=headers) as response,
    ):
        assert response.status == 200, await response.text()
        task = asyncio.create_task(ear.listen(response))
        try:
            yield response
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _hears(ear: Ear, events: list[str], seconds: float = 15.0) -> None:
    async def look() -> bool:
        return len(ear.heard) >= len(events)

    await until(look, seconds, f"{len(events)} events, {len(ear.heard)} came")
    assert sorted(ear.heard) == sorted(events), "each once"


async def _begins(ear: Ear) -> None:
    async def look() -> str:
        return ear.last

    await until(look, what="the first id")


async def test_who_goes_on_at_another_process_misses_nothing_and_hears_nothing_twice(ground: Ground) -> None:
    ground.city.write({}, [])
    key, ear, said = ground.key("read:*"), Ear(), list[str]()
    first, second = await asyncio.gather(ground.notify(), ground.notify("notify-2"))
    done = asyncio.Event()

    async def speak() -> None:
        while not done.is_set():
            events = [changed() for _ in range(7)]
            await ground.say(*events)
            said.extend(e.event_id for e in events)
            await asyncio.sleep(0.01)

    async with listening(first, key, ear):
        await _begins(ear)
        speaking = asyncio.create_task(speak())
        await until(lambda: asyncio.sleep(0, len(ear.heard) > 50), what="events at the first")
        await first.kill()
    for service in (second, second):  # and once more: away for a moment, back at the same one
        async with listening(service, key, ear):
            before = len(ear.heard)
            await until(lambda n=before: asyncio.sleep(0, len(ear.heard) > n + 50), what="events at the second")  # type: ignore[misc]
        await asyncio.sleep(0.05)
    async with listening(second, key, ear):
        done.set()
        await speaking
        await _hears(ear, said)
    assert ear.resets == 0


async def test_what_is_not_in_memory_is_read_from_the_log_and_what_is_nowhere_is_a_reset(ground: Ground) -> None:
    ground.city.write({}, [])
    key, ear = ground.key("read:*"), Ear()
    notify = await ground.notify()
    async with listening(notify, key, ear):
        await _begins(ear)
    events = [changed(department=("water", "desk")[n % 2]) for n in range(EVENTS + 4_000)]
    for n in range(0, len(events), 2_000):
        await ground.say(*events[n : n + 2_000])
    await notify.kill()  # a process that begins after all that remembers the last two thousand of each partition
    await ground.again(notify)
    async with listening(notify, key, ear, "?department=water"):
        await _hears(ear, [e.event_id for e in events if e.case.department == "water"], 40.0)
    assert ear.resets == 0
    for wrong in ("1-2", "x", "-".join(["999999999"] * 6)):
        lost = Ear(last=wrong)
        async with listening(notify, key, lost):
            await until(lambda e=lost: asyncio.sleep(0, e.resets), what="a reset")  # type: ignore[misc]
            event = changed()
            await ground.say(event)
            await _hears(lost, [event.event_id])


async def test_a_key_hears_what_it_may_read_and_a_filter_narrows_it(ground: Ground) -> None:
    ground.city.write({}, [])
    all_, water, south = ground.key("read:*"), ground.key("read:water"), ground.key("read:south", "report")
    notify = await ground.notify()
    events = [
        changed(), changed(department="desk"), changed(grid="north"), changed(department="desk", grid="north", lane="P0"),
    ]  # fmt: skip
    ids = [e.event_id for e in events]
    wanted = [
        (all_, "", ids), (water, "", [ids[0], ids[2]]), (south, "", ids[:2]), (all_, "?lane=p0", ids[3:]),
        (all_, "?department=desk&area=north", ids[3:]), (water, "?department=desk", []), (south, "?area=top", ids[:2]),
    ]  # fmt: skip
    ears = [Ear() for _ in wanted]
    async with AsyncExitStack() as stack:
        for ear, (key, query, _) in zip(ears, wanted, strict=True):
            await stack.enter_async_context(listening(notify, key, ear, query))
            await _begins(ear)
        await ground.say(*events)
        for ear, (_, _, own) in zip(ears, wanted, strict=True):
            await _hears(ear, own)
    assert [sorted(e.heard) for e in ears] == [sorted(own) for _, _, own in wanted]


async def test_who_may_not_listen_is_told_why(ground: Ground) -> None:
    ground.city.write({}, [])
    reads, reports = ground.key("read:*"), ground.key("report")
    notify = await ground.notify(LIVE_CLIENTS="1")
    async with aiohttp.ClientSession() as session:

        async def asked(key: str, query: str = "") -> int:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            async with session.get(f"{notify.url}/v1/live{query}", headers=headers) as response:
                assert response.content_type == "application/problem+json"
                return response.status

        assert [await asked(""), await asked("gewu_no"), await asked(reports)] == [401, 401, 403]
        wrong = ("?lane=p9", "?area=", "?x=1", "?area=a&area=b", f"?area={'a' * 101}")
        assert {await asked(reads, query) for query in wrong} == {422}
        ear = Ear()
        async with listening(notify, reads, ear):
            await _begins(ear)
            assert await asked(reads) == 503
        await until(lambda: _is_let_in(notify, reads), what="a place that is free again")


async def _is_let_in(notify: Service, key: str) -> bool:
    try:
        async with listening(notify, key, Ear()):
            return True
    except AssertionError:
        return False


async def test_a_stop_ends_the_streams_in_order(ground: Ground) -> None:
    ground.city.write({}, [])
    key, ear = ground.key("read:*"), Ear()
    notify = await ground.notify()
    async with listening(notify, key, ear) as response:
        await _begins(ear)
        assert await notify.stop() == 0
        await until(lambda: asyncio.sleep(0, response.content.at_eof()), what="the end of the stream")
        assert response.content.exception() is None


class _Slow:
    """A client that takes nothing."""

    def __init__(self) -> None:
        self.wanted, self.got, self.ended = Wanted(), 0, list[Ended]()

    def write(self, said: bytes) -> None:
        self.got += len(said)

    def unread(self) -> int:
        return self.got

    def end(self, why: Ended) -> None:
        self.ended.append(why)


@pytest.mark.parametrize(("bytes_each", "ends"), [(100, []), (BEHIND_BYTES, [Ended.TOO_SLOW])])
async def test_a_client_that_does_not_read_is_ended_at_the_bound(bytes_each: int, ends: list[Ended]) -> None:
    from prometheus_client import CollectorRegistry

    from gewu_notify.live.event import Event
    from gewu_notify.live.hub import Hub
    from gewu_notify.metrics import LiveMetrics

    hub, slow = Hub(6, LiveMetrics(CollectorRegistry())), _Slow()
    hub.join(slow)
    hub.publish([Event(0, 0, "p1", "water", ("top",), b"x" * bytes_each)])
    hub.flush()
    assert slow.ended == ends
