"""How a report or a reading becomes a signal on the wire, and what counts as its content."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

import msgspec

from gewu import codec, ids, topics
from gewu.city import City, Sensor
from gewu.clock import micros
from gewu.lane import Lane
from gewu.pictures.reference import picture
from gewu.runtime.contact import Sealed
from gewu.runtime.producer import Record
from gewu.v1.common_pb2 import Contact, SealedContact
from gewu.v1.signal_pb2 import Signal
from gewu_intake import encoding
from gewu_intake.domain.reading import ReadingSaid
from gewu_intake.domain.report import ContactSaid, ReportSaid

_encode = msgspec.json.Encoder(order="deterministic").encode
_envelope = codec.Envelope(codec.SIGNAL_REPORT, "gewu/intake")
_reading = codec.Envelope(codec.SIGNAL_READING, "gewu/intake")

_TOPICS = {lane: topics.signals(lane) for lane in Lane}


class Front(msgspec.Struct, frozen=True, gc=False):
    """What all reports of a source, lane and area have in common. `value`: the part of their signals that is the same."""

    source: str
    lane: Lane
    topic: str
    partitions: int
    value: bytes


Worded = tuple[Front, int, str, str, Record]  # with the partition, the client's id and the signal's


def front(source: str, lane: Lane, home_area: str, package_version: str, partitions: int) -> Front:
    """Word it once for all of them."""
    part = Signal(source=source, lane=lane.value, home_area=home_area, package_version=package_version)  # type: ignore[arg-type]
    return Front(source, lane, _TOPICS[lane], partitions, part.SerializeToString())


def content_sha256(said: ReportSaid) -> bytes:
    """SHA-256 of the report's canonical form without id and contact: an id with two of these is a conflict.

    What was left out stays out of the form, so that a field added later does not change the hash of an older report. Pictures
    stand in it by their own hash: the same ones, uploaded again, are the same.
    """
    id, contact, pictures = said.id, said.contact, said.pictures
    said.id = said.contact = None
    if pictures:
        said.pictures = [picture(p).sha256.hex() for p in pictures]
    try:
        return sha256(_encode(said)).digest()
    finally:
        said.id, said.contact, said.pictures = id, contact, pictures


def word(
    said: Sequence[ReportSaid], since: Sequence[timedelta], fronts: Sequence[Front], classes: Sequence[str],
    now: datetime, seal: Callable[[bytes], Sealed] | None,
) -> list[Worded]:  # fmt: skip
    """Reports as records, their contacts sealed; of each, `since`: how long after now it was seen, its front and class."""
    theirs = [r.id or ids.new_client_id() for r in said]
    contents = list(map(content_sha256, said))
    own = ids.signal_ids([front.source for front in fronts], theirs, contents)
    times, headers, found = encoding.Times(now), _envelope.headers, []
    received, observed = times.received, times.observed
    for r, when, front, class_, id_, own_id, content in zip(
        said, since, fronts, classes, theirs, own, contents, strict=True
    ):
        # One message behind another is their merge.
        value = front.value + received + observed(when) + encoding.report(own_id, id_, content, r)
        if r.exercise or r.object_id or r.contact or r.pictures:
            value += _rare(r, own_id, seal)
        key, partition = key_and_partition(r, class_, id_, front.partitions)
        found.append((front, partition, id_, own_id, (key, value, headers(own_id))))
    return found


class Readings:
    """How the readings of a city's sensors become signals; what a sensor's have in common is worded once."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._partitions = {t.name: t.partitions for t in topics.registry([])}
        self._front = lru_cache(1 << 16)(self._new_front)

    def word(
        self, sensor: Sensor, said: ReadingSaid, observed: datetime, now: datetime
    ) -> tuple[str, int, Lane, Record]:
        """Topic, partition, lane and record. Readings of one sensor stand in one partition: their order matters."""
        lane, topic, partition, front = self._front(sensor.id)
        source, client_id = f"sensor:{sensor.id}", f"{said.session}:{said.counter}"
        own = ids.signal_id(source, client_id)
        part = Signal(signal_id=own, client_id=client_id, content_sha256=sha256(_encode(said)).digest())
        part.observed_at.FromMicroseconds(micros(observed))
        part.received_at.FromMicroseconds(micros(now))
        part.reading.session, part.reading.counter, part.reading.value = said.session, said.counter, said.value
        value = front + part.SerializeToString()  # one message behind another is their merge
        return topic, partition, lane, (sensor.id.encode(), value, _reading.headers(own))

    def _new_front(self, sensor_id: str) -> tuple[Lane, str, int, bytes]:
        city, sensor = self._city, self._city.sensors[sensor_id]
        lane = Lane.named(city.categories[sensor.category_key].lane)
        lane = lane if lane <= Lane.P1 else Lane.P3  # telemetry, unless what it warns of is danger
        grid = city.grid_at(sensor.lon, sensor.lat)
        part = Signal(
            source=f"sensor:{sensor.id}", lane=lane.value, home_area=grid.path[0] if grid else "",  # type: ignore[arg-type]
            package_version=city.version,
        )  # fmt: skip
        part.point.lon, part.point.lat = sensor.lon, sensor.lat
        part.reading.sensor_id, part.reading.quantity, part.reading.unit = sensor.id, sensor.quantity, sensor.unit
        topic = _TOPICS[lane]
        return lane, topic, topics.partition(sensor.id, self._partitions[topic]), part.SerializeToString()


def _rare(said: ReportSaid, own: str, seal: Callable[[bytes], Sealed] | None) -> bytes:
    """What few reports have."""
    part = Signal(exercise=said.exercise)
    if said.object_id:
        part.report.object_id = said.object_id
    if said.contact and seal:
        part.report.contact.CopyFrom(_sealed(said.contact, own, seal))
    for p in map(picture, said.pictures or ()):
        part.pictures.add(sha256=p.sha256, bytes=p.bytes, type=p.type, masked_by=p.masked_by)
    return part.SerializeToString()


def key_and_partition(said: ReportSaid, class_: str, client_id: str, partitions: int) -> tuple[bytes, int]:
    """Class and area, so that what may be one thing comes in one order; the report's own id where it can join nothing.

    class_: "" for a word that the code book does not have.
    """
    place = said.place
    if place is None or not class_:
        return client_id.encode(), topics.partition(client_id, partitions)
    return _of_area(class_, topics.area(place.lon, place.lat), partitions)


# A city of a hundred kilometres each way has four hundred areas, and a code book some hundred classes.
@lru_cache(1 << 16)
def _of_area(class_: str, area: tuple[int, int], partitions: int) -> tuple[bytes, int]:
    return topics.signal_key(class_, area).encode(), topics.area_partition(class_, area, partitions)


def _sealed(contact: ContactSaid, signal_id: str, seal: Callable[[bytes], Sealed]) -> SealedContact:
    plain = Contact(signal_id=signal_id, name=contact.name, phone=contact.phone, email=contact.email)
    sealed = seal(plain.SerializeToString())
    return SealedContact(key_id=sealed.key_id, box=sealed.box)
