"""What producers tell about themselves: the part of the metric catalogue that every service has."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge

from gewu.runtime.instruments import AGE_BUCKETS, SIZE_BUCKETS, TIME_BUCKETS, Spread, Tally
from gewu.runtime.producer import Fault, Overloaded, TooLarge

_RECEIVED = "Records that came to a producer; in intake, reports by lane. Worry when it is far from its usual course."
_ACKED = "Records acknowledged by the broker. Worry when it stays behind what was received."
_REFUSED = (
    "Records without an ack, by reason: too_large, overloaded (the buffer is full), not_sent (dropped at the deadline "
    "or given back), unknown (sent, no ack yet). Worry at overloaded and unknown: clients have to come again."
)
_SIZE = "Records a batch. Worry never by itself: larger batches mean more load or slower acks."
_ACK = "From sending a batch to its ack. Worry above 0.1 s: the broker or the network is slow."
_AGE = "From taking a record to its ack, each record; in intake, from a report's receipt. Worry above 0.5 s at p99."
_BYTES = "Bytes that wait for the broker's ack. Worry near the bound: from there on records are refused."
_OLDEST = "Age of the oldest batch without an ack. Worry above 1 s: nothing of that lane gets through."
_REBUILDS = "Producers thrown away after a failed batch. Worry when it grows twice within minutes."
_UP = "1 while there is a producer to send with. Worry at 0 for more than seconds."


class Unacked(StrEnum):
    """Why a record has no ack."""

    TOO_LARGE = "too_large"
    OVERLOADED = "overloaded"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class Metered(Protocol):
    """A producer that counts some things by itself."""

    received: int
    rebuilds: int
    pending_bytes: int
    is_up: bool

    def oldest_s(self) -> float:
        """Age of the oldest batch without an ack."""


class Meter:
    """One producer's; told by batch."""

    def __init__(self, of: "ProducerMetrics", name: str) -> None:
        self._acked = of.acked.labels(name)
        self._refused = {reason: of.refused.labels(name, reason) for reason in Unacked}
        self._size, self._sending, self._age = (f.labels(name) for f in (of.size, of.sending, of.age))

    def acked(self, taken: Sequence[tuple[float, int]], sent_at: float, now: float) -> None:
        """A batch has its ack; taken: when records came, on the clock of `now`, and how many."""
        records = sum(count for _, count in taken)
        self._acked.inc(records)
        self._size.observe(records)
        self._sending.observe(now - sent_at)
        for at, count in taken:
            self._age.observe_many(now - at, count)

    def answered(self, fault: Fault, records: int) -> None:
        """Records that were taken are answered without an ack."""
        self._refused[Unacked.NOT_SENT if isinstance(fault, Overloaded) else Unacked.UNKNOWN].inc(records)

    def refused(self, fault: Fault, records: int) -> None:
        """Records were not even taken."""
        self._refused[Unacked.TOO_LARGE if isinstance(fault, TooLarge) else Unacked.OVERLOADED].inc(records)


class ProducerMetrics:
    """All producers of a process, by name: intake's are named after their lanes."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = ["producer"]
        self.acked = Tally("gewu_producer_acked", _ACKED, name, registry)
        self.refused = Tally("gewu_producer_refused", _REFUSED, ["producer", "reason"], registry)
        self.size = Spread("gewu_producer_batch_records", _SIZE, name, SIZE_BUCKETS, registry)
        self.sending = Spread("gewu_producer_ack_seconds", _ACK, name, TIME_BUCKETS, registry)
        self.age = Spread("gewu_producer_age_seconds", _AGE, name, AGE_BUCKETS, registry)
        self._received = Tally("gewu_producer_received", _RECEIVED, name, registry)
        self._rebuilds = Tally("gewu_producer_rebuilds", _REBUILDS, name, registry)
        self._bytes = Gauge("gewu_producer_waiting_bytes", _BYTES, name, registry=registry)
        self._oldest = Gauge("gewu_producer_oldest_waiting_seconds", _OLDEST, name, registry=registry)
        self._up = Gauge("gewu_producer_up", _UP, name, registry=registry)

    def of(self, name: str) -> Meter:
        """For one producer."""
        return Meter(self, name)

    def follow(self, producers: Mapping[str, Metered]) -> None:
        """Read what the producers count by themselves at each scrape."""
        for name, producer in producers.items():
            self._received.labels(name).set_function(lambda p=producer: p.received)
            self._rebuilds.labels(name).set_function(lambda p=producer: p.rebuilds)
            self._bytes.labels(name).set_function(lambda p=producer: p.pending_bytes)
            self._oldest.labels(name).set_function(lambda p=producer: p.oldest_s())
            self._up.labels(name).set_function(lambda p=producer: p.is_up)
