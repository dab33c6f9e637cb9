"""The decoders that both consumers use."""

from collections.abc import Callable

from gewu import codec, topics
from gewu.lane import Lane
from gewu.runtime.effects import Record
from gewu.v1.signal_pb2 import Signal
from gewu_dispatch import wire

_TYPES = (codec.SIGNAL_REPORT,)


def chosen(name: str) -> Callable[[Record], object]:
    """`dispatch`: as dispatch reads a signal, every field checked; `parse`: type and protobuf, and nothing read."""
    return _as_dispatch if name == "dispatch" else _parse


def _as_dispatch(record: Record) -> object:
    type_ = codec.check_type(codec.type_of(record.headers), _TYPES)
    return wire.signal(record.value, type_, _LANE)


def _parse(record: Record) -> object:
    codec.check_type(codec.type_of(record.headers), _TYPES)
    return codec.decode(Signal, record.value)


_LANE = topics.lane_of(topics.signals(Lane.P2))
