"""The runtime's metric catalogue. Observed by batch, never by record: one observation a record costs more than decoding it."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds; the low end resolves a healthy hot path, the high end a bad day.
AGE_BUCKETS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TIME_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


class DeliveryMetrics:
    """What becomes of records that arrive."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = Counter("gewu_delivery_records", "Records by what became of them; the books in PostgreSQL are the truth, this is their speed.", ["topic", "outcome"], registry=registry)  # fmt: skip
        self._parked = Counter("gewu_delivery_parked", "Records parked by reason: look at `gewu parked list`.", ["topic", "why"], registry=registry)  # fmt: skip
        self._retries = Counter("gewu_delivery_retries", "Stalls of a partition by reason: growing means something is away.", ["topic", "why"], registry=registry)  # fmt: skip
        self._size = Histogram("gewu_delivery_batch_records", "Records a transaction; near the maximum means that we lag.", ["topic"], buckets=(1, 5, 20, 50, 100, 200, 500, 1000, 2000), registry=registry)  # fmt: skip
        self._time = Histogram("gewu_delivery_batch_seconds", "Time of a batch from its first record to the commit.", ["topic"], buckets=TIME_BUCKETS, registry=registry)  # fmt: skip
        self.lag = Gauge("gewu_delivery_lag_records", "Records in the log after the position, over this process's partitions.", ["topic"], registry=registry)  # fmt: skip

    def outcomes(self, topic: str, counts: Mapping[str, int]) -> None:
        """A committed transaction's outcomes."""
        for outcome, count in counts.items():
            if count:
                self._outcomes.labels(topic, outcome).inc(count)

    def parked(self, topic: str, why: str) -> None:
        """One record was parked."""
        self._parked.labels(topic, why).inc()

    def retry(self, topic: str, why: str) -> None:
        """A partition stalled."""
        self._retries.labels(topic, why).inc()

    def batch(self, topic: str, records: int, seconds: float) -> None:
        """A batch was committed."""
        self._size.labels(topic).observe(records)
        self._time.labels(topic).observe(seconds)


class RelayMetrics:
    """What leaves through the outbox."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("gewu_relay_events", "Events acknowledged by the broker.", ["topic"], registry=registry)  # fmt: skip
        self.age = Histogram("gewu_relay_event_age_seconds", "From intake's receipt of the causing signal to the ack of its event; each event once.", ["lane"], buckets=AGE_BUCKETS, registry=registry)  # fmt: skip
        self.waiting = Gauge("gewu_relay_oldest_unsent_seconds", "Age of the oldest unsent event at the last look; growing means the relay is stuck.", registry=registry)  # fmt: skip
        self.shards = Gauge("gewu_relay_shards", "Shards that this process holds; over all replicas their sum is 32.", registry=registry)  # fmt: skip
