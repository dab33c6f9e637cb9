"""What is read: records of the log and rows of the database, as plain values. An order is (incarnation, version) in one
number, so that millions of them compare fast."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

NEW, RAISED, WITHDRAWN, CLEARED = 1, 2, 3, 4  # kinds of assignment, as on the wire
ANONYMOUS = "anonymous"
EXAMPLES = 20


def plain(source: str) -> str:
    """A source as ledgers name it: a key by its bare id, everything else with the namespace of its kind."""
    return source.removeprefix("key:")


def order_of(incarnation: int, version: int) -> int:
    """(incarnation, version) as one number that sorts the same."""
    return incarnation << 32 | version


def worded(order: int | None) -> str:
    """An order for people: 1.3 is version 3 of incarnation 1."""
    return "none" if order is None else f"{order >> 32}.{order & 0xFFFFFFFF}"


class Changed(NamedTuple):
    """A record of cases.changed: the case is now like this."""

    topic: str
    partition: int
    offset: int
    case: bytes
    order: int
    event: bytes
    superseded: bool
    digest: int = 0  # of the whole message
    cleared: bool = False  # it says that every sensor measures what is usual again


class Assigned(NamedTuple):
    """An assignment on a department's topic; `department` is the topic's, `holder` the one that the case names."""

    topic: str
    partition: int
    offset: int
    case: bytes
    order: int
    event: bytes
    department: str
    holder: str
    kind: int
    lane: int = 0
    digest: int = 0


class Refused(NamedTuple):
    """A refused action on a department's topic; only its repeats are counted."""

    event: bytes
    digest: int = 0


class Unreadable(NamedTuple):
    """A record that a department could not read either."""

    place: str
    why: str


Said = Changed | Assigned | Refused | Unreadable


class CaseRow(NamedTuple):
    """A row of cases."""

    case: bytes
    incarnation: int
    version: int
    department: str
    signals: int
    lane: int = 0


class Opened(NamedTuple):
    """A row of cases beside the one signal that opened it. said, thing, received_at: that signal's category as it was
    worded, its object and its time; None where several signals opened the case, or none, which are faults of their own.
    """

    case: bytes
    department: str
    rule: str
    grid: str
    lon: float | None
    lat: float | None
    package_version: str
    said: str | None
    thing: str | None
    received_at: datetime | None
    returned: bool  # a department gave it back: who has it now, no rule says
    is_open: bool = True
    exercise: bool = False
    object: str = ""  # the case's, which a later signal may have brought


class Landed(NamedTuple):
    """The case that a crossing opened or joined, at which order, and when that case was handled, in microseconds since 1970."""

    case: bytes
    order: int
    handled_at: int | None


class SignalRow(NamedTuple):
    """A row of signals."""

    signal: bytes
    case: bytes
    outcome: str
    source: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """What of a partition was read: from its first record to `end`. From `settled` on, records may be younger than the
    database's snapshot."""

    topic: str
    partition: int
    first: int
    settled: int
    end: int


@dataclass(frozen=True, slots=True)
class Position:
    """A row of position."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    skipped: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """Counts of rows that the books must agree with."""

    applied: int
    refused: int
    conflicts: int
    without_history: list[bytes]  # cases whose version has no row in history, the first of them
