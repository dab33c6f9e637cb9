"""A signal's records on the lanes' topics and on their parking topics."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from gewu import topics
from gewu.audit.log import Log
from gewu.lane import Lane
from gewu.runtime import parking
from gewu.runtime.parking import Parked
from gewu.runtime.record import Record
from gewu.trace.step import Step, What
from gewu.trace.window import Window
from gewu.v1.signal_pb2 import Signal

_READER = "dispatch"


@dataclass(frozen=True, slots=True)
class Logged:
    """A record that holds the signal; message: None where nothing could be read from it, and received_at likewise."""

    topic: str
    partition: int
    offset: int
    at: datetime
    message: Signal | None
    received_at: datetime | None

    @property
    def place(self) -> str:
        """topic:partition:offset."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def received(self) -> Step | None:
        """When intake received it, by intake's clock; None where the message does not say."""
        if self.message is None or self.received_at is None:
            return None
        said = self.message
        lane = topics.lane_of(self.topic).label  # the topic's, whatever the message claims
        detail = {"source": said.source, "client_id": said.client_id, "lane": lane, "exercise": said.exercise}
        return Step(self.received_at, What.RECEIVED, said.WhichOneof("kind") or "", detail)


async def logged(
    logs: Log, signal_id: str, window: Window, positions: dict[tuple[str, int], int]
) -> tuple[list[Logged], int]:
    """Its records within the window, and those of any time that dispatch has not read yet; with how many were read."""
    places = logs.places(lane for lane in map(topics.signals, Lane) if lane in logs.partitions)
    timed = await logs.within(places, *window.milliseconds)
    ahead = []
    for span, in_time in zip(await logs.spans(places), timed, strict=True):
        # A record may stand before the position's row does: then all of it is ahead.
        first = max(span.first, positions.get((span.topic, span.partition), 0))
        if in_time.first <= first <= in_time.end:
            first = in_time.end
        ahead.append(replace(span, first=min(first, span.end)))
    needle, found, read = signal_id.encode(), [], 0
    for spans in (timed, ahead):
        async for records in logs.read(spans):
            read += len(records)
            found += [_logged(record) for record in records if _holds(record, needle)]
    unique = {entry.place: entry for entry in found}
    return sorted(unique.values(), key=lambda entry: (entry.at, entry.place)), read


async def parked(logs: Log, signal_id: str, window: Window, found: Sequence[Logged]) -> list[Parked]:
    """Entries that hold the signal, or one of its records, parked since the window's begin."""
    names = sorted({topics.parked(_READER, topics.signals(lane)) for lane in Lane} & set(logs.partitions))
    spans = await logs.within(logs.places(names), window.milliseconds[0], None)
    needle, places = signal_id.encode(), {entry.place.encode() for entry in found}
    records: list[Record] = []
    async for batch in logs.read(spans):
        for record in batch:
            if record.key and (record.key in places or _holds(record, needle)):
                places.add(record.key)  # the mark of a replay comes later, and names nothing but the place
                records.append(record)
    return parking.latest(records)


def _holds(record: Record, needle: bytes) -> bool:
    # A search in bytes first: most records are somebody else's, and none of them is decoded.
    return needle in (record.value or b"") or any(value == needle for _, value in record.headers)


def _logged(record: Record) -> Logged:
    message, received_at = None, None
    try:
        message = Signal.FromString(record.value or b"")
        if message.HasField("received_at"):
            received_at = message.received_at.ToDatetime(UTC)
    except (DecodeError, ValueError, OverflowError):
        pass  # such a one is parked, and that is what a trace must be able to show
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return Logged(record.topic, record.partition, record.offset, at, message, received_at)
