"""CloudEvents 1.0, binary mode, on Kafka: four headers and a protobuf value, nothing else.

Eight headers cost half again the CPU of a bulk produce, so time, schema and trace stay inside the message.
"""

from collections.abc import Collection, Iterable
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from gewu.errors import Never, NotNow, Why

Header = tuple[str, bytes]
M = TypeVar("M", bound=Message)

SIGNAL_REPORT = "gewu.v1.signal.report"
SIGNAL_READING = "gewu.v1.signal.reading"
SIGNAL_DETECTION = "gewu.v1.signal.detection"
SIGNAL_FAULT = "gewu.v1.signal.fault"
RULE_SUSPENDED = "gewu.v1.rule.suspended"
CASE_CHANGED = "gewu.v1.case.changed"
ASSIGNMENT = "gewu.v1.assignment"
ASSIGNMENT_EXERCISE = "gewu.v1.assignment.exercise"
ACTION = "gewu.v1.action"
ACTION_REFUSED = "gewu.v1.action.refused"


class Envelope:
    """The headers of one type from one source; built once, only the id differs from record to record."""

    __slots__ = ("_fixed", "type")

    def __init__(self, type_: str, source: str) -> None:
        self.type = type_
        self._fixed = (("ce_specversion", b"1.0"), ("ce_type", type_.encode()), ("ce_source", source.encode()))

    def headers(self, id_: str) -> list[Header]:
        """The four headers of the record with this id."""
        return [*self._fixed, ("ce_id", id_.encode())]


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """The ce_type of a record, or "" when it has none that can be read; foreign headers are nobody's fault."""
    for name, value in headers:
        if name == "ce_type" and value:
            return value.decode("ascii", "replace")
    return ""


def check_type(said: str, expected: Collection[str]) -> str:
    """The type if it is one of those expected.

    Raises NotNow for a newer major of one of our contracts (the reader is behind, the record is fine) and Never for
    everything else.
    """
    if said in expected:
        return said
    parts = said.split(".", 2)
    if (
        len(parts) == 3
        and parts[0] == "gewu"
        and parts[1][:1] == "v"
        and parts[1][1:].isdigit()
        and int(parts[1][1:]) > 1
    ):
        raise NotNow(Why.NEWER_CONTRACT, f"{said}: deploy a reader that knows it")
    raise Never(Why.WRONG_TYPE, f"ce_type is {said!r}, expected one of {', '.join(expected)}")


def decode(message: type[M], value: bytes | None) -> M:
    """The message in these bytes; Never when there are none or they cannot be read. Unknown fields pass."""
    if not value:
        raise Never(Why.EMPTY, "the record has no value")
    try:
        return message.FromString(value)
    except DecodeError as fault:
        raise Never(Why.UNDECODABLE, str(fault)) from None
