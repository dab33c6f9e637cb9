"""A device's fault as a signal, in one wording for whoever notices: dispatch of a sensor, video of a camera.

Its id is derived from the device, the trouble and since when, so that two who find it say one thing; said again, because its
case was handled and nothing has changed, from when that was as well. Key and partition are those of class and area, as of every
signal that has both.
"""

from functools import cache
from hashlib import sha256
from typing import NamedTuple

from gewu import ids, topics
from gewu.city import City
from gewu.lane import Lane
from gewu.v1 import signal_pb2


class Worded(NamedTuple):
    """A signal, and where it is said."""

    said: signal_pb2.Signal
    lane: Lane
    topic: str
    partition: int
    key: str


class Fault(NamedTuple):
    """What is wrong. device: <kind>:<id>; since: microseconds since 1970; after: the case of the same trouble that was handled
    while it went on, and when."""

    device: str
    lon: float
    lat: float
    trouble: int  # a DeviceTrouble
    since: int
    after: tuple[str, int] | None = None


def word(city: City, fault: Fault, at: int) -> Worded:
    """The fault as it was found at `at`, in microseconds since 1970."""
    device, since, after = fault.device, fault.since, fault.after
    category = f"device:{device.partition(':')[0]}"
    name = signal_pb2.DeviceTrouble.Name(fault.trouble).removeprefix("DEVICE_TROUBLE_").lower()  # type: ignore[arg-type]
    client_id = f"{name}:{since}:{after[1]}" if after else f"{name}:{since}"
    lane, grid = city.lane(category), city.grid_at(fault.lon, fault.lat)
    said = signal_pb2.Signal(
        signal_id=ids.signal_id(device, client_id), lane=lane.value, source=device, client_id=client_id,  # type: ignore[arg-type]
        home_area=grid.path[0] if grid else "", package_version=city.version,
        # The occurrence and nothing that may differ when it is said again.
        content_sha256=sha256(f"{device}\0{client_id}".encode()).digest(),
    )  # fmt: skip
    said.point.lon, said.point.lat = fault.lon, fault.lat
    said.observed_at.FromMicroseconds(since)
    said.received_at.FromMicroseconds(at)
    said.fault.device, said.fault.category = device, category
    said.fault.trouble = fault.trouble  # type: ignore[assignment]
    said.fault.since.FromMicroseconds(since)
    if after:
        said.fault.case_before = after[0]
    topic, area = topics.signals(lane), topics.area(fault.lon, fault.lat)
    partition = topics.area_partition(category, area, _partitions()[topic])
    return Worded(said, lane, topic, partition, topics.signal_key(category, area))


@cache
def _partitions() -> dict[str, int]:
    return {t.name: t.partitions for t in topics.registry([])}
