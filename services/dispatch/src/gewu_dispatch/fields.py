"""Single fields of messages, checked as they are read; each raises Never for a value that no writer of ours makes."""

import re
from datetime import UTC, datetime

from google.protobuf.message import Message

from gewu.clock import SECOND
from gewu.errors import Never, Why
from gewu.v1 import common_pb2, signal_pb2
from gewu_dispatch.domain.case import Picture, Plate

DIGEST = 32  # bytes of a SHA-256
PLATE_BOX = 512  # bytes of a sealed plate, which has some 110: no room for a picture
# Characters. What is copied into events must stay far below a record's limit, whoever wrote it to the log.
WORD, TEXT = 400, 8000
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_FIRST_YEAR, _LAST_YEAR = 2000, 2100  # beyond these a writer's clock is broken; and seconds as a float are exact
_FIRST_S, _END_S = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (_FIRST_YEAR, _LAST_YEAR + 1))


def position(said: common_pb2.Point) -> tuple[float, float, float | None]:
    """Longitude and latitude in degrees and, where it is said, the accuracy in metres."""
    lon, lat = said.lon, said.lat
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise Never(Why.BAD_FIELD, f"point {lon}, {lat} is not on Earth")
    return lon, lat, said.accuracy_m if said.HasField("accuracy_m") else None


def picture(said: common_pb2.Picture) -> Picture:
    """What a message says of a picture; whether that is so is asked elsewhere."""
    if len(said.sha256) != DIGEST or not said.masked_by:
        raise Never(Why.BAD_FIELD, "a picture needs a sha256 and the name of its masker")
    bounded(said.type, said.masked_by)
    if "\0" in said.type + said.masked_by:
        raise Never(Why.BAD_FIELD, "no table takes a text with a NUL")
    if said.bytes >= 1 << 63:
        raise Never(Why.BAD_FIELD, f"a picture of {said.bytes} bytes")
    return Picture(said.sha256, said.bytes, said.type, said.masked_by, said.reference)


def plate(said: signal_pb2.Detection) -> Plate | None:
    """The sealed plate of a detection, if it brought one; whether a rule asks for it is asked elsewhere."""
    if not said.HasField("plate"):
        return None
    key_id, box, rule = said.plate.key_id, said.plate.box, said.rule_id
    bounded(key_id, rule)
    if not key_id or not 0 < len(box) <= PLATE_BOX or "\0" in key_id:
        raise Never(
            Why.BAD_FIELD, f"a sealed plate of {len(box)} bytes under key {key_id[:80]!r}; it has at most {PLATE_BOX}"
        )
    return Plate(key_id, box, rule)


def time(said: Message, name: str) -> int:
    """A moment in microseconds since 1970; it must be given, and lie in years that a clock may show."""
    stamp = getattr(said, name)
    seconds, nanos = stamp.seconds, stamp.nanos
    if not (_FIRST_S <= seconds < _END_S and 0 <= nanos < 1_000_000_000):
        if not said.HasField(name):  # read as 1970
            raise Never(Why.BAD_FIELD, f"{name} must be given")
        raise Never(Why.BAD_FIELD, f"{name}: {seconds} s {nanos} ns lies outside {_FIRST_YEAR} to {_LAST_YEAR}")
    return seconds * SECOND + nanos // 1000


def bounded(*texts: str, most: int = WORD) -> None:
    """No text is longer than `most` characters."""
    if len("".join(texts)) <= most:
        return  # nearly always, and then none of them is longer
    for text in texts:
        if len(text) > most:
            raise Never(Why.BAD_FIELD, f"a text of {len(text)} characters, at most {most}: {text[:40]!r}…")


def uuid(name: str, said: str) -> None:
    """It is written as a UUID is."""
    if not _UUID.fullmatch(said):
        raise Never(Why.BAD_FIELD, f"{name} {said[:80]!r} is not a UUID")
