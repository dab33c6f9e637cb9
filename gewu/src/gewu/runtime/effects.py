"""What a service does with a batch, and what a delivery works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import asyncpg

from gewu.runtime.failpoint import Failpoints
from gewu.runtime.health import Health
from gewu.runtime.metrics import LaneMetrics
from gewu.runtime.postgres import Connection
from gewu.runtime.producer import Producer
from gewu.runtime.record import Record

T = TypeVar("T")


class Effects(Protocol, Generic[T]):
    """What a service does with a batch. at_most: how many items one transaction may take."""

    at_most: int

    def decode(self, record: Record) -> T:
        """One record's content; raises Never or NotNow. Pure: it is called again after a bisection."""

    async def apply(self, transaction: Connection, items: Sequence[T]) -> Mapping[str, int]:
        """Write all effects of these items and say how many had which outcome; the sum equals their number."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a delivery works with."""

    pool: asyncpg.Pool
    parking: Producer
    health: Health
    metrics: LaneMetrics
    failpoints: Failpoints
    committed: Callable[[], None] = lambda: None  # called after each commit, to wake who sends what it wrote
    reader: str = "dispatch"  # whose parking topics
    parking_limit: int = 100  # parked in a row on one topic: then the fault is ours, and that topic stops
