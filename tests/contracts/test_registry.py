"""The topic registry keeps its own rules, for any city's departments."""

from collections import Counter
from datetime import timedelta
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu import topics
from gewu.city import load
from gewu.lane import Lane
from gewu.v1 import common_pb2
from tests.contracts import world

DEPARTMENTS = ("fire", "water", "command-centre")
REGISTRY = topics.registry(DEPARTMENTS)
PARKING = {t.name: t for t in REGISTRY if not t.types}
_name = st.from_regex(topics.DEPARTMENT_ID, fullmatch=True)


@settings(deadline=None)
@given(st.sets(_name, max_size=20))
def test_every_name_is_one_topics_and_one_that_kafka_takes(departments: set[str]) -> None:
    names = [t.name for t in topics.registry(departments)]
    assert len(set(names)) == len(names)
    # Kafka's metrics write "." as "_", so two names that differ only in that would be one there.
    assert len({n.replace(".", "_") for n in names}) == len(names)
    assert all(len(n) <= 249 and set(n) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-") for n in names)


def test_every_type_of_the_codec_stands_on_some_topic_and_no_other_does() -> None:
    assert {kind for t in REGISTRY for kind in t.types} == world.ce_types()


def test_a_batch_has_room_for_a_record_and_for_the_margin() -> None:
    for t in REGISTRY:
        assert t.batch_bytes > t.record_bytes and t.batch_bytes >= topics.BATCH_BYTES + topics.BATCH_MARGIN, t.name


def test_whatever_dispatch_hears_has_a_parking_topic_with_room_that_time_does_not_cut() -> None:
    known = {t.name: t for t in REGISTRY}
    heard = [t for t in REGISTRY if "dispatch" in t.hears]
    assert {t.name for t in heard} == {*map(topics.signals, Lane), *map(topics.actions, DEPARTMENTS)}
    for t in heard:
        assert t.parking == topics.parked("dispatch", t.name)
        parking = known[t.parking]
        assert parking.record_bytes >= t.record_bytes + topics.PARKING_SLACK
        assert parking.retention is None and parking.partitions == 1 and parking.parking is None


def test_nothing_else_has_a_parking_topic_and_no_parking_topic_lacks_a_source() -> None:
    sources = {t.parking for t in REGISTRY if t.parking}
    assert {t.name for t in REGISTRY if not t.types} == sources
    for t in REGISTRY:
        if t.parking:
            reader = t.hears[0]  # the canary only listens, and parks nothing
            assert t.parking == topics.parked(reader, t.name) and PARKING[t.parking].says == (reader,)


def test_signals_are_kept_for_a_week_at_least() -> None:
    for lane in Lane:
        kept = next(t.retention for t in REGISTRY if t.name == topics.signals(lane))
        assert kept is not None and kept >= timedelta(days=7)


def test_every_topic_says_who_speaks_who_hears_and_who_looks_after_it() -> None:
    for t in REGISTRY:
        assert t.says and t.hears and t.owner and t.key and t.partition_by, t.name
    for d in DEPARTMENTS:
        known = {t.name: t for t in REGISTRY}
        assert known[topics.dispatch(d)].hears == (f"department:{d}",), "nobody else hears a department's cases"
        assert known[topics.actions(d)].says == (f"department:{d}", "dispatch")


@pytest.mark.parametrize(
    "wrong", ["", "Fire", "fire.brigade", "fire_brigade", "消防", "x" * 41, "fire\n", "../x", "a b"]
)
def test_a_department_id_that_would_make_another_topic_is_refused(wrong: str) -> None:
    for make in (topics.dispatch, topics.actions, lambda d: topics.registry([d])):
        with pytest.raises(ValueError, match="must match"):
            make(wrong)


@settings(deadline=None)
@given(_name)
def test_a_departments_topic_names_its_department_and_nothing_else_does(department: str) -> None:
    assert topics.department_of(topics.dispatch(department)) == department
    assert topics.department_of(topics.actions(department)) == department
    for other in (topics.CASES, topics.signals(Lane.P0), topics.parked("dispatch", topics.actions(department))):
        with pytest.raises(ValueError, match="belongs to no department"):
            topics.department_of(other)


def test_a_lane_is_known_by_its_topic() -> None:
    assert [topics.lane_of(topics.signals(lane)) for lane in Lane] == list(Lane)
    with pytest.raises(ValueError, match="is no lane"):
        topics.lane_of(topics.CASES)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), st.integers(1, 1000))
def test_the_partition_of_a_key_is_its_crc32(key: str, partitions: int) -> None:
    assert topics.partition(key, partitions) == crc32(key.encode("utf-8")) % partitions < partitions


def test_the_partition_rule_never_changes() -> None:
    # From another implementation of CRC-32 (POSIX gzip's), so that a change of rule cannot change its test with it.
    assert [topics.partition(k, 6) for k in ("", "123456789", "8301:3901", "井盖")] == [0, 0xCBF43926 % 6, 4, 3]


def test_the_areas_of_a_class_take_turns_and_neighbours_are_apart() -> None:
    # As above, from another implementation.
    assert topics.area_partition("123456789", (0, 0), 6) == 0xCBF43926 % 6
    for partitions in (6, 12):
        at = {
            (x, y): topics.area_partition("a class", (x, y), partitions) for x in range(-12, 12) for y in range(-12, 12)
        }
        assert set(Counter(at.values()).values()) == {24 * 24 // partitions}, "as many in each"
        assert all(at[x, y] not in (at.get((x + 1, y)), at.get((x, y + 1))) for x, y in at)


def test_the_rule_by_key_is_named_where_it_is_used() -> None:
    for t in REGISTRY:
        assert "CRC-32" in t.partition_by if t.types else t.partitions == 1, t.name


def test_lanes_are_the_wires_lanes() -> None:
    assert {f"LANE_{lane.name}": lane.value for lane in Lane} == {
        n: v for n, v in common_pb2.Lane.items() if n != "LANE_UNSPECIFIED"
    }
    assert [lane.label for lane in sorted(Lane)] == ["p0", "p1", "p2", "p3"]
    assert all(Lane.named(lane.label) is lane for lane in Lane)


def test_the_demo_citys_departments_have_their_topics(demo: Path) -> None:
    names = {t.name for t in topics.registry(load(demo).departments)}
    for d in load(demo).departments:
        assert {topics.dispatch(d), topics.actions(d)} <= names
