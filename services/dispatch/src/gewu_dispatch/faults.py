"""A device's fault as a signal, where dispatch itself is who notices: a sensor that is silent, or flaps."""

from hashlib import sha256

from gewu import ids
from gewu.city import City
from gewu.lane import Lane
from gewu.v1 import signal_pb2


def word(city: City, device: str, trouble: int, since: int, at: int) -> tuple[signal_pb2.Signal, Lane]:
    """The signal and its lane; since and at in microseconds since 1970. ValueError for a device that the city does not have.

    Its id is derived from the device, the trouble and since when, so that two who find it say one thing.
    """
    found = city.device(device)
    if found is None:
        raise ValueError(f"{device} is no device of this city")
    category = f"device:{device.partition(':')[0]}"
    name = signal_pb2.DeviceTrouble.Name(trouble).removeprefix("DEVICE_TROUBLE_").lower()  # type: ignore[arg-type]
    client_id, lane, grid = f"{name}:{since}", city.lane(category), city.grid_at(found.lon, found.lat)
    said = signal_pb2.Signal(
        signal_id=ids.signal_id(device, client_id), lane=lane.value, source=device, client_id=client_id,  # type: ignore[arg-type]
        home_area=grid.path[0] if grid else "", package_version=city.version,
        content_sha256=sha256(f"{device}\0{client_id}".encode()).digest(),
    )  # fmt: skip
    said.point.lon, said.point.lat = found.lon, found.lat
    said.observed_at.FromMicroseconds(since)
    said.received_at.FromMicroseconds(at)
    said.fault.device, said.fault.category = device, category
    said.fault.trouble = trouble  # type: ignore[assignment]
    said.fault.since.FromMicroseconds(since)
    return said, lane
