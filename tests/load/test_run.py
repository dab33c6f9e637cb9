"""A run against doors that misbehave: latency counts from when a request was due, and the ledger knows every end."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gewu.audit import ledger as audit_ledger
from gewu.city import load as load_city
from gewu.dev import ports
from gewu.dev.ledger import Ledger
from gewu.load.bodies import Bodies, NoSuchLane
from gewu.load.run import Load, Mix, Target
from gewu.load.schedule import Step, constant
from tests.load.doors import Door, listening

LANES = {"p1": 0.5, "p2": 0.5}


@pytest.fixture(scope="module")
def bodies(demo: Path) -> Bodies:
    return Bodies(load_city(demo), LANES, 1)


async def send(url: str, bodies: Bodies, path: Path, steps: list[Step], **mix: Any) -> Load:
    """One run to its end."""
    with Ledger(path) as ledger:
        load = Load(Target(url, "secret", "key:x"), steps, Mix(**mix), bodies, ledger)
        await load.run()
    return load


def outcomes(path: Path) -> Counter[str]:
    return Counter(entry_outcome(line) for line in path.read_text().splitlines())


def entry_outcome(line: str) -> str:
    found = json.loads(line)
    return found["outcome"] if "outcome" in found else "sent" if found.keys() >= {"lane", "sent_at"} else "?"


async def test_what_a_slow_server_makes_wait_counts_from_the_intended_start(bodies: Bodies, tmp_path: Path) -> None:
    door = Door(lasts=0.02)  # 50 requests a second, one at a time
    async with listening(door) as url:
        load = await send(url, bodies, tmp_path / "ledger", constant(100.0, 2.0), connections=1)
    book = load.book
    assert (book.whole.offered, book.whole.sent, book.whole.accepted) == (200, 200, 200)
    assert book.latest_s < 0.5, "the generator went on while the server was slow"
    # Each request took 20 ms once it had the connection; a closed model would say so. The last was due at 2 s and
    # had its answer at 4 s or later, and half of all waited for half of that.
    assert (book.singles.quantile(0.99) or 0) > 1.5 and book.singles.largest > 1.9
    assert (book.singles.quantile(0.5) or 0) > 0.7
    assert len(door.connections) == 1


async def test_connections_are_kept_and_bounded(bodies: Bodies, tmp_path: Path) -> None:
    door = Door()
    async with listening(door) as url:
        load = await send(url, bodies, tmp_path / "ledger", constant(300.0, 2.0), connections=4, share=0.5, lines=10)
    assert load.book.whole.accepted == 600 == len(set(door.ids)) and 1 <= len(door.connections) <= 4
    assert load.book.singles.count == 300 == load.book.batches.count
    found = audit_ledger.read([tmp_path / "ledger"])
    assert {id for id, _ in found.entries()} == {*door.ids} and found.sources == {"x"}
    assert {e.outcome for _, e in found.entries()} == {audit_ledger.OK}


async def test_every_end_stands_in_the_ledger(bodies: Bodies, tmp_path: Path) -> None:
    answers = iter(range(10_000))

    async def say(request: web.Request) -> web.StreamResponse | None:
        match next(answers) % 4:
            case 0:
                return web.json_response({"code": "overloaded"}, status=503)
            case 1:
                return web.json_response({"code": "rejected"}, status=422)
            case 2:
                assert request.transport
                request.transport.abort()
        return None

    async with listening(Door(say=say)) as url:
        load = await send(url, bodies, tmp_path / "ledger", constant(100.0, 0.4), connections=8)
    whole = load.book.whole
    assert (dict(whole.refused), dict(whole.errors), dict(whole.unknown)) == ({"503": 10}, {"422": 10}, {"cut": 10})
    assert whole.accepted == 10
    assert outcomes(tmp_path / "ledger") == {"sent": 40, "ok": 10, "rejected": 20, "unknown": 10}


async def test_a_report_stands_in_the_ledger_before_it_is_sent(bodies: Bodies, tmp_path: Path) -> None:
    missing: list[str] = []

    async def say(request: web.Request) -> None:
        body = await request.json()
        if body["id"] not in (tmp_path / "ledger").read_text():
            missing.append(body["id"])

    async with listening(Door(say=say)) as url:
        load = await send(url, bodies, tmp_path / "ledger", constant(100.0, 0.5))
    assert load.book.whole.accepted == 50 and missing == []


async def test_an_answer_that_never_comes_is_unknown_and_holds_no_connection(bodies: Bodies, tmp_path: Path) -> None:
    async def say(_: web.Request) -> None:
        await asyncio.sleep(60.0)

    async with listening(Door(say=say)) as url:
        load = await send(url, bodies, tmp_path / "ledger", constant(10.0, 1.0), connections=2, patience=0.4)
    whole = load.book.whole
    assert whole.unknown["timed out"] >= 4 and whole.accepted == 0
    assert whole.unknown.total() + whole.errors["not sent in time"] == 10 == whole.offered
    assert outcomes(tmp_path / "ledger") == {"sent": whole.sent, "unknown": whole.sent}


async def test_where_nobody_listens_nothing_was_sent(bodies: Bodies, tmp_path: Path) -> None:
    (port,) = ports.free_ports(1)
    load = await send(f"http://{ports.LOOPBACK}:{port}", bodies, tmp_path / "ledger", constant(50.0, 0.4))
    whole = load.book.whole
    assert (whole.offered, whole.sent, dict(whole.errors)) == (20, 0, {"no connection": 20})
    assert (tmp_path / "ledger").read_text() == ""


async def test_stopped_it_sends_no_more_and_stopped_twice_it_waits_for_nobody(bodies: Bodies, tmp_path: Path) -> None:
    async def say(_: web.Request) -> None:
        await asyncio.sleep(60.0)

    async with listening(Door(say=say)) as url:
        with Ledger(tmp_path / "ledger") as ledger:
            load = Load(Target(url, "s", "key:x"), constant(50.0, 60.0), Mix(connections=5), bodies, ledger)
            running = asyncio.create_task(load.run())
            await asyncio.sleep(0.5)
            load.stop()
            await asyncio.sleep(0.2)
            assert not running.done(), "five may still be answered"
            load.stop()
            await asyncio.wait_for(running, 2.0)
    whole = load.book.whole
    assert load.cut_short and whole.sent == 5 == whole.unknown.total()
    assert whole.errors["not sent in time"] == whole.offered - 5 > 0


async def test_a_ledger_that_cannot_be_written_ends_the_run(bodies: Bodies, tmp_path: Path) -> None:
    door = Door()

    class Full(Ledger):
        def sending(self, reports: Any, source: str) -> None:
            if len(door.ids) >= 5:
                raise OSError(28, "No space left on device")
            super().sending(reports, source)

    async with listening(door) as url:
        with Full(tmp_path / "ledger") as ledger:
            load = Load(Target(url, "s", "key:x"), constant(50.0, 30.0), Mix(), bodies, ledger)
            with pytest.raises(OSError, match="No space left"):
                await asyncio.wait_for(load.run(), 5.0)
    assert len(door.ids) <= 6, "what cannot be written down is not sent"


def test_reports_lie_in_the_city_and_in_the_lanes_of_the_mix(demo: Path) -> None:
    city = load_city(demo)
    found = Bodies(city, {"p0": 1.0, "p3": 3.0}, 7).draw(2000)
    said = [(body, json.loads(body.line)) for body in found]
    assert all(report["id"] == body.id and city.lane(report["category"]).label == body.lane for body, report in said)
    lons, lats = zip(*((r["place"]["lon"], r["place"]["lat"]) for _, r in said), strict=True)
    assert (city.locate(lons, lats) >= 0).all() and len({body.id for body in found}) == 2000
    shares = Counter(body.lane for body in found)
    assert shares.keys() == {"p0", "p3"} and 400 < shares["p0"] < 600
    assert len({body.line for body in found}) == 2000 and not any(b"\n" in body.line for body in found)


def test_a_mix_that_the_city_cannot_give_is_refused(demo: Path) -> None:
    with pytest.raises(NoSuchLane, match="p9"):
        Bodies(load_city(demo), {"p9": 1.0}, 1)
