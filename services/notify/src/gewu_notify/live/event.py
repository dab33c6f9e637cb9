"""What the live feed hands on: an event with the bytes that its clients get, and who may have which of them."""

import re
from collections.abc import Sequence

from msgspec import Struct

from gewu_notify.domain.plan import Fact

_VECTOR = re.compile(r"\d{1,18}(?:-\d{1,18})*")


class Event(Struct, frozen=True, gc=False):
    """One record of cases.changed. told: the lines of the event without its id; gone: those for whoever could see the case
    only because one of the departments `left` had it."""

    partition: int
    offset: int
    lane: str
    department: str
    path: tuple[str, ...]
    told: bytes
    left: tuple[str, ...] = ()
    gone: bytes = b""


class Wanted(Struct, frozen=True):
    """What a client may read and wants to hear. names: departments and areas of its key, None for all."""

    names: frozenset[str] | None = None
    department: str | None = None
    area: str | None = None
    lane: str | None = None

    def told(self, event: Event) -> bytes:
        """What this client is told of it: all, that the case left, or nothing."""
        if self._takes(event, event.department):
            return event.told
        return event.gone if any(self._takes(event, department) for department in event.left) else b""

    def _takes(self, event: Event, department: str) -> bool:
        return (
            (self.department is None or department == self.department)
            and (self.area is None or self.area in event.path)
            and (self.lane is None or event.lane == self.lane)
            and (self.names is None or department in self.names or not self.names.isdisjoint(event.path))
        )


def event(fact: Fact, partition: int, offset: int) -> Event:
    """Encoded once, for everybody."""
    kind = b"exercise" if fact.exercise else b"case"
    told = b"event: %b.changed\ndata: %b\n\n" % (kind, fact.body)
    gone = b"event: %b.left\ndata: %b\n\n" % (kind, fact.gone) if fact.left else b""
    return Event(partition, offset, fact.lane.label, fact.department, fact.grid_path, told, fact.left, gone)


def vector(text: str, partitions: int) -> list[int] | None:
    """The next offset of each partition out of an event's id; None for what is no id of ours."""
    if not _VECTOR.fullmatch(text):
        return None
    found = [int(n) for n in text.split("-")]
    return found if len(found) == partitions else None


def id_line(ends: Sequence[int]) -> bytes:
    """The id after which everything before these offsets was heard."""
    return b"id: %b\n" % "-".join(map(str, ends)).encode()
