"""The judge reckons readings for itself: it agrees with dispatch on any walk, and names what is forgotten or taken twice."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gewu.audit.facts import Landed, Position
from gewu.audit.findings import Fault, Findings
from gewu.audit.readings import Sensors
from gewu.city import Sensor
from gewu.v1.signal_pb2 import Signal
from gewu_dispatch.domain.sensing import GRACE_US, Reading, sense
from tests.dispatch.test_sensing import BOTH, HIGH, T0, a_reading, with_

LOOSE = with_(BOTH, dwell_s=2, flaps=2, flap_window_s=6)
steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 4.0, 5.0, 7.0, 10.0, 12.0, 20.0, 25.0, 31.0]), st.integers(-1, 3), st.integers(0, 3),
        st.integers(-4, 2),
    ),
    max_size=30,
)  # fmt: skip


def on_the_wire(reading: Reading) -> Signal:
    """The same as its record."""
    found = Signal(source=reading.source, client_id=reading.client_id, package_version="1")
    found.observed_at.FromMicroseconds(reading.observed_at)
    found.received_at.FromMicroseconds(reading.received_at)
    found.reading.sensor_id, found.reading.session, found.reading.counter = "s", reading.session, reading.counter
    found.reading.quantity, found.reading.unit, found.reading.value = reading.quantity, reading.unit, reading.value
    return found


@given(st.sampled_from([HIGH, BOTH, LOOSE, with_(HIGH, dwell_s=2), with_(HIGH, flaps=3, flap_window_s=8)]), steps)
def test_judge_and_dispatch_agree_whatever_a_sensor_says(
    sensor: Sensor, walked: list[tuple[float, int, int, int]]
) -> None:
    readings, counter, at = [], 5, 0
    for value, on, seconds, clock in walked:
        counter, at = counter + on, at + seconds
        readings.append(a_reading(counter, value, at + clock, sensor, received=at))
    raised = {id(r) for r in sense({}, {"s": sensor}, readings).raised}
    judge = Sensors({"s": sensor}, "1")
    for reading in readings:
        heard = judge.take(on_the_wire(reading))
        assert (heard.is_crossing if heard else False) is (id(reading) in raised)


def judged(values: list[float], rows: set[int], measured: int, row: tuple[int, int] | None) -> Findings:
    """What the judge says where these counters have a signal's row, the books say so and the sensor's row is this."""
    findings, judge = Findings(), Sensors({"s": HIGH}, "1")
    for n, value in enumerate(values, 1):
        if heard := judge.take(on_the_wire(a_reading(n, value, n))):
            judge.held_against(heard, n in rows, findings)
    positions = [Position("signals.p0", 0, 0, len(values), 0, {"measured": measured})]
    judge.judge({"s": row} if row else {}, positions, set(), findings)
    return findings


def test_what_is_in_order_is_no_fault() -> None:
    assert not judged([1, 10, 11, 1], {2}, 3, (1, 4)).any


def test_a_crossing_that_no_case_knows_of_is_named() -> None:
    found = judged([1, 10, 11, 1], set(), 4, (1, 4))
    assert found.examples[Fault.UNBALANCED] == ["sensor:s 1:2 is a crossing, and no case knows of it"]


def test_a_crossing_that_is_taken_again_before_its_end_is_named() -> None:
    found = judged([1, 10, 11, 1], {2, 3}, 2, (1, 4))
    assert found.examples[Fault.DOUBLED] == ["sensor:s 1:3 is no crossing, and a case took it for one"]


def test_a_row_behind_the_log_and_books_that_forget_are_named() -> None:
    assert "its row says 1:3" in judged([1, 10, 11, 1], {2}, 3, (1, 3)).examples[Fault.UNBALANCED][0]
    assert "has no row" in judged([1, 10, 11, 1], {2}, 3, None).examples[Fault.UNBALANCED][0]
    assert judged([1, 10, 11, 1], {2}, 2, (1, 4)).examples[Fault.UNBALANCED] == [
        "the books say 2 measured, 3 readings are no crossing"
    ]


@given(steps, st.integers(-3, 12))
def test_judge_and_dispatch_agree_on_what_is_said_again_after_its_case_was_handled(
    walked: list[tuple[float, int, int, int]], handled: int
) -> None:
    at = T0 + handled * 1_000_000 - GRACE_US
    judge, before, counter, now = Sensors({"s": HIGH}, "1"), {}, 5, 0
    for value, on, seconds, _ in walked:
        counter, now = counter + on, now + seconds
        reading = a_reading(counter, value, now, HIGH)
        sensed = sense(before, {"s": HIGH}, [reading], {"first": at})
        for id_, state in sensed.states.items():  # the first case is handled, the ones after it are not
            case = ("again" if sensed.after else state.case_id or "first") if state.said else state.case_id
            before[id_] = replace(state, case_id=case)
        landed = Landed(b"", 1, None if before["s"].case_id == "again" else at) if sensed.raised else None
        heard = judge.take(on_the_wire(reading), landed)
        assert (heard.is_crossing if heard else False) is bool(sensed.raised)
