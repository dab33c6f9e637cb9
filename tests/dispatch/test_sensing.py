"""What readings do to a sensor's state: hysteresis, dwell, flapping, repeats, broken clocks. Pure, and much of it at random."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gewu.city import Sensor, Threshold
from gewu.clock import SECOND
from gewu_dispatch.domain.sensing import Because, Level, Reading, State, sense
from gewu_dispatch.domain.silence import GAP_US, Road

T0 = 1_780_000_000 * SECOND
BOTH = Sensor(
    "s", "水位", "Level", "matter:10996", "level", "cm", 83.0, 39.0, "", "water", Threshold(30, 20), Threshold(5, 10),
)  # fmt: skip
HIGH = Sensor("s", "烟", "Smoke", "matter:10998", "smoke", "%", 83.0, 39.0, "", "fire", Threshold(10, 5), None)


def with_(sensor: Sensor, **words: int) -> Sensor:
    """The sensor with other policies."""
    fields = {name: getattr(sensor, name) for name in Sensor.__dataclass_fields__}
    return Sensor(**fields | words)


def a_reading(
    counter: int, value: float, at: float, sensor: Sensor = HIGH, *, received: float | None = None, session: int = 1
) -> Reading:
    """A reading so many seconds after T0, received at once unless said otherwise."""
    return Reading(
        f"{session}:{counter}", "s", session, counter, sensor.quantity, sensor.unit, value, T0 + round(at * SECOND),
        T0 + round((at if received is None else received) * SECOND), "sensor:s", f"{session}:{counter}", b"", "990101", "1",
    )  # fmt: skip


def walk(sensor: Sensor, values: Sequence[float], every: float = 1.0) -> list[Reading]:
    """Readings of these values, one after the other."""
    return [a_reading(n, value, n * every, sensor) for n, value in enumerate(values, 1)]


def judged(sensor: Sensor, readings: Sequence[Reading], before: State | None = None) -> tuple[list[Because], State]:
    """What becomes of each, and the state at the end."""
    sensed = sense({"s": before} if before else {}, {"s": sensor}, readings)
    return [because for _, because in sensed.judged], sensed.states.get("s") or before  # type: ignore[return-value]


def in_batches(sensor: Sensor, readings: Sequence[Reading], sizes: Sequence[int]) -> tuple[list[Because], State | None]:
    """The same readings, cut into batches."""
    found: list[Because] = []
    state, first = None, 0
    for size in (*sizes, len(readings)):
        some, first = readings[first : first + size], first + size
        if some:
            words, state = judged(sensor, some, state)
            found += words
    return found, state


def test_a_value_at_its_limit_is_a_crossing_and_over_only_at_its_clear() -> None:
    words, state = judged(HIGH, walk(HIGH, [9, 10, 6, 9, 11, 5, 9, 10]))
    raised, cleared, measured = Because.RAISED, Because.CLEARED, Because.MEASURED
    assert words == [measured, raised, measured, measured, measured, cleared, measured, raised]
    assert state.level is state.said is Level.HIGH


def test_from_one_side_to_the_other_is_the_end_of_one_crossing_and_the_begin_of_another() -> None:
    sensed = sense({}, {"s": BOTH}, walk(BOTH, [31, 4, 15]))
    assert [r.counter for r in sensed.raised] == [1, 2]
    assert [(r.counter, by and by.counter) for r, by in sensed.cleared] == [(2, 1), (3, 2)]


def test_a_crossing_must_last_for_its_dwell_by_the_readings_own_time() -> None:
    slow = with_(HIGH, dwell_s=10)
    readings = [
        a_reading(1, 12, 0), a_reading(2, 12, 9.9), a_reading(3, 4, 9.95), a_reading(4, 12, 20),
        a_reading(5, 12, 30, received=99),
    ]  # fmt: skip
    words, _ = judged(slow, readings)
    assert words == [Because.DWELLING, Because.DWELLING, Because.MEASURED, Because.DWELLING, Because.RAISED]


def test_a_broken_clock_neither_stops_the_dwell_nor_makes_it_leap() -> None:
    slow = with_(HIGH, dwell_s=10)
    # An hour ahead; then back by two hours, which would otherwise have to pass first.
    ahead = [
        a_reading(1, 12, 3600, received=0),
        a_reading(2, 12, 7300, received=5),
        a_reading(3, 12, 3611, received=10),
    ]
    assert judged(slow, ahead)[0] == [Because.DWELLING, Because.DWELLING, Because.RAISED]
    back = [
        a_reading(1, 4, 0),
        a_reading(2, 12, -7200, received=1),
        a_reading(3, 12, -7199, received=6),
        a_reading(4, 12, 0, received=11),
    ]
    assert judged(slow, back)[0] == [Because.MEASURED, Because.DWELLING, Because.DWELLING, Because.RAISED]


def test_a_device_that_goes_to_and_fro_says_nothing_until_it_is_calm_and_then_where_it_stands() -> None:
    loose = with_(HIGH, flaps=3, flap_window_s=60)
    readings = walk(loose, [10, 5, 10, 5, 10, 5, 10, 5, 10])
    sensed = sense({}, {"s": loose}, readings)
    assert [r.counter for r in sensed.raised] == [1, 3] and len(sensed.flapping) == 1
    state = sensed.states["s"]
    assert state.is_flapping and state.level is Level.HIGH and state.said is Level.NORMAL
    words, calm = judged(loose, [a_reading(10, 11, 30), a_reading(11, 11, 67.5), a_reading(12, 11, 80)], state)
    assert words == [Because.FLAPPING, Because.RAISED, Because.MEASURED] and not calm.is_flapping


def test_a_reading_that_the_package_cannot_judge_is_counted_and_moves_the_counter() -> None:
    unknown = sense({}, {}, walk(HIGH, [99]))
    assert [b for _, b in unknown.judged] == [Because.UNKNOWN_SENSOR] and unknown.states["s"].counter == 1
    other, state = judged(with_(HIGH, quantity="heat"), walk(HIGH, [99]))  # type: ignore[arg-type]
    assert other == [Because.OTHER_UNIT] and state.level is Level.NORMAL and state.counter == 1


values = st.lists(st.sampled_from([0.0, 4.0, 5.0, 7.0, 10.0, 12.0, 25.0, 31.0]), max_size=40)
sensors = st.sampled_from([
    HIGH, BOTH, with_(BOTH, dwell_s=3), with_(HIGH, flaps=3, flap_window_s=10), with_(BOTH, flaps=2, flap_window_s=5),
])  # fmt: skip


@given(sensors, values)
def test_no_walk_opens_twice_without_a_clear_between(sensor: Sensor, said: list[float]) -> None:
    sensed = sense({}, {"s": sensor}, walk(sensor, said))
    changes = [("raised", r.counter) for r in sensed.raised] + [("cleared", r.counter) for r, _ in sensed.cleared]
    words = [word for word, _ in sorted(changes, key=lambda c: (c[1], c[0]))]
    assert all(one != other for one, other in pairwise(words)) and words[:1] in ([], ["raised"])


@given(sensors, values, st.lists(st.integers(0, 9), max_size=12))
def test_how_readings_are_cut_into_batches_changes_nothing(sensor: Sensor, said: list[float], sizes: list[int]) -> None:
    readings = walk(sensor, said)
    assert in_batches(sensor, readings, sizes) == in_batches(sensor, readings, [])


@given(sensors, values, st.randoms(use_true_random=False))
def test_readings_said_again_change_nothing(sensor: Sensor, said: list[float], random: Random) -> None:
    readings, again = walk(sensor, said), []
    for n, reading in enumerate(readings):
        repeats = [readings[random.randrange(n + 1)] for _ in range(random.randrange(3))]
        again += [reading, *(replace(r, received_at=T0 + 10**12) for r in repeats)]
    words, state = in_batches(sensor, again, [])
    assert ([w for w in words if w is not Because.DUPLICATE], state) == in_batches(sensor, readings, [])


def test_an_older_session_is_a_repeat_whatever_its_counter_and_a_newer_one_begins_anew() -> None:
    words, state = judged(
        HIGH, [a_reading(9, 1, 0, session=2), a_reading(99, 1, 1, session=1), a_reading(0, 1, 2, session=3)]
    )
    assert words == [Because.MEASURED, Because.DUPLICATE, Because.MEASURED] and (state.session, state.counter) == (3, 0)


def test_nobody_is_silent_while_nobody_is_heard_and_for_a_while_after_a_gap() -> None:
    road, minute = Road(600 * SECOND), 60 * SECOND
    assert road.known_until(None, T0) is None
    assert road.known_until(T0, T0) is None  # begun just now
    for n in range(1, 4):
        known = road.known_until(T0 + n * 20 * SECOND, T0 + n * 20 * SECOND)
        assert known == (T0 + n * 20 * SECOND if n == 3 else None)
    assert road.known_until(T0 + minute, T0 + 9 * minute) == T0 + minute  # only as far as others were heard
    assert road.known_until(T0 + minute, T0 + 12 * minute) is None
    back = T0 + 13 * minute
    assert road.known_until(back, back) is None and road.known_until(back + GAP_US, back + minute) == back + GAP_US
