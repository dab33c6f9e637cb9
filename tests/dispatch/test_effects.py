"""What a batch of signals leaves in the tables: everything once, however often and side by side it is taken."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from nacl.public import PrivateKey

from gewu import codec, geo, ids, topics
from gewu.city import City
from gewu.clock import micros
from gewu.errors import NotNow
from gewu.lane import Lane
from gewu.runtime.contact import Opener, Sealer
from gewu.runtime.logs import JsonFormatter
from gewu.v1.assignment_pb2 import Assignment
from gewu.v1.case_pb2 import CaseChanged
from gewu_dispatch import encoding
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.action import Kind
from gewu_dispatch.domain.case import Contact, Picture, Signal, State
from gewu_dispatch.store import cases, signals
from tests.dispatch.conftest import Desk
from tests.support.building import FALLBACK, HERE, INCARNATION, NOW_US, a_signal, an_action, moved, span

CELL = "990101002001011"  # the demo city's grid at HERE


def a_cover(at: tuple[float, float] | None = HERE, **words: Any) -> Signal:
    """A missing water cover: hazard, two clock hours, 15 m and 72 h, the water company's."""
    return a_signal(at, **{"said": "water manhole", **words})


async def test_the_first_report_opens_a_case_with_its_history_clock_and_events(desk: Desk, city: City) -> None:
    signal = a_cover(text="gone", address="outside no. 7", received_at=NOW_US - span(minutes=5))
    assert await desk.take(signal) == {"opened": 1}
    case = await desk.case()
    assert case["case_id"] == UUID(ids.case_id(signal.signal_id))
    assert (case["department"], case["routed_because"], case["rule_id"]) == ("water", "rule", "cover-water")
    assert (case["grid_id"], case["state"], case["version"], case["incarnation"]) == (CELL, 4, 1, INCARNATION)
    assert case["grid_path"] == ["990101", "990101002001", CELL] and case["package_version"] == city.version
    (row,) = await desk.rows("signals")
    assert (row["outcome"], row["case_id"], row["case_version"]) == ("opened", case["case_id"], 1)
    assert (row["text"], row["address"], row["content"], row["grid_id"]) == (
        "gone",
        "outside no. 7",
        signal.content,
        CELL,
    )
    (entry,) = await desk.rows("history")
    assert (entry["change"], entry["version"], entry["because"], entry["signals"]) == (1, 1, "rule", 1)
    (clock,) = await desk.rows("clock_ledger")
    assert (clock["clock"], clock["step"], clock["entry"]) == ("completion", 1, "start")
    assert (clock["at"], clock["due_at"]) == (signal.received_at, signal.received_at + span(hours=2))
    assert clock["due_at"] == case["complete_by"] and "component:01001 2uh" in clock["why"]


async def test_a_new_case_is_said_to_all_and_to_its_department(desk: Desk) -> None:
    signal = a_cover()
    await desk.take(signal)
    events = sorted(await desk.events(), key=lambda e: e.topic)
    assert [(e.topic, e.type, e.version) for e in events] == [
        (topics.CASES, codec.CASE_CHANGED, 1), ("dispatch.water", codec.ASSIGNMENT, 1),
    ]  # fmt: skip
    case_id = ids.case_id(signal.signal_id)
    for event in events:
        assert event.event_id == ids.event_id(case_id, INCARNATION, 1, event.topic)
        assert (event.key, event.cause) == (case_id, signal.signal_id)
    (changed,) = await desk.said(CaseChanged, topics.CASES)
    (assigned,) = await desk.said(Assignment, "dispatch.water")
    assert (changed.change, list(changed.signal_ids), changed.case.version) == (1, [signal.signal_id], 1)
    assert (assigned.kind, assigned.case) == (1, changed.case)


async def test_the_next_report_joins_and_the_department_is_not_troubled_again(desk: Desk) -> None:
    first, second = a_cover(), a_cover(moved(*HERE, 8))
    await desk.take(first)
    desk.clock.at = NOW_US + span(minutes=3)
    assert await desk.take(second) == {"joined": 1}
    case = await desk.case()
    assert (case["version"], case["signals"], case["changed_at"]) == (2, 2, desk.clock.at)
    joined = next(r for r in await desk.rows("signals") if r["outcome"] == "joined")
    assert (joined["because"], joined["case_version"]) == ("near", 2) and 7.9 < joined["distance_m"] < 8.1
    assert [(h["version"], h["change"], h["because"], h["signals"]) for h in await desk.rows("history", "version")] == [
        (1, 1, "rule", 1), (2, 2, "near", 2),
    ]  # fmt: skip
    assert [e.case.version for e in await desk.said(CaseChanged, topics.CASES)] == [1, 2]
    assert len(await desk.said(Assignment, "dispatch.water")) == 1
    assert len(await desk.rows("clock_ledger")) == 1


async def test_each_class_finds_its_open_case_as_far_back_as_it_looks_and_no_further(desk: Desk, city: City) -> None:
    hours = {key: c.join_within_h for key, c in city.categories.items() if c.join_radius_m}
    short, long = min(hours, key=hours.__getitem__), max(hours, key=hours.__getitem__)
    assert hours[short] < hours[long]
    for said in (short, long):
        await desk.take(a_signal(HERE, said=said))
    at_its_end = {said: a_signal(HERE, said=said, received_at=NOW_US + span(hours=hours[said])) for said in hours}
    # Both in one batch, which the earlier of them begins.
    assert await desk.take(at_its_end[short], at_its_end[long]) == {"joined": 2}
    again = {said: s.received_at + span(hours=hours[said]) for said, s in at_its_end.items()}
    after = [a_signal(HERE, said=x, received_at=again[x] + span(microseconds=1)) for x in (short, long)]
    before = a_signal(HERE, said=long, received_at=again[long])
    assert await desk.take(before, *after) == {"joined": 2, "opened": 1}  # the last one joins what `before` has renewed


async def test_every_time_that_is_taken_is_kept_to_the_microsecond(desk: Desk) -> None:
    random = Random(7)
    first = micros(datetime(2000, 1, 1, tzinfo=UTC))
    last = micros(datetime(2100, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
    times = [first, last, *(random.randrange(first, last) for _ in range(400))]
    taken = [a_cover(None, observed_at=at, received_at=at) for at in times]
    await desk.take(*taken)
    rows = {str(r["signal_id"]): (r["observed_at"], r["received_at"]) for r in await desk.rows("signals")}
    assert rows == {s.signal_id: (at, at) for s, at in zip(taken, times, strict=True)}
    assert {r["last_signal_at"] for r in await desk.rows("cases")} == set(times)


async def test_a_more_urgent_report_raises_the_case_and_the_department_hears_of_it(desk: Desk) -> None:
    await desk.take(a_cover(lane=Lane.P2))
    await desk.take(a_cover(lane=Lane.P0))
    assert (await desk.case())["lane"] == Lane.P0
    assert [(a.kind, a.case.version, a.case.lane) for a in await desk.said(Assignment, "dispatch.water")] == [
        (1, 1, 3), (2, 2, 1),
    ]  # fmt: skip
    # Or what says so would pass the older version of the case, that waits in its lane.
    marked = {row["topic"] for row in await desk.rows("outbox") if row["raises"]}
    assert marked == {topics.CASES, "dispatch.water"}


async def test_the_same_batch_taken_twice_changes_nothing_the_second_time(desk: Desk) -> None:
    twice = a_cover()
    other = replace(twice, content=sha256(b"another").digest(), text="another story")
    batch = desk.arrived(
        twice, a_cover(moved(*HERE, 5)), a_cover(moved(*HERE, 900)), a_cover(None), a_signal(said="???"), twice, other,
        a_cover(sealed=Contact("k1", b"sealed"), pictures=(Picture(b"p" * 32, 9, "image/jpeg", "mask 1"),)),
    )  # fmt: skip
    assert await desk.take_again(batch) == {"opened": 4, "joined": 2, "duplicate": 1, "conflict": 1}
    before = await desk.all()
    assert len(before) >= 9 and len(before["cases"]) == 4 and len(await desk.events()) == 8
    desk.clock.at = NOW_US + span(hours=1)
    assert await desk.take_again(batch) == {"duplicate": 7, "conflict": 1}
    assert await desk.all() == before


async def test_a_known_id_with_another_content_is_kept_apart_and_changes_no_case(desk: Desk) -> None:
    signal = a_cover(text="the cover rattles")
    await desk.take(signal)
    (before,) = await desk.rows("signals")
    other = replace(signal, content=sha256(b"another").digest(), text="the cover is gone")
    assert await desk.take(other, signal) == {"conflict": 1, "duplicate": 1}
    (row,) = await desk.rows("conflicts")
    assert (row["topic"], row["partition"], row["log_offset"]) == ("signals.p1", 0, 1)
    assert (row["signal_id"], row["content"], row["text"]) == (
        UUID(signal.signal_id),
        other.content,
        "the cover is gone",
    )
    assert await desk.rows("signals") == [before] and (await desk.case())["version"] == 1
    assert len(await desk.events()) == 2


async def test_what_is_said_of_a_joined_case_is_all_of_it_though_joining_reads_only_what_it_asks(desk: Desk) -> None:
    await desk.take(a_cover())
    await desk.take(a_cover())
    opened, joined = [m.case for m in await desk.said(CaseChanged, topics.CASES)]
    assert opened.department and opened.grid_path and opened.routing.rule_id and opened.HasField("complete_by")
    assert (joined.version, joined.signal_count) == (2, 2)
    joined.version, joined.signal_count = opened.version, opened.signal_count
    joined.changed_at.CopyFrom(opened.changed_at)
    assert joined == opened


async def test_an_id_that_was_taken_between_look_and_write_is_raced_with_a_contact_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a taken key: the third of those at one position would be laid to a record."""
    signal, nothing = a_cover(sealed=Contact("k1", b"sealed")), (INCARNATION, {})
    await desk.take(signal)
    before = await desk.all()

    async def too_early(*_: Any) -> tuple[int, dict[str, bytes]]:
        return nothing

    with monkeypatch.context() as patch:
        patch.setattr(signals, "known", too_early)
        with pytest.raises(NotNow, match="raced"):
            await desk.take(replace(signal, lon=None, lat=None))  # joins nothing, so its case would be another
    assert await desk.all() == before


async def test_a_batch_that_is_cancelled_while_its_cases_are_written_leaves_no_statement_in_flight(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback that fails on one would take the place of the cancel, and the partition would come back to life."""
    touch = cases.touch

    async def end(*words: Any) -> None:
        taking.cancel()
        await touch(*words)

    signal = a_cover()
    with monkeypatch.context() as patch:
        patch.setattr(cases, "touch", end)
        taking = asyncio.ensure_future(desk.take(signal))
        with pytest.raises(asyncio.CancelledError):
            await taking
    assert await desk.take(signal) == {"opened": 1}


async def test_a_bug_that_meets_the_wording_is_what_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken(*_: Any) -> None:
        await asyncio.sleep(0)
        raise ConnectionResetError

    def broken(*_: Any) -> None:
        raise KeyError("wording")

    with monkeypatch.context() as patch:
        patch.setattr(cases, "touch", taken)
        patch.setattr(encoding, "case", broken)
        with pytest.raises(KeyError, match="wording"):
            await desk.take(a_cover())
    assert await desk.take(a_cover()) == {"opened": 1}


async def test_a_version_is_worded_once_however_many_hear_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    worded: list[tuple[str, int]] = []
    word = encoding.case
    monkeypatch.setattr(encoding, "case", lambda c: worded.append((c.case_id, c.version)) or word(c))
    signal = a_signal(said="water manhole")
    await desk.take(signal)
    case_id = ids.case_id(signal.signal_id)
    await desk.act(an_action(case_id, Kind.RETURN, note="not ours"))
    assert worded == [(case_id, 1), (case_id, 2)]
    told = [Assignment.FromString(e.value).case for e in await desk.events() if e.topic != topics.CASES]
    changed = [m.case for m in await desk.said(CaseChanged, topics.CASES)]
    assert [t.version for t in told] == [1, 2, 2] and changed == [told[0], told[1]] and told[1] == told[2]


async def test_each_conflict_has_a_log_line_that_names_its_signal_and_nothing_personal(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    signal = a_cover(text="the cover rattles", client_id="mine", source="key:app", address="outside no. 7")
    others = [replace(signal, content=sha256(word).digest(), text="it is gone") for word in (b"one", b"two")]
    with caplog.at_level("INFO", logger="gewu_dispatch"):
        assert await desk.take(signal, *others) == {"opened": 1, "conflict": 2}
    lines = [json.loads(JsonFormatter("dispatch").format(r)) for r in caplog.records]
    place = {"signal": signal.signal_id, "source": "key:app", "partition": "signals.p1[0]"}
    constant = {"level": "info", "service": "dispatch", "where": "gewu_dispatch.handlers.signals:_record"}
    for line in lines:
        del line["at"]
    assert lines == [{**constant, "say": "conflict", **place, "offset": n} for n in (1, 2)]


async def test_two_contents_under_one_new_id_in_one_batch_are_a_conflict(desk: Desk) -> None:
    signal = a_cover()
    assert await desk.take(signal, replace(signal, content=bytes(32))) == {"opened": 1, "conflict": 1}
    assert (await desk.rows("signals"))[0]["content"] == signal.content


async def test_contacts_stay_sealed_and_stand_nowhere_else(desk: Desk) -> None:
    private = PrivateKey.generate()
    sealed = Sealer("k1", bytes(private.public_key)).seal(b"13900000000")
    signal = a_cover(sealed=Contact(sealed.key_id, sealed.box))
    await desk.take(signal, a_cover(moved(*HERE, 2)))
    assert await desk.rows("contacts") == [
        {"signal_id": UUID(signal.signal_id), "key_id": "k1", "box": sealed.box}
    ]  # fmt: skip
    assert Opener({"k1": bytes(private)}).open(sealed) == b"13900000000"
    for table, rows in (await desk.all()).items():
        assert (sealed.box.hex() in "".join(rows)) is (table == "contacts")
        assert "13900000000" not in "".join(rows) and b"13900000000".hex() not in "".join(rows)


async def test_no_event_holds_a_reporters_own_words(desk: Desk) -> None:
    words = {"text": "Mrs Zhang's ladder", "address": "lane 9", "source": "key:zhang", "client_id": "zhang-1"}
    await desk.take(a_cover(**words), a_cover(None, **{**words, "client_id": "zhang-2"}))
    for event in await desk.events():
        assert not [w for w in (*words.values(), "zhang-2", "water manhole") if w.encode() in event.value]


async def test_pictures_are_kept_by_reference_once_a_signal(desk: Desk) -> None:
    one, two = (Picture(bytes([n]) * 32, n, "image/jpeg", "mask 1") for n in (1, 2))
    signal, other = a_cover(pictures=(one, two, one)), a_cover(pictures=(one,))
    await desk.take(signal, other)
    rows = await desk.rows("pictures", "bytes, signal_id")
    assert Counter(r["signal_id"] for r in rows) == {UUID(signal.signal_id): 2, UUID(other.signal_id): 1}
    assert {(r["sha256"], r["bytes"], r["type"], r["masked_by"]) for r in rows} == {
        (p.sha256, p.bytes, "image/jpeg", "mask 1") for p in (one, two)
    }


async def test_where_a_report_cannot_be_placed_the_case_goes_to_someone_all_the_same(desk: Desk) -> None:
    await desk.take(a_signal(said="???"), a_cover((10.0, 50.0)), a_cover(None))
    cases = {(c["department"], c["routed_because"]): c for c in await desk.rows("cases")}
    assert cases.keys() == {
        (FALLBACK, "fallback_unknown_class"), (FALLBACK, "fallback_no_grid"), ("water", "rule")
    }  # fmt: skip
    assert cases[FALLBACK, "fallback_no_grid"]["grid_path"] == []
    # Who reports without a position is answered from the package's grid for that.
    assert cases["water", "rule"]["grid_id"] == "990101"


async def test_the_owner_of_a_registered_thing_answers_for_it(desk: Desk, city: City) -> None:
    thing = next(t for t in city.objects.values() if t.category_key == "component:01003" and t.owner == "housing-works")
    await desk.take(a_signal((thing.lon, thing.lat), said="storm manhole", object_id=thing.id))
    case = await desk.case()
    assert (case["department"], case["routed_because"], case["object_id"]) == ("housing-works", "owner", thing.id)


async def test_a_street_decides_where_the_rules_ask_for_one(desk: Desk, city: City) -> None:
    street = next(s for p, s in zip(city.standing.places, city.standing.shapes, strict=True) if p.kind == "street-main")
    point = street.representative_point()
    await desk.take(a_signal((point.x, point.y), said="illegal parking"))
    assert (await desk.case())["rule_id"] == "parking-main"


@pytest.mark.parametrize(
    ("words", "joins"),
    [({}, True), ({"exercise": True}, False), ({"said": "storm manhole"}, False), ({"object_id": "T2"}, False),
     ({"received_at": NOW_US + span(hours=73)}, False)],
)  # fmt: skip
async def test_only_a_report_of_the_same_thing_joins_the_stored_case(desk: Desk, words: Any, joins: bool) -> None:
    await desk.take(a_cover(object_id="T1"))
    assert await desk.take(a_cover(**words)) == {"joined" if joins else "opened": 1}


async def test_a_handled_case_is_not_joined_any_more(desk: Desk) -> None:
    signal = a_cover()
    await desk.take(signal)
    case_id = ids.case_id(signal.signal_id)
    await desk.act(an_action(case_id))
    assert await desk.take(a_cover()) == {"joined": 1}
    await desk.act(an_action(case_id, Kind.DONE))
    assert await desk.take(a_cover()) == {"opened": 1}


async def test_a_drill_is_assigned_as_a_drill(desk: Desk) -> None:
    await desk.take(a_cover(exercise=True))
    told = {e.topic: e.type for e in await desk.events()}
    assert told == {topics.CASES: codec.CASE_CHANGED, "dispatch.water": codec.ASSIGNMENT_EXERCISE}
    assert (await desk.said(CaseChanged, topics.CASES))[0].case.exercise


async def test_a_drill_is_no_part_of_what_alerts_judge_as_at_night_a_canary_would_be_all_of_it(desk: Desk) -> None:
    drill, alike = a_cover(exercise=True), a_cover(moved(*HERE, 5.0), exercise=True)
    assert await desk.take(a_cover(), drill, alike) == {"opened": 2, "joined": 1}
    (found,) = [f for f in desk.registry.collect() if f.name == "gewu_dispatch_decisions"]
    counted = {tuple(s.labels.values()): s.value for s in found.samples if s.name.endswith("_total") and s.value}
    assert counted == {("opened", "rule"): 1}
    aged = {e.type: e.received_at is not None for e in await desk.events() if e.topic == "dispatch.water"}
    assert aged == {codec.ASSIGNMENT: True, codec.ASSIGNMENT_EXERCISE: False}, "the age that pages is of what has it"


async def test_a_batch_of_one_case_makes_one_version_and_one_event_that_fits(desk: Desk) -> None:
    near = [a_cover(moved(*HERE, n % 9 - 4, n % 7)) for n in range(1000)]
    assert await desk.take(*near[:500]) == {"opened": 1, "joined": 499}
    assert await desk.take(*near[500:]) == {"joined": 500}
    case = await desk.case()
    assert (case["version"], case["signals"]) == (2, 1000)
    assert [(h["version"], h["signals"]) for h in await desk.rows("history", "version")] == [(1, 500), (2, 1000)]
    told = await desk.said(CaseChanged, topics.CASES)
    assert [list(t.signal_ids) for t in told] == [[s.signal_id for s in near[:500]], [s.signal_id for s in near[500:]]]
    assert all(t.ByteSize() + 4096 < topics.CASE_BYTES for t in told)
    assert len(await desk.events()) == 3


async def test_two_lanes_that_see_one_manhole_at_the_same_time_open_one_case(desk: Desk) -> None:
    side = joining.LOCK_CELLS_M[0]
    edge = round((HERE[1] + 90) * geo.METRES_PER_DEGREE / side) * side
    line = edge / geo.METRES_PER_DEGREE - 90  # a border of cells: the two stand on its two sides in every other round
    for n in range(50):
        place = moved(HERE[0], line if n % 2 else HERE[1], 60.0 * n)
        one, other = a_cover(moved(*place, 0, -5), lane=Lane.P1), a_cover(moved(*place, 0, 5), lane=Lane.P0)
        counts = await asyncio.gather(desk.take(one), desk.take(other))
        assert sorted(next(iter(c)) for c in counts) == ["joined", "opened"], n
    cases = await desk.rows("cases")
    assert len(cases) == 50 and {(c["signals"], c["version"], c["lane"]) for c in cases} == {(2, 2, 1)}


async def test_a_batch_does_not_wait_for_another_that_only_stands_in_the_same_quarter(desk: Desk, city: City) -> None:
    cover = city.categories["component:01023"]
    async with desk.pool.acquire() as connection, connection.transaction():
        await cases.lock_cells(connection, joining.reach(cover, a_cover(HERE)).locks)
        async with asyncio.timeout(3.0):  # less than the lock time-out
            assert await desk.take(*(a_cover(moved(*HERE, 300.0 * n)) for n in (1, -1, 2, -2))) == {"opened": 4}


async def test_two_batches_that_share_ids_in_opposite_order_do_not_wait_for_each_other_for_ever(desk: Desk) -> None:
    for n in range(10):
        # With places the cells keep them apart; without, only the ids' own order does.
        shared = [a_cover(moved(*HERE, 40.0 * k, 100.0 * n) if n % 2 else None) for k in range(60)]
        batches = desk.arrived(*shared), desk.arrived(*reversed(shared), partition=1)
        counts = await asyncio.gather(*(desk.insist(b) for b in batches))
        assert sum((Counter(c) for c in counts), Counter()) == {"opened": 60, "duplicate": 60}
    assert len(await desk.rows("signals")) == len(await desk.rows("cases")) == 600


async def test_batches_over_many_places_in_opposite_order_do_not_wait_for_each_other_for_ever(desk: Desk) -> None:
    shuffle = Random(7).sample
    places = [moved(*HERE, 700.0 * (k % 8), 700.0 * (k // 8)) for k in range(64)]
    batches = [desk.arrived(*(a_cover(p) for p in shuffle(places, 64)), partition=n) for n in range(6)]
    await asyncio.gather(*(desk.insist(b) for b in batches))
    cases = await desk.rows("cases")
    assert len(cases) == 64 and {(c["signals"], c["version"]) for c in cases} == {(6, 6)}


async def test_a_report_and_a_department_that_meet_at_one_case_both_count(desk: Desk) -> None:
    for n in range(20):
        place = moved(*HERE, 60.0 * n)
        first = a_cover(place)
        await desk.take(first)
        case_id = ids.case_id(first.signal_id)
        counts = await asyncio.gather(desk.take(a_cover(place)), desk.act(an_action(case_id)))
        assert counts == [{"joined": 1}, {"applied": 1}]
    cases = await desk.rows("cases")
    assert {(c["version"], c["signals"], c["state"]) for c in cases} == {(3, 2, State.HANDLING)}
    assert len(await desk.rows("history")) == 60
