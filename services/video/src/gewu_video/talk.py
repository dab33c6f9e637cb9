"""What a child says to its parent: four bytes of length, then one JSON object of a closed kind. Never pickles.

The child decodes what strangers send, so the parent believes nothing of it: neither its lengths nor its fields.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

MESSAGE_BYTES = 16 * 1024
ORDER_BYTES = 256 * 1024
_MOST = 64  # zones of a camera, hits of a picture
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class Ended(StrEnum):
    """Why a child ended: by its own word, or as its parent saw it."""

    PLAYED = "played"  # a file's end
    REFUSED = "refused"  # the source may not be opened
    UNREACHABLE = "unreachable"  # it did not open
    TIMED_OUT = "timed_out"
    CLOSED = "closed"  # a live source ended: a disconnect
    UNDECODABLE = "undecodable"
    STALE = "stale"  # killed: no new picture for too long
    MUTE = "mute"  # killed: it said nothing
    GARBLED = "garbled"  # killed: what it said is no message
    CRASHED = "crashed"
    RULES = "rules"  # by us: other rules hold now than those that it was ordered to look for
    STOPPED = "stopped"  # by us


class Sees(StrEnum):
    """What a child can do."""

    MOTION = "motion"
    PLATES = "plates"
    MASKED = "masked"  # pictures of city_management, after faces and plates in them were covered


class Up(msgspec.Struct, tag="up", tag_field="k", forbid_unknown_fields=True):
    """The source is open."""

    width: _Count
    height: _Count
    sees: Annotated[list[Sees], msgspec.Meta(max_length=4)]


class Beat(msgspec.Struct, tag="beat", tag_field="k", forbid_unknown_fields=True):
    """Each second. age: of the newest picture; looked: pictures looked at.

    dropped: those that were not, because a newer one came first or what they may show could not be covered.
    """

    age: _Seconds
    looked: _Count
    dropped: _Count


class Zones(msgspec.Struct, tag="zones", tag_field="k", forbid_unknown_fields=True):
    """Of one picture: which share of each zone is covered by what does not move."""

    covered: Annotated[dict[_Id, _Share], msgspec.Meta(max_length=_MOST)]


class Hit(msgspec.Struct, forbid_unknown_fields=True):
    """A plate that a rule names."""

    rule: _Id
    plate: Annotated[str, msgspec.Meta(min_length=7, max_length=8)]
    confidence: _Share


class Plates(msgspec.Struct, tag="plates", tag_field="k", forbid_unknown_fields=True):
    """Plates that were read, as a number; those that a rule asks for besides. All others died in the child."""

    read: _Count
    model: Annotated[str, msgspec.Meta(max_length=80)]
    hits: Annotated[list[Hit], msgspec.Meta(max_length=_MOST)]


class End(msgspec.Struct, tag="end", tag_field="k", forbid_unknown_fields=True):
    """Last words."""

    why: Ended


Message = Up | Beat | Zones | Plates | End
_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(Message)


class Garbled(Exception):
    """What came is no message."""


class ZoneOrder(msgspec.Struct):
    """A zone to watch; polygon in shares of the picture."""

    id: str
    polygon: list[tuple[float, float]]
    share: float


class Order(msgspec.Struct):
    """What a child is to do; the only thing that it is told, on its standard input, because a login may stand in `url`."""

    url: str
    is_live: bool
    fps: float
    loop: bool
    open_s: float
    read_s: float
    memory_bytes: int
    zones: list[ZoneOrder]
    privacy: list[list[tuple[float, float]]]
    masked: bool  # nothing is looked for before faces and plates are covered
    plates: dict[str, list[str]]  # rule → the plates that it names; empty: none is looked for
    parent: int


def worded(message: Message) -> bytes:
    """A message as its bytes, length first."""
    said = _encoder.encode(message)
    if len(said) > MESSAGE_BYTES:
        raise ValueError(f"a message of {len(said)} bytes; {MESSAGE_BYTES} is the most")
    return len(said).to_bytes(4) + said


def length(head: bytes) -> int:
    """How many bytes follow; Garbled where nobody of ours would say so much."""
    said = int.from_bytes(head)
    if not 0 < said <= MESSAGE_BYTES:
        raise Garbled(f"a length of {said}")
    return said


def message(body: bytes) -> Message:
    """The message; Garbled for everything else."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise Garbled(type(fault).__name__) from None


def ordered(order: Order) -> bytes:
    """An order as the one line that a child reads."""
    return _encoder.encode(order) + b"\n"


def order(line: bytes) -> Order:
    """The order of that line."""
    return msgspec.json.decode(line, type=Order)
