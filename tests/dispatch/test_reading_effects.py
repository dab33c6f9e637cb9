"""What a batch of readings leaves in the tables: a row a sensor, a signal for each crossing, a version for its end."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gewu import codec, ids, topics
from gewu.city import City
from gewu.clock import SECOND
from gewu.v1.assignment_pb2 import ASSIGNMENT_KIND_CLEARED, ASSIGNMENT_KIND_NEW, Assignment
from gewu.v1.case_pb2 import CASE_CHANGE_CLEARED, CaseChanged
from gewu.v1.signal_pb2 import Signal as Said
from gewu_dispatch import wire
from gewu_dispatch.domain.action import Kind
from gewu_dispatch.domain.sensing import GRACE_US, Reading
from gewu_dispatch.domain.silence import AGAIN_US, LOOK_US, Road
from gewu_dispatch.handlers.signals import Arrived
from gewu_dispatch.handlers.silence import Silence
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.wire import Events
from tests.dispatch.conftest import Desk
from tests.support.building import NOW_US, a_signal, an_action, span
from tests.support.waiting import until

_counters: dict[str, int] = {}


def a_reading(city: City, id_: str, value: float, at: int = NOW_US, *, counter: int = 0) -> Reading:
    """The sensor's next reading, received when it was measured."""
    _counters[id_] = counter or _counters.get(id_, 0) + 1
    sensor, client_id = city.sensors[id_], f"1:{_counters[id_]}"
    return Reading(
        ids.signal_id(f"sensor:{id_}", client_id), id_, 1, _counters[id_], sensor.quantity, sensor.unit, value, at, at,
        f"sensor:{id_}", client_id, sha256(f"{value}".encode()).digest(), "990101", city.version,
    )  # fmt: skip


async def take(desk: Desk, readings: Sequence[Reading]) -> Any:
    """One batch of a lane."""
    return await desk.take_again([Arrived(r, "signals.p1", 0, n) for n, r in enumerate(readings)])


async def test_what_is_measured_moves_one_row_and_leaves_nothing_else(desk: Desk, city: City) -> None:
    batch = [a_reading(city, "smoke-001", 1.0, counter=1), *(a_reading(city, "smoke-001", 2.0) for _ in range(9))]
    assert await take(desk, batch) == {"measured": 10}
    (row,) = await desk.rows("sensors")
    assert (row["sensor_id"], row["counter"], row["value"], row["said"], row["case_id"]) == (
        "smoke-001",
        10,
        2.0,
        0,
        None,
    )
    assert not await desk.rows("signals") and not await desk.rows("cases") and not await desk.events()
    assert await take(desk, batch) == {"duplicate": 10}


async def test_a_crossing_opens_a_case_at_the_sensors_place_and_its_end_is_one_version(desk: Desk, city: City) -> None:
    raised = a_reading(city, "smoke-001", 20.0, counter=1)
    assert await take(desk, [raised]) == {"opened": 1}
    case, (signal,) = await desk.case(), await desk.rows("signals")
    assert (case["category"], case["department"], case["lane"]) == ("matter:10998", "fire", 1)
    assert (case["lon"], case["lat"]) == (city.sensors["smoke-001"].lon, city.sensors["smoke-001"].lat)
    assert signal["kind"] == 2 and "20 %/m" in signal["text"]
    assert (await desk.rows("sensors"))[0]["case_id"] == case["case_id"]
    over = a_reading(city, "smoke-001", 1.0)
    assert await take(desk, [over, a_reading(city, "smoke-001", 1.0)]) == {"measured": 2}
    case = await desk.case()
    assert (case["version"], case["state"], case["signals"]) == (2, 4, 1)
    said = (await desk.said(CaseChanged, topics.CASES))[-1]
    assert (said.change, list(said.signal_ids), said.case.version) == (CASE_CHANGE_CLEARED, [over.signal_id], 2)
    new, cleared = await desk.said(Assignment, topics.dispatch("fire"))
    assert (new.kind, cleared.kind, cleared.case.version) == (ASSIGNMENT_KIND_NEW, ASSIGNMENT_KIND_CLEARED, 2)
    assert [(h["version"], h["change"], h["because"]) for h in await desk.rows("history", "version")] == [
        (1, 1, "rule"), (2, 9, "cleared"),
    ]  # fmt: skip


async def test_a_cover_that_tilts_is_a_case_of_its_object_and_the_second_crossing_joins_it(
    desk: Desk, city: City
) -> None:
    sensor = city.sensors["tilt-001"]
    values = [(40.0, 0), (40.0, 10), (1.0, 11), (40.0, 20), (40.0, 30)]
    batch = [a_reading(city, "tilt-001", v, NOW_US + s * SECOND) for v, s in values]
    assert await take(desk, batch) == {"opened": 1, "joined": 1, "measured": 3}
    case = await desk.case()
    assert (case["object_id"], case["signals"], case["department"]) == (
        sensor.object_id,
        2,
        city.objects[sensor.object_id].owner,
    )
    # Where it stands at the end of the batch is what counts: it crossed again.
    assert [h["change"] for h in await desk.rows("history")] == [1]


async def test_the_end_of_a_crossing_says_nothing_of_a_case_that_is_not_open_any_more(desk: Desk, city: City) -> None:
    await take(desk, [a_reading(city, "smoke-001", 20.0, counter=1)])
    case_id = str((await desk.case())["case_id"])
    await desk.act(an_action(case_id, department="fire"), an_action(case_id, Kind.DONE, department="fire"))
    before = await desk.case()
    assert await take(desk, [a_reading(city, "smoke-001", 1.0)]) == {"measured": 1}
    assert await desk.case() == before and (await desk.rows("sensors"))[0]["case_id"] is None


async def test_reports_and_readings_of_one_batch_make_one_case_of_one_fire(desk: Desk, city: City) -> None:
    sensor = city.sensors["smoke-001"]
    report = a_signal((sensor.lon, sensor.lat), said="fire")
    reading = a_reading(city, "smoke-001", 20.0, counter=1)
    batch = [*desk.arrived(report), Arrived(reading, "signals.p1", 0, 9), Arrived(reading, "signals.p1", 0, 10)]
    assert await desk.take_again(batch) == {"opened": 1, "joined": 1, "duplicate": 1}
    assert (await desk.case())["signals"] == 2


async def test_a_sensor_that_the_package_does_not_have_is_measured_and_parks_nothing(desk: Desk, city: City) -> None:
    foreign = [
        Reading(**{**_fields(a_reading(city, "smoke-001", 99.0)), "sensor_id": "gone-001", "source": "sensor:gone-001"})
    ]
    assert await take(desk, foreign) == {"measured": 1}
    assert [r["sensor_id"] for r in await desk.rows("sensors")] == ["gone-001"] and not await desk.rows("cases")


def _fields(reading: Reading) -> dict[str, Any]:
    return {name: getattr(reading, name) for name in reading.__struct_fields__}


def a_look_out(desk: Desk, city: City) -> Silence:
    """One whose road is open from its second look on."""
    return Silence(
        city, Events(topics.registry(city.departments)), desk.clock, Metrics(CollectorRegistry()), Road(0, 0)
    )


async def faults(desk: Desk) -> list[Said]:
    """Devices' faults that wait to be said."""
    return [Said.FromString(e.value) for e in await desk.events() if e.type == codec.SIGNAL_FAULT]


async def test_a_silent_sensor_is_said_once_and_its_supplier_gets_the_case(desk: Desk, city: City) -> None:
    silent, awake = "smoke-001", "smoke-002"
    late = NOW_US + span(seconds=city.sensors[silent].silent_after_s + 1)
    await take(desk, [a_reading(city, silent, 1.0, counter=1), a_reading(city, awake, 1.0, counter=1)])
    one, other = a_look_out(desk, city), a_look_out(desk, city)
    desk.clock.at = late
    assert await one.look(desk.pool) == 0 and not await faults(desk)  # nobody else was heard meanwhile
    await take(desk, [a_reading(city, awake, 1.0, late)])
    for look_out in (one, other, one, other):
        await look_out.look(desk.pool)
    (fault,) = await faults(desk)
    assert (fault.source, fault.client_id) == (f"sensor:{silent}", f"silent:{NOW_US}")
    assert fault.signal_id == ids.signal_id(fault.source, fault.client_id)
    found, _ = wire.signal(fault.SerializeToString(), codec.SIGNAL_FAULT, topics.lane_of("signals.p2"))
    assert await desk.take(found) == {"opened": 1}
    case = await desk.case()
    supplier = city.sensors[silent].supplier
    assert (case["category"], case["object_id"], case["department"]) == ("device:sensor", silent, supplier)
    await take(desk, [a_reading(city, silent, 1.0, late)])
    assert {r["sensor_id"] for r in await desk.rows("sensors") if r["due_at"]} == {silent, awake}


async def test_a_sensor_that_flaps_says_so_itself_and_no_more_of_its_crossings(desk: Desk, city: City) -> None:
    sensor, at = city.sensors["gas-001"], NOW_US
    batch = []
    for _ in range(sensor.flaps + 3):
        for value in (2.0, 2.0, 0.1):
            batch.append(a_reading(city, "gas-001", value, at))
            at += sensor.dwell_s * SECOND
    counts = await take(desk, batch)
    assert counts["opened"] + counts.get("joined", 0) == sensor.flaps - 1
    (fault,) = await faults(desk)
    assert fault.client_id.startswith("flapping:") and fault.fault.category == "device:sensor"
    assert (await desk.rows("sensors"))[0]["is_flapping"]


async def two_of_one_case(desk: Desk, city: City) -> str:
    """Two sensors beyond their limits whose crossings stand behind one case; its id."""
    await take(desk, [a_reading(city, "smoke-001", 20.0, counter=1), a_reading(city, "smoke-002", 20.0, counter=1)])
    (first, *others) = [str(c["case_id"]) for c in await desk.rows("cases", "opened_at, case_id")]
    await desk.pool.execute("UPDATE sensors SET case_id = $1", first)
    assert len(others) <= 1
    return first


async def clears(desk: Desk) -> int:
    return sum(c.change == CASE_CHANGE_CLEARED for c in await desk.said(CaseChanged, topics.CASES))


async def test_a_case_is_cleared_only_when_the_last_of_its_sensors_is_back(desk: Desk, city: City) -> None:
    case_id = await two_of_one_case(desk, city)
    await take(desk, [a_reading(city, "smoke-001", 1.0)])
    assert await clears(desk) == 0
    last = a_reading(city, "smoke-002", 1.0)
    await take(desk, [last])
    assert await clears(desk) == 1
    said = (await desk.said(CaseChanged, topics.CASES))[-1]
    assert (said.case.case_id, list(said.signal_ids)) == (case_id, [last.signal_id])


async def test_of_two_sensors_that_clear_at_the_same_moment_one_says_it(desk: Desk, city: City) -> None:
    await two_of_one_case(desk, city)
    readings = [a_reading(city, id_, 1.0) for id_ in ("smoke-001", "smoke-002")]
    await asyncio.gather(*(desk.insist([Arrived(r, "signals.p1", n, 1)]) for n, r in enumerate(readings)))
    assert await clears(desk) == 1


async def test_what_is_still_beyond_its_limit_a_while_after_its_case_was_handled_is_a_case_again(
    desk: Desk, city: City
) -> None:
    await take(desk, [a_reading(city, "smoke-001", 20.0, counter=1)])
    before = str((await desk.case())["case_id"])
    await desk.act(an_action(before, department="fire"), an_action(before, Kind.DONE, department="fire"))
    ended = NOW_US + GRACE_US
    early, band = a_reading(city, "smoke-001", 20.0, ended - 1), a_reading(city, "smoke-001", 9.0, ended)
    assert await take(desk, [early, band]) == {"measured": 2}
    batch = [a_reading(city, "smoke-001", 20.0, ended + n) for n in range(3)]
    assert await take(desk, batch) == {"opened": 1, "measured": 2}
    (after,) = [c for c in await desk.rows("cases") if str(c["case_id"]) != before]
    assert (str(after["follows"]), after["department"]) == (before, "fire")
    said = (await desk.said(CaseChanged, topics.CASES))[-1]
    assert (said.case.case_id, said.case.follows) == (str(after["case_id"]), before)
    assert (await desk.said(Assignment, topics.dispatch("fire")))[-1].case.follows == before
    assert await take(desk, [a_reading(city, "smoke-001", 20.0, ended + 9)]) == {"measured": 1}, "once"
    await desk.act(an_action(str(after["case_id"]), department="fire"))
    assert (await desk.said(CaseChanged, topics.CASES))[-1].case.follows == before, "later versions name it too"


async def test_a_device_that_is_still_silent_a_while_after_its_case_was_handled_is_said_again(
    desk: Desk, city: City
) -> None:
    silent, awake = "smoke-001", "smoke-002"
    late = NOW_US + span(seconds=city.sensors[silent].silent_after_s + 1)
    await take(desk, [a_reading(city, silent, 1.0, counter=1), a_reading(city, awake, 1.0, counter=1)])
    look_out = a_look_out(desk, city)

    async def at(moment: int) -> int:
        """How many faults were said when it was looked at then."""
        desk.clock.at = moment
        await take(desk, [a_reading(city, awake, 1.0, moment)])
        for _ in range(2):
            await look_out.look(desk.pool)
        return len(await faults(desk))

    assert await at(late) == 1
    (first,) = await faults(desk)
    await desk.take(wire.signal(first.SerializeToString(), codec.SIGNAL_FAULT, topics.lane_of("signals.p2"))[0])
    case, supplier = str((await desk.case())["case_id"]), city.sensors[silent].supplier
    assert await at(late + LOOK_US) == 1, "its case is open"
    await desk.act(an_action(case, department=supplier), an_action(case, Kind.DONE, department=supplier))
    handled = late + LOOK_US
    assert await at(handled + LOOK_US) == 1, "it was handled only now"
    assert await at(handled + AGAIN_US + LOOK_US) == 2
    again = (await faults(desk))[-1]
    assert (again.client_id, again.fault.case_before) == (f"silent:{NOW_US}:{handled}", case)
    assert await at(handled + AGAIN_US + 2 * LOOK_US) == 2, "once"
    await desk.take(wire.signal(again.SerializeToString(), codec.SIGNAL_FAULT, topics.lane_of("signals.p2"))[0])
    assert {str(c["follows"] or "") for c in await desk.rows("cases")} == {"", case}


@pytest.mark.parametrize("turned", [False, True], ids=["one-first", "other-first"])
async def test_batches_that_join_and_end_each_others_cases_do_not_deadlock(
    desk: Desk, city: City, turned: bool
) -> None:
    """Each joins the case that the other one ends; they meet after their locks, before the ends are written."""
    ids_ = ("smoke-001", "gas-001")
    here = [(city.sensors[i].lon, city.sensors[i].lat) for i in ids_]
    said = [city.categories[city.sensors[i].category_key].label_en for i in ids_]
    for place, word in zip(here, said, strict=True):
        await desk.take(a_signal(place, said=word))
    await take(desk, [a_reading(city, "smoke-003", 20.0, counter=1), a_reading(city, "smoke-004", 20.0, counter=1)])
    own = {(r["lon"], r["lat"]): r["case_id"] for r in await desk.rows("cases")}
    ends = ("smoke-004", "smoke-003")  # of the other's case
    for id_, place in zip(ends, reversed(here), strict=True):
        await desk.pool.execute("UPDATE sensors SET case_id = $1 WHERE sensor_id = $2", own[place], id_)
    batches = [
        [
            *desk.arrived(a_signal(place, said=word), partition=n),
            Arrived(a_reading(city, id_, 1.0), "signals.p1", n, 99),
        ]
        for n, (place, word, id_) in enumerate(zip(here, said, ends, strict=True))
    ]
    if turned:
        batches.reverse()
    async with desk.pool.acquire() as third:
        waits = third.transaction()
        await waits.start()
        await third.execute("LOCK TABLE signals IN EXCLUSIVE MODE")  # which both write after they have locked cases
        running = [asyncio.ensure_future(desk.take_again(b)) for b in batches]

        async def both_wait() -> bool:
            return await third.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") >= 2

        await until(both_wait, 10.0, "both")
        await waits.rollback()
    assert await asyncio.gather(*running) == [{"joined": 1, "measured": 1}] * 2
    assert await clears(desk) == 2
