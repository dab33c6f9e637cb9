"""How what was seen becomes a signal on the wire."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from gewu import codec, ids, topics
from gewu.city import City
from gewu.city.scene import Camera
from gewu.faults import Fault, word
from gewu.lane import Lane
from gewu.runtime.contact import Sealed
from gewu.runtime.producer import Record
from gewu.v1.signal_pb2 import DEVICE_TROUBLE_SILENT, Plate, RuleSuspended, Signal

_TYPES = codec.SIGNAL_DETECTION, codec.SIGNAL_FAULT, codec.RULE_SUSPENDED
_envelopes = {type_: codec.Envelope(type_, "gewu/video") for type_ in _TYPES}
Seal = Callable[[bytes], Sealed]


@dataclass(frozen=True, slots=True)
class Said:
    """A signal as it goes out: the same occurrence gives the same one, whoever says it again. lane: whose producer says it."""

    kind: str
    lane: Lane
    topic: str
    partition: int
    record: Record


@dataclass(frozen=True, slots=True)
class Seen:
    """A detection before it is worded; times in microseconds since 1970. plate: text and confidence."""

    rule: str
    category: str
    lon: float
    lat: float
    since: int
    model: str = ""
    plate: tuple[str, float] | None = None


class Words:
    """Words signals of one city."""

    def __init__(self, city: City, seal: Seal | None) -> None:
        self._city, self._seal = city, seal
        self._partitions = {t.name: t.partitions for t in topics.registry([])}

    def detection(self, camera: Camera, seen: Seen, now: int) -> Said:
        """A rule matched. Its identity is camera, rule and the beginning of the occurrence."""
        # Of a plate's occurrence the plate is no part of the identity: whoever knows all plates could try them out.
        client_id = f"{seen.rule}:{seen.since}"
        said = self._signal(camera, client_id, seen.category, seen.lon, seen.lat, now)
        found = said.detection
        found.camera_id, found.rule_id, found.category, found.model = camera.id, seen.rule, seen.category, seen.model
        found.since.FromMicroseconds(seen.since)
        if seen.plate and self._seal:
            text, confidence = seen.plate
            found.confidence = confidence
            plain = Plate(signal_id=said.signal_id, text=text, confidence=confidence)
            sealed = self._seal(plain.SerializeToString())
            found.plate.key_id, found.plate.box = sealed.key_id, sealed.box
        return self._said(said, seen.category)

    def silent(self, camera: Camera, since: int, now: int) -> Said:
        """The camera shows nothing since then."""
        fault = Fault(f"camera:{camera.id}", camera.lon, camera.lat, DEVICE_TROUBLE_SILENT, since)
        said, lane, topic, partition, key = word(self._city, fault, now)
        headers = _envelopes[codec.SIGNAL_FAULT].headers(said.signal_id)
        return Said("fault", lane, topic, partition, (key.encode(), said.SerializeToString(), headers))

    def suspended(self, rule: str, seen: int, matched: int, now: int) -> Said:
        """A plate rule suspended itself: said to who watches by the same rules, and to this process's successor."""
        said = RuleSuspended(rule_id=rule, seen=seen, matched=matched)
        said.at.FromMicroseconds(now)
        headers = _envelopes[codec.RULE_SUSPENDED].headers(ids.signal_id("rule", rule))
        return Said("suspension", Lane.P0, topics.SUSPENDED, 0, (rule.encode(), said.SerializeToString(), headers))

    def _signal(self, camera: Camera, client_id: str, category: str, lon: float, lat: float, now: int) -> Signal:
        source = f"camera:{camera.id}"
        grid = self._city.grid_at(lon, lat)
        said = Signal(
            signal_id=ids.signal_id(source, client_id), lane=self._city.lane(category).value,  # type: ignore[arg-type]
            source=source, client_id=client_id, home_area=grid.path[0] if grid else "",
            package_version=self._city.version,
            # The occurrence and nothing that may differ when it is said again.
            content_sha256=sha256(f"{source}\0{client_id}\0{category}".encode()).digest(),
        )  # fmt: skip
        said.point.lon, said.point.lat = lon, lat
        said.observed_at.FromMicroseconds(now)
        said.received_at.FromMicroseconds(now)
        return said

    def _said(self, said: Signal, category: str) -> Said:
        lane = Lane(said.lane)
        topic, area = topics.signals(lane), topics.area(said.point.lon, said.point.lat)
        partition = topics.area_partition(category, area, self._partitions[topic])
        key = topics.signal_key(category, area).encode()
        headers = _envelopes[codec.SIGNAL_DETECTION].headers(said.signal_id)
        return Said("detection", lane, topic, partition, (key, said.SerializeToString(), headers))
