"""The topic registry: the only place where a topic's name is spelled, with who says and who hears on it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from math import floor
from zlib import crc32

from gewu import codec
from gewu.lane import Lane

KIB = 1024

# A producer's batch may reach this many bytes; every topic's max.message.bytes (Kafka's word for the batch limit) is
# at least 4 KiB above it, because a refused batch ends its producer.
BATCH_BYTES = 256 * KIB
BATCH_MARGIN = 4 * KIB

# Signals that could be of one thing meet in one batch, where joining needs no second lock. Five kilometres: few things lie on
# a line, and a flood of one class in a large city still spreads over partitions.
AREAS_PER_DEGREE = 20

DEPARTMENT_ID = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as provisioned, checked at start-up and documented."""

    name: str
    types: tuple[str, ...]  # CloudEvents types that may stand on it
    key: str  # what the record key is
    partition_by: str  # the rule by which a writer picks the partition
    partitions: int
    retention: timedelta | None  # None: not cut by time
    record_bytes: int  # limit of key + value + headers of one record
    says: tuple[str, ...]  # who may write: services by name, a department as department:<id>
    hears: tuple[str, ...]  # who reads
    owner: str  # who looks after what goes wrong on it
    parking: str | None = None  # name of the topic that takes what its reader can never read

    @property
    def batch_bytes(self) -> int:
        """The topic's max.message.bytes: the larger of a full batch and one largest record, plus the margin."""
        return max(BATCH_BYTES, self.record_bytes) + BATCH_MARGIN


# One record of a report stays far below a batch; larger things (pictures) travel by reference.
SIGNAL_BYTES = 64 * KIB
CASE_BYTES = 128 * KIB  # one version of a case may name every signal of a batch
PARKING_SLACK = 64 * KIB

# Kept longer than the oldest backup that may be restored, so that a restore can read again from its positions.
SIGNAL_RETENTION = timedelta(days=8)
CASE_RETENTION = timedelta(days=30)


def signals(lane: Lane) -> str:
    """Name of a lane's signal topic."""
    return f"signals.{lane.label}"


@lru_cache(1 << 10)  # asked for each event
def dispatch(department: str) -> str:
    """Name of the topic on which a department hears what it shall do."""
    return f"dispatch.{_checked(department)}"


def actions(department: str) -> str:
    """Name of the topic on which a department answers."""
    return f"{ACTIONS}{_checked(department)}"


CASES = "cases.changed"
SUSPENDED = "rules.suspended"
ACTIONS = "actions."  # how the name of each department's own begins


def parked(reader: str, source: str) -> str:
    """Name of the topic where this reader of a source topic parks; all departments' actions share one."""
    return f"parked.{reader}.actions" if source.startswith("actions.") else f"parked.{reader}.{source}"


def group_prefix(role: str) -> str:
    """What the consumer groups of a service, or of a department as department:<id>, begin with.

    A department's ends in a character that no id holds: else `water` would have the groups of `water-works`.
    """
    kind, _, department = role.partition(":")
    return f"department.{_checked(department)}." if kind == "department" else f"gewu-{role}-"


def department_group(department: str, reader: str) -> str:
    """The consumer group of one of a department's readers."""
    return group_prefix(f"department:{department}") + reader


def lane_of(name: str) -> Lane:
    """The lane of a signal topic; ValueError for any other. A record's urgency is its topic's, never its own claim."""
    for lane in Lane:
        if signals(lane) == name:
            return lane
    raise ValueError(f"{name} is no lane")


def department_of(name: str) -> str:
    """The department of a dispatch or actions topic; ValueError for any other topic."""
    head, _, department = name.partition(".")
    if head not in ("dispatch", "actions"):
        raise ValueError(f"{name} belongs to no department")
    return _checked(department)


def is_departments(name: str) -> bool:
    """Whether a topic is a department's: one on which it hears, or one on which it answers."""
    try:
        department_of(name)
    except ValueError:
        return False
    return True


def area(lon: float, lat: float) -> tuple[int, int]:
    """The column and row of the area that a point in degrees lies in."""
    return floor(lon * AREAS_PER_DEGREE), floor(lat * AREAS_PER_DEGREE)


def signal_key(class_: str, area: tuple[int, int]) -> str:
    """The key of signals that could be of one thing: of one class in one area."""
    return f"{class_}:{area[0]}:{area[1]}"


def area_partition(class_: str, area: tuple[int, int], partitions: int) -> int:
    """The partition of signals of one class in one area: the areas of a class take turns, so that chance piles none on others."""
    return (crc32(class_.encode()) + area[0] + 3 * area[1]) % partitions


def partition(key: str, partitions: int) -> int:
    """The partition of a key: CRC-32 in C, because the clients' murmur2 in pure Python costs 3.4 us a record."""
    return crc32(key.encode()) % partitions


def registry(departments: Iterable[str]) -> tuple[Topic, ...]:
    """Every topic of a city with these departments."""
    fixed = (*(_signal_topic(lane) for lane in Lane), _CASES_TOPIC, _SUSPENDED_TOPIC)
    own = (make(d) for d in sorted(departments) for make in (_dispatch_topic, _actions_topic))
    topics = (*fixed, *own)
    return (*topics, *_parking_topics(topics))


_BY_KEY = "zlib CRC-32 of the key, modulo the partitions"
_BY_AREA = (
    "zlib CRC-32 of the class, plus the area's column and three times its row, modulo the partitions; an id: its CRC-32"
)
_DISPATCH = ("dispatch",)


def _signal_topic(lane: Lane) -> Topic:
    types = (codec.SIGNAL_REPORT, codec.SIGNAL_READING, codec.SIGNAL_DETECTION, codec.SIGNAL_FAULT)
    return Topic(
        name=signals(lane), types=types, key="class and area, or its own id; a reading: its sensor", partition_by=_BY_AREA,
        partitions=6, retention=SIGNAL_RETENTION, record_bytes=SIGNAL_BYTES, says=("intake", "video", "dispatch"),
        hears=_DISPATCH, owner="operations", parking=parked("dispatch", signals(lane)),
    )  # fmt: skip


_CASES_TOPIC = Topic(
    name=CASES, types=(codec.CASE_CHANGED,), key="case id", partition_by=_BY_KEY, partitions=6,
    retention=CASE_RETENTION, record_bytes=CASE_BYTES, says=_DISPATCH, hears=("notify", "canary"),
    owner="operations", parking=parked("notify", CASES),
)  # fmt: skip


# The memory of video, which has no other: a rule that suspended itself stays so when its process is started again.
_SUSPENDED_TOPIC = Topic(
    name=SUSPENDED, types=(codec.RULE_SUSPENDED,), key="rule id", partition_by=_BY_KEY, partitions=1,
    retention=None, record_bytes=4 * KIB, says=("video",), hears=("video",), owner="operations",
)  # fmt: skip


def _dispatch_topic(department: str) -> Topic:
    return Topic(
        name=dispatch(department), types=(codec.ASSIGNMENT, codec.ASSIGNMENT_EXERCISE, codec.ACTION_REFUSED), key="case id",
        partition_by=_BY_KEY, partitions=2, retention=CASE_RETENTION, record_bytes=CASE_BYTES, says=_DISPATCH,
        hears=(f"department:{department}",), owner=f"department:{department}",
    )  # fmt: skip


def _actions_topic(department: str) -> Topic:
    return Topic(
        name=actions(department), types=(codec.ACTION,), key="case id", partition_by=_BY_KEY, partitions=2,
        retention=CASE_RETENTION, record_bytes=CASE_BYTES, says=(f"department:{department}", "dispatch"), hears=_DISPATCH,
        owner=f"department:{department}", parking=parked("dispatch", actions(department)),
    )  # fmt: skip


def _parking_topics(sources: Iterable[Topic]) -> tuple[Topic, ...]:
    room: dict[str, int] = {}
    for topic in sources:
        if topic.parking:
            room[topic.parking] = max(room.get(topic.parking, 0), topic.batch_bytes + PARKING_SLACK)
    return tuple(
        Topic(
            name=name, types=(), key="topic:partition:offset of the parked record", partition_by="always 0",
            partitions=1, retention=None, record_bytes=size, says=(name.split(".")[1],), hears=("gewu parked",),
            owner="operations",
        )
        for name, size in room.items()
    )  # fmt: skip


def _checked(department: str) -> str:
    if not DEPARTMENT_ID.fullmatch(department):
        raise ValueError(f"department id {department!r} must match {DEPARTMENT_ID.pattern}")
    return department
