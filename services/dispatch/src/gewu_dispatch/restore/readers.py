"""What readers of the log hold of each case: the newest that cases.changed and departments' topics have told them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiokafka import ConsumerRecord, TopicPartition

from gewu import codec, ids, topics
from gewu.v1.assignment_pb2 import Assignment, AssignmentKind
from gewu.v1.case_pb2 import Case, CaseChange, CaseChanged

Order = tuple[int, int]
Record = ConsumerRecord[Any, Any]


class Span(Protocol):
    """What stands in a partition."""

    topic: str
    partition: int
    first: int
    end: int


class Log(Protocol):
    """Kafka, read whole."""

    partitions: dict[str, int]

    def places(self, topics: Iterable[str]) -> list[TopicPartition]:
        """Every partition of these topics."""

    async def spans(self, places: Sequence[TopicPartition]) -> list[Any]:
        """What there is to read now."""

    def read(self, spans: Sequence[Any]) -> AsyncIterator[list[Record]]:
        """The records of these spans, each partition's in order."""


@dataclass(slots=True)
class Held:
    """One case as its readers have it. told: each department's newest order, and whether it has the case since then."""

    order: Order = (0, 0)
    last: bytes = b""
    opener: str = ""
    superseded: bool = False
    told: dict[str, tuple[Order, bool]] = field(default_factory=dict)

    @property
    def believers(self) -> set[str]:
        """Departments that believe the case is theirs."""
        return {department for department, (_, has_it) in self.told.items() if has_it}

    @property
    def newest(self) -> Order:
        """The newest that anybody was told."""
        return max(self.order, *(order for order, _ in self.told.values()), (0, 0))

    def message(self) -> Case:
        """The case as it was announced last."""
        return CaseChanged.FromString(self.last).case


class Readers:
    """Hears records as readers do: what is not newer than what they hold is dropped."""

    def __init__(self) -> None:
        self.cases: dict[str, Held] = {}
        self.highest = 0  # incarnation

    def hear(self, record: Record) -> None:
        """Take a record; what is no message of ours tells nobody anything."""
        type_ = codec.type_of(record.headers)
        if type_ == codec.CASE_CHANGED:
            self._changed(CaseChanged.FromString(record.value), record.value)
        elif type_ in (codec.ASSIGNMENT, codec.ASSIGNMENT_EXERCISE):
            self._assigned(Assignment.FromString(record.value), topics.department_of(record.topic))

    def _changed(self, said: CaseChanged, value: bytes) -> None:
        held, order = self._held(said.case)
        if said.change == CaseChange.CASE_CHANGE_OPENED:
            held.opener = next((s for s in said.signal_ids if ids.case_id(s) == said.case.case_id), "")
        if order > held.order:
            held.order, held.last = order, value
            held.superseded = said.change == CaseChange.CASE_CHANGE_SUPERSEDED

    def _assigned(self, said: Assignment, department: str) -> None:
        held, order = self._held(said.case)
        if order > held.told.get(department, ((0, 0), False))[0]:
            held.told[department] = order, said.kind != AssignmentKind.ASSIGNMENT_KIND_WITHDRAWN

    def _held(self, said: Case) -> tuple[Held, Order]:
        self.highest = max(self.highest, said.incarnation)
        return self.cases.setdefault(said.case_id, Held()), (said.incarnation, said.version)


def departments(log: Log) -> list[str]:
    """Those that have topics."""
    found = set()
    for name in log.partitions:
        try:
            found.add(topics.department_of(name))
        except ValueError:
            continue
    return sorted(found)
