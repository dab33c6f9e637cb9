"""A department's own program on the running stack: it starts late, is killed, and handles every case once."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from gewu.dev.children import Child, Launch
from gewu.dev.stack import Stack
from gewu.ids import new_client_id
from gewu.runtime.settings import Kafka
from gewu_department import (
    Applied,
    Assigned,
    Department,
    Drill,
    NotAllowed,
    NotApplied,
    Passed,
    Pending,
    PositionLost,
    Refused,
    Settings,
    Standing,
    Withdrawn,
    accept,
    done,
    extend,
    return_,
)
from tests.api.conftest import Client, uploaded
from tests.support.waiting import until

EXAMPLE = Path(__file__).parents[2] / "sdk/examples/desk.py"
OWN, FOREIGN = "gas", "gas manhole"  # by the demo city's rules both go to the gas company; its desk gives covers back


@pytest.fixture
async def settings(stack: Stack, new_key: Callable[..., Any], tmp_path: Path) -> Settings:
    """The gas company's, with a reader and a key of this test's own."""
    key = tmp_path / "key"
    key.write_text(await new_key("read:gas", "act:gas"))
    kafka = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    return Settings("gas", kafka, f"t{new_client_id()[:13]}", stack.dispatch_url, key_file=key)


def _variables(settings: Settings) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GEWU_")}, "GEWU_DEPARTMENT": settings.department,
        "GEWU_READER": settings.reader, "GEWU_KAFKA_BOOTSTRAP": settings.kafka.bootstrap,
        "GEWU_DISPATCH_URL": settings.dispatch_url, "GEWU_KEY_FILE": str(settings.key_file),
    }  # fmt: skip


async def _case(client: Client, n: int, category: str, **words: Any) -> str:
    return (await client.case(n, category=category, **words))["case"]["case_id"]


async def _changes(client: Client, case_id: str) -> list[str]:
    file = (await client.desk("GET", f"/v1/cases/{case_id}")).body
    return [step["change"] for step in file["timeline"]]


class _Desk:
    """The example as a process with a table that outlives it."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder, self._settings, self.table = folder, settings, folder / "desk.db"
        self.child: Child | None = None

    def start(self) -> None:
        command = (sys.executable, str(EXAMPLE), "--table", str(self.table), "--own", "matter:10999", "--work", "0.3")
        files = self._folder / "desk.log", self._folder / "desk.pid"
        self.child = Child(Launch(command, *files, self._folder, _variables(self._settings)))

    async def kill(self) -> None:
        assert self.child and self.child.exit_code is None, (self._folder / "desk.log").read_text()[-2000:]
        await self.child.kill()

    def rows(self, question: str) -> list[Any]:
        with suppress(sqlite3.OperationalError):  # not made yet
            connection = sqlite3.connect(f"file:{self.table}?mode=ro", uri=True)
            try:
                return connection.execute(question).fetchall()
            finally:
                connection.close()
        return []


async def test_a_desk_that_starts_late_and_is_killed_handles_every_case_once(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    desk = _Desk(tmp_path, settings)
    own = [await _case(client, n, OWN) for n in range(40, 46)]
    foreign = [await _case(client, n, FOREIGN) for n in range(46, 49)]
    try:
        for n, enough in enumerate((1, 5, 9)):
            desk.start()

            async def so_many(enough: int = enough) -> bool:
                return len(desk.rows("SELECT case_id FROM cases")) >= enough

            await until(so_many, 30.0, f"{enough} cases in the desk's own books")
            await desk.kill()
            own.append(await _case(client, 50 + n, OWN))  # said while nobody listens
        desk.start()
        own.append(await _case(client, 53, OWN))

        async def handled() -> bool:
            files = [await _changes(client, case_id) for case_id in own]
            return all(changes[-1] == "handled" for changes in files)

        await until(handled, 40.0, "every case of its own to be handled")
        for case_id in own:
            assert await _changes(client, case_id) == ["opened", "accepted", "handled"]
        for case_id in foreign:
            assert await _changes(client, case_id) == ["opened", "reassigned"]
        moves = Counter(case_id for (case_id,) in desk.rows("SELECT case_id FROM moves"))
        assert [moves[c] for c in own] == [2] * len(own) and [moves[c] for c in foreign] == [1] * len(foreign)
        assert desk.rows("SELECT * FROM moves WHERE refused IS NOT NULL") == []
    finally:
        if desk.child:
            await desk.child.stop(signal.SIGTERM, 5.0)


async def _next(events: Any, seconds: float = 20.0) -> Any:
    async with asyncio.timeout(seconds):
        return await anext(events)


async def test_a_late_reader_gets_the_open_cases_first_and_each_once(client: Client, settings: Settings) -> None:
    old = [await _case(client, n, OWN) for n in (55, 56)]
    async with Department(settings) as desk:
        events = aiter(desk)
        listed = []
        while not set(old) <= set(listed):
            event = await _next(events)
            assert isinstance(event, Standing) and event.event_id == "" and event.case.department == "gas"
            listed.append(event.case_id)
        assert len(listed) == len(set(listed))
        new = await _case(client, 57, OWN)
        while (event := await _next(events)).case_id != new:
            assert isinstance(event, Standing), "the rest of the list"
        assert isinstance(event, Assigned) and event.event_id and event.case.complete_by.seconds
    async with Department(settings) as desk:
        events = aiter(desk)
        assert (await _next(events)).case_id == new, "it was not dealt with: nobody asked for another"
        later = await _case(client, 58, OWN)
        assert (await _next(events)).case_id == later


async def test_a_reader_that_breaks_off_goes_on_with_what_it_did_not_deal_with(
    client: Client, settings: Settings
) -> None:
    settings = replace(settings, reader=f"{settings.reader}-b")
    async with Department(settings) as desk:
        case_id = await _case(client, 59, OWN)
        while (event := await _next(aiter(desk))).case_id != case_id:
            pass
        async for event in desk:
            if event.case_id == case_id:
                break
        async for again in desk:
            if again.case_id == case_id:
                break
        assert again.order == event.order


async def test_moves_are_said_and_their_outcome_is_known(client: Client, settings: Settings) -> None:
    case_id = await _case(client, 60, OWN)
    async with Department(replace(settings, from_list=False)) as desk:
        early = await desk.say(done(case_id))
        events = aiter(desk)
        while not (isinstance(event := await _next(events), Refused) and event.move_id == early.id):
            pass
        assert (event.reason, event.kind, event.case_id) == ("not_lawful_now", "done", case_id)
        assert event.lawful == ("accept", "return")
        assert await desk.outcome(early) == NotApplied(
            "not_lawful_now", "it changed nothing; the case says what is lawful now"
        )
        taken = await desk.say(accept(case_id, "two men"))
        assert await desk.outcome(taken, 10.0) == Applied()
        assert await desk.say(taken) == taken and await desk.outcome(taken) == Applied(), "it stays one move"
        late = await desk.say(extend(case_id, datetime.now(UTC) + timedelta(days=20), "the valve must be ordered"))
        assert await desk.outcome(late, 10.0) == Applied(), "more time may be asked for"
        far = await desk.say(extend(case_id, datetime.now(UTC) + timedelta(days=900), "some day"))
        while not (isinstance(event := await _next(events), Refused) and event.move_id == far.id):
            pass
        assert (event.kind, event.reason) == ("extend", "bad_time") and "extend" in event.lawful
        back = await desk.say(return_(case_id, "a neighbour's pipe"))
        assert await desk.outcome(back, 10.0) == Applied(), "although the case is another's now"
        assert await desk.outcome(accept(case_id), 0.0) == Pending(), "never said"
        while not isinstance(event := await _next(events), Withdrawn):
            pass
        assert event.case_id == case_id and event.note == "a neighbour's pipe"
    assert await _changes(client, case_id) == ["opened", "accepted", "extension_asked", "reassigned"]


async def test_what_was_done_is_shown_with_pictures(client: Client, settings: Settings) -> None:
    case_id = await _case(client, 66, OWN)
    shown = uploaded(client.stack, "gas")
    async with Department(settings) as desk:
        await desk.say(accept(case_id))
        theirs = await desk.say(done(case_id, "the valve is new", (uploaded(client.stack, "water"),)))
        assert await desk.outcome(theirs, 10.0) == NotApplied("picture_not_ours", ANY)
        finished = await desk.say(done(case_id, "the valve is new", (shown,)))
        assert await desk.outcome(finished, 10.0) == Applied()
    (step,) = (await client.desk("GET", f"/v1/cases/{case_id}")).body["timeline"][-1:]
    assert step["pictures"] == [
        {"sha256": shown.split(".")[0], "bytes": 70_000, "type": "image/jpeg", "masked_by": "test 1"}
    ]


async def test_drills_come_only_to_who_asks_for_them_and_as_what_they_are(client: Client, settings: Settings) -> None:
    drills = {await _case(client, 61, OWN, exercise=True)}
    asks = replace(settings, drills=True, reader=f"{settings.reader}-d")
    async with Department(settings) as plain, Department(asks) as trained:
        for n, desk in ((62, plain), (64, trained)):
            events = aiter(desk)
            found = [await _next(events)] if desk is trained else []  # at least the list of a late start is there
            real = await _case(client, n, OWN)
            drills.add(await _case(client, n, OWN, exercise=True))
            last = await _case(client, n + 1, OWN)
            wanted = {real, last, *(drills if desk is trained else ())}
            while not wanted <= {_told(e).case_id for e in found}:
                found.append(await _next(events))
            shown = {_told(e).case_id for e in found if isinstance(e, Drill)}
            assert {_told(e).case_id for e in found if not isinstance(e, Drill)}.isdisjoint(drills)
            assert shown == (drills if desk is trained else set())
            assert (desk.passed[Passed.DRILL] == 0) == (desk is trained)


def _told(event: Any) -> Any:
    return event.told if isinstance(event, Drill) else event


async def test_a_position_that_the_log_does_not_hold_is_an_error_that_says_what_to_do(
    client: Client, settings: Settings
) -> None:
    settings = replace(settings, from_list=False)
    case_id = await _case(client, 63, OWN)
    from aiokafka import AIOKafkaConsumer, TopicPartition

    from gewu import topics

    places = [TopicPartition(topics.dispatch("gas"), n) for n in range(2)]
    group = AIOKafkaConsumer(group_id=settings.group, enable_auto_commit=False, **settings.kafka.connection())
    await group.start()
    group.assign(places)
    await group.commit({place: 1_000_000 for place in places})
    await group.stop()
    with pytest.raises(
        PositionLost, match=r"to be read from 1000000 on, which the log does not hold.*GEWU_START_OVER=yes"
    ):
        async with Department(settings) as desk:
            await _next(aiter(desk))
    async with Department(replace(settings, from_list=True, start_over=True)) as desk:
        async for event in desk:
            if isinstance(event, Standing) and event.case_id == case_id:
                break


async def test_a_key_without_the_scope_is_named_at_once(
    settings: Settings, new_key: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "other").write_text(await new_key("report"))
    async with Department(replace(settings, key_file=tmp_path / "other")) as desk:
        with pytest.raises(NotAllowed, match=r"403.*read:gas"):
            await _next(aiter(desk))


def test_what_could_only_be_refused_is_not_even_made() -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    from gewu_department import Kind, Move

    with pytest.raises(ValueError, match="a note that says why"):
        return_("x", " ")
    with pytest.raises(ValueError, match="time zone"):
        extend("x", soon.replace(tzinfo=None), "rain")
    with pytest.raises(ValueError, match="`until` belongs"):
        Move(Kind.EXTEND, "x", "rain")
    with pytest.raises(ValueError, match="pictures belong"):
        Move(Kind.ACCEPT, "x", pictures=(f"{'0' * 64}.1.1.YQ.{'x' * 22}",))
    with pytest.raises(ValueError, match="POST /v1/pictures"):
        done("x", pictures=("ab" * 32,))
    with pytest.raises(ValueError, match="2000 characters"):
        accept("x", "n" * 2001)
