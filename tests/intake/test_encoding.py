"""Signals worded by hand are what the library reads, field by field."""

from datetime import UTC, datetime, timedelta

from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.v1.signal_pb2 import Signal
from gewu_intake import encoding
from gewu_intake.domain.report import FUTURE, OLDEST, PlaceSaid, ReportSaid
from tests.support.building import NOW

_DEGREES = {"allow_nan": False, "allow_infinity": False}
_TEXT = st.characters(exclude_categories=["Cs"])  # what UTF-8 can say
_PLACES = st.builds(
    PlaceSaid, lon=st.floats(-180, 180, **_DEGREES), lat=st.floats(-90, 90, **_DEGREES),
    accuracy_m=st.none() | st.floats(0, 100_000), address=st.text(_TEXT, max_size=200),
)  # fmt: skip
_REPORTS = st.builds(
    ReportSaid, category=st.text(_TEXT, min_size=1, max_size=100), text=st.text(_TEXT, max_size=300),
    place=st.none() | _PLACES,
)  # fmt: skip
_NAIVE = NOW.replace(tzinfo=None)


def by_library(own: str, theirs: str, content: bytes, said: ReportSaid) -> Signal:
    """The same through setters."""
    signal = Signal(signal_id=own, client_id=theirs, content_sha256=content)
    signal.report.category, signal.report.text = said.category, said.text
    if said.place:
        signal.point.lon, signal.point.lat, signal.address = said.place.lon, said.place.lat, said.place.address
        if said.place.accuracy_m is not None:
            signal.point.accuracy_m = said.place.accuracy_m
    return signal


@settings(max_examples=300, deadline=None)
@given(st.text("abc-:._", min_size=1, max_size=64), st.binary(min_size=32, max_size=32), _REPORTS)
def test_the_library_reads_what_was_written_by_hand(theirs: str, content: bytes, said: ReportSaid) -> None:
    own = "0190a5c2-7b1e-84c1-8aed-45f399e7c145"
    read = Signal.FromString(encoding.report(own, theirs, content, said))
    assert read == by_library(own, theirs, content, said) and MessageToDict(read)


def test_the_longest_texts_have_room_in_their_lengths() -> None:
    longest = ReportSaid(category="𠀀" * 100, text="𠀀" * 2000, place=PlaceSaid(0, 0, 0, "𠀀" * 200))
    read = Signal.FromString(encoding.report("o" * 36, "t" * 64, b"c" * 32, longest))
    assert read == by_library("o" * 36, "t" * 64, b"c" * 32, longest)


@settings(max_examples=300, deadline=None)
@given(st.datetimes(_NAIVE - OLDEST, _NAIVE + FUTURE), st.timedeltas(-OLDEST, FUTURE))
def test_times_are_those_that_were_said(now: datetime, since: timedelta) -> None:
    times = encoding.Times(now.replace(tzinfo=UTC))
    told = Signal.FromString(times.received + times.observed(since))
    assert told.received_at.ToDatetime() == now
    assert told.observed_at.ToDatetime() == now + since
