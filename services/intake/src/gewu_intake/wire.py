"""How a report becomes a signal on the wire, and what counts as its content."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from math import floor

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from gewu import codec, ids, topics
from gewu.lane import Lane
from gewu.runtime.contact import Sealed
from gewu.v1.common_pb2 import Contact, SealedContact
from gewu.v1.signal_pb2 import Signal
from gewu_intake.domain.report import ContactSaid, ReportSaid

_encode = msgspec.json.Encoder(order="deterministic").encode
_envelope = codec.Envelope(codec.SIGNAL_REPORT, "gewu/intake")

# Reports of one place meet in one batch, where joining needs no second lock; about a kilometre.
_CELLS_PER_DEGREE = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOPICS = {lane: topics.signals(lane) for lane in Lane}


class Worded(msgspec.Struct, frozen=True, gc=False):
    """A record, ready to append. The key is the area cell, so that order and partition follow the place."""

    signal_id: str
    client_id: str
    lane: Lane
    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: list[codec.Header]


class Context(msgspec.Struct, frozen=True, gc=False):
    """What intake knows about a report beside its words."""

    source: str
    lane: Lane
    home_area: str
    package_version: str
    now: datetime


def content_sha256(said: ReportSaid) -> bytes:
    """SHA-256 of the report's canonical form without id and contact: an id with two of these is a conflict.

    What was left out stays out of the form, so that a field added later does not change the hash of an older report.
    """
    id, contact = said.id, said.contact
    said.id = said.contact = None
    try:
        return hashlib.sha256(_encode(said)).digest()
    finally:
        said.id, said.contact = id, contact


def word(said: ReportSaid, context: Context, seal: Callable[[bytes], Sealed] | None, partitions: int) -> Worded:
    """The report as a signal; its contact, if it has one, sealed."""
    client_id = said.id or ids.new_client_id()
    content = content_sha256(said)
    own = ids.signal_id(context.source, client_id, content if context.source == ids.ANONYMOUS else b"")
    # Field by field: as a constructor's keywords they cost half as much again. What is empty is not on the wire anyway.
    signal = Signal()
    signal.signal_id, signal.client_id, signal.content_sha256 = own, client_id, content
    if said.exercise:
        signal.exercise = True
    if said.observed_at:
        _stamp(signal.observed_at, said.observed_at)
    report = signal.report
    report.category, report.text = said.category, said.text
    if said.object_id:
        report.object_id = said.object_id
    if place := said.place:
        point = signal.point
        point.lon, point.lat = place.lon, place.lat
        if place.address:
            signal.address = place.address
        if place.accuracy_m is not None:
            point.accuracy_m = place.accuracy_m
    if said.contact and seal:
        report.contact.CopyFrom(_sealed(said.contact, own, seal))
    key = _cell(said, client_id)
    return Worded(
        own, client_id, context.lane, _TOPICS[context.lane], topics.partition(key, partitions), key.encode(),
        # One message after another is their merge, so what many reports share is worded once for all of them.
        _shared(context.source, context.lane, context.home_area, context.package_version)
        + _times(context.now, said.observed_at is None) + signal.SerializeToString(),
        _envelope.headers(own),
    )  # fmt: skip


@lru_cache(4096)
def _shared(source: str, lane: Lane, home_area: str, package_version: str) -> bytes:
    """The part of a signal that is the same for all reports of a source, lane and area."""
    part = Signal(source=source, lane=lane.value, home_area=home_area, package_version=package_version)  # type: ignore[arg-type]
    return part.SerializeToString()


@lru_cache(2)
def _times(now: datetime, both: bool) -> bytes:
    """The part of a signal that is the same for all reports of a request: they were received, and seen, now."""
    part = Signal()
    _stamp(part.received_at, now)
    if both:
        _stamp(part.observed_at, now)
    return part.SerializeToString()


def _stamp(field: Timestamp, at: datetime) -> None:
    """As Timestamp.FromDatetime, which costs seven times this through a calendar it does not need."""
    since = at - _EPOCH
    field.seconds, field.nanos = since.days * 86_400 + since.seconds, since.microseconds * 1000


def _sealed(contact: ContactSaid, signal_id: str, seal: Callable[[bytes], Sealed]) -> SealedContact:
    plain = Contact(signal_id=signal_id, name=contact.name, phone=contact.phone, email=contact.email)
    sealed = seal(plain.SerializeToString())
    return SealedContact(key_id=sealed.key_id, box=sealed.box)


def _cell(said: ReportSaid, client_id: str) -> str:
    if said.place is None:
        return client_id
    return f"{floor(said.place.lon * _CELLS_PER_DEGREE)}:{floor(said.place.lat * _CELLS_PER_DEGREE)}"
