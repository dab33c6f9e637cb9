"""Bytes on a sensor's topic to its reading, or why they can never be one."""

import re

import msgspec

from gewu.city import City, Sensor
from gewu_intake.domain.reading import ReadingSaid, Refusal, refuse

PAYLOAD_BYTES = 1024
_TOPIC = re.compile(r"sensors/([a-z0-9-]{1,40})/readings")
_decode = msgspec.json.Decoder(ReadingSaid).decode
_encode = msgspec.json.encode


class Refused(msgspec.Struct, frozen=True):
    """Why; sensor_id: whose topic it came on, "" where that is no sensor's id."""

    why: Refusal
    text: str
    sensor_id: str = ""

    @property
    def payload(self) -> bytes:
        """What the sensor is told."""
        return _encode({"reason": self.why, "text": self.text})


def parse(topic: str, payload: bytes, city: City) -> tuple[Sensor, ReadingSaid] | Refused:
    """The sensor that speaks and what it says. Who speaks is the topic, which the broker lets nobody else publish on."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        return Refused(
            Refusal.BAD_TOPIC, f"{topic[:80]!r} must be sensors/<id>/readings, the id of a-z 0-9 -, at most 40"
        )
    id_ = found[1]
    sensor = city.sensors.get(id_)
    if sensor is None:
        return Refused(Refusal.UNKNOWN_SENSOR, f"sensor {id_} is not in the city package", id_)
    if len(payload) > PAYLOAD_BYTES:
        return Refused(Refusal.TOO_LARGE, f"{len(payload)} bytes, at most {PAYLOAD_BYTES}", id_)
    try:
        said = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return Refused(Refusal.NOT_A_READING, str(fault)[:200], id_)
    if why := refuse(said):
        return Refused(why, f"value {said.value} is no finite number", id_)
    return sensor, said
