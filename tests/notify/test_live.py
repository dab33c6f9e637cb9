"""The live feed: what is said is heard, by those who may, once, whichever process they listen to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from gewu import topics
from gewu.dev.services import Service
from gewu_notify.live.event import Event, Wanted
from gewu_notify.live.hub import BEHIND_BYTES, EVENTS, Hub
from gewu_notify.metrics import Ended, LiveMetrics
from tests.notify.world import Ground, changed
from tests.support.waiting import until


@dataclass
class Ear:
    """A client of the feed."""

    heard: list[str] = field(default_factory=list)  # event ids
    others: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # what else came, with its whole data
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
                elif event not in ("", "reset"):
                    self.others.append((event, json.loads(data)))
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
    moves = changed()
    leaves = changed(case_id=moves.case.case_id, version=2, change="REASSIGNED", department="desk", left=["water"])
    events = [moves, leaves, *(changed(department=("water", "desk")[n % 2]) for n in range(EVENTS + 4_000))]
    for n in range(0, len(events), 2_000):
        await ground.say(*events[n : n + 2_000])
    await notify.kill()  # a process that begins after all that remembers the last two thousand of each partition
    await ground.again(notify)
    async with listening(notify, key, ear, "?department=water"):
        await _hears(ear, [e.event_id for e in events if e.case.department == "water"], 40.0)
    assert ear.resets == 0
    assert [(event, said["data"]["case_id"]) for event, said in ear.others] == [("case.left", moves.case.case_id)]
    for wrong in ("1-2", "x", "-".join(["999999999"] * 6)):
        await _begins_anew(ground, notify, key, wrong)
    # What stood between is gone from the log as well, as it is when a client was away for longer than Kafka keeps it.
    await until(
        lambda: _all_planned(ground),
        60.0,
        "the plans of all that was said: notify starts on no log that was cut before it",
    )
    await notify.kill()
    await ground.cut()
    await ground.again(notify)
    await _begins_anew(ground, notify, key, ear.last)


async def _all_planned(ground: Ground) -> bool:
    async with ground.connected() as connection:
        rows = await connection.fetch(
            "SELECT next_offset FROM notify.position WHERE topic = $1 ORDER BY partition", topics.CASES
        )
    return [row["next_offset"] for row in rows] == await ground.ends()


async def _begins_anew(ground: Ground, notify: Service, key: str, last: str) -> None:
    """A client with this id is told that it missed something nobody has any more, and hears what comes then."""
    lost = Ear(last=last)
    async with listening(notify, key, lost):
        await until(lambda: asyncio.sleep(0, lost.resets), what="a reset")
        event = changed()
        await ground.say(event)
        await _hears(lost, [event.event_id])
    assert lost.resets == 1


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


async def test_a_case_that_leaves_a_department_is_heard_to_leave_and_never_of_again(ground: Ground) -> None:
    ground.city.write({}, [])
    all_, water, south = ground.key("read:*"), ground.key("read:water"), ground.key("read:south")
    first, second = await asyncio.gather(ground.notify(), ground.notify("notify-2"))
    comes = changed()
    own = {"case_id": comes.case.case_id, "department": "desk"}
    leaves = changed(**own, version=2, change="REASSIGNED", left=["water"])
    later, back = changed(**own, version=3, change="ACCEPTED"), changed(case_id=comes.case.case_id, version=4)
    ids = [e.event_id for e in (comes, leaves, later, back)]
    away, wanted = Ear(), [(water, ""), (all_, "?department=water"), (water, "?lane=p0"), (all_, ""), (south, "")]
    ears = [Ear() for _ in wanted]
    async with AsyncExitStack() as stack:
        for ear, (key, query) in zip(ears, wanted, strict=True):
            await stack.enter_async_context(listening(first, key, ear, query))
            await _begins(ear)
        async with listening(first, water, away):
            await _begins(away)
            await ground.say(comes)
            await _hears(away, ids[:1])
        await ground.say(leaves, later, back)
        for ear in (ears[0], ears[1]):
            await _hears(ear, [ids[0], ids[3]])
        for ear in (ears[3], ears[4]):
            await _hears(ear, ids)
    async with listening(second, water, away):  # it was away meanwhile, and comes back elsewhere
        await _hears(away, [ids[0], ids[3]])
    at = leaves.case.changed_at.ToJsonString()
    data = {"event_id": ids[1], "case_id": comes.case.case_id, "incarnation": 1, "version": 2}
    said = ("case.left", {"type": "gewu.case.left", "timestamp": at, "data": data})
    assert ears[0].others == ears[1].others == away.others == [said], "nothing of where it is now"
    assert ears[2].others == ears[3].others == ears[4].others == []


async def test_drills_are_heard_under_a_type_of_their_own(ground: Ground) -> None:
    ground.city.write({}, [])
    key, ear = ground.key("read:water"), Ear()
    notify = await ground.notify()
    drill = changed(exercise=True)
    leaves = changed(
        case_id=drill.case.case_id, version=2, change="REASSIGNED", exercise=True, department="desk", left=["water"]
    )
    real = changed()
    async with listening(notify, key, ear):
        await _begins(ear)
        await ground.say(drill, leaves)
        await until(lambda: asyncio.sleep(0, len(ear.others) == 2), what="the drill")
        await ground.say(real)
        await _hears(ear, [real.event_id])
    assert [(event, said["type"]) for event, said in ear.others] == [
        ("exercise.changed", "gewu.exercise.opened"), ("exercise.left", "gewu.exercise.left"),
    ]  # fmt: skip


async def test_an_id_never_goes_back_over_what_is_no_event_and_who_waits_for_it_is_woken() -> None:
    hub = Hub(2, LiveMetrics(CollectorRegistry()))
    hub.publish([Event(0, 4, "p1", "water", ("top",), b"x")])
    hub.passed(0, 6)  # the last record of the helping was none
    assert hub.ends == [6, 0]
    hub.passed(0, 5)
    assert hub.ends == [6, 0]
    waits = asyncio.create_task(hub.reached([6, 3], 10.0))
    await asyncio.sleep(0)
    hub.passed(1, 3)
    assert await asyncio.wait_for(waits, 1.0)


async def test_who_may_not_listen_is_told_why(ground: Ground) -> None:
    ground.city.write({}, [])
    reads, reports = ground.key("read:*"), ground.key("report")
    notify = await ground.notify(LIVE_CLIENTS="1")
    async with aiohttp.ClientSession() as session:
        later: list[int] = []

        async def asked(key: str, query: str = "") -> int:
            headers = {"authorization": f"Bearer {key}"} if key else {}
            async with session.get(f"{notify.url}/v1/live{query}", headers=headers) as response:
                assert response.content_type == "application/problem+json"
                later.extend(map(int, response.headers.getall("retry-after", [])))
                return response.status

        assert [await asked(""), await asked("gewu_no"), await asked(reports)] == [401, 401, 403]
        wrong = ("?lane=p9", "?area=", "?x=1", "?area=a&area=b", f"?area={'a' * 101}")
        assert {await asked(reads, query) for query in wrong} == {422}
        ear = Ear()
        async with listening(notify, reads, ear):
            await _begins(ear)
            assert {await asked(reads) for _ in range(20)} == {503}
        assert len(later) == 20 and len(set(later)) > 1 and 1 <= min(later) <= max(later) <= 30, "and not all at once"
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
    hub, slow = Hub(6, LiveMetrics(CollectorRegistry())), _Slow()
    hub.join(slow)
    hub.publish([Event(0, 0, "p1", "water", ("top",), b"x" * bytes_each)])
    hub.flush()
    assert slow.ended == ends
