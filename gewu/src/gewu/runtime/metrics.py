"""The runtime's metric catalogue. Observed by batch, never by record: one observation costs more than decoding a record."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds; the low end resolves a healthy hot path, the high end a bad day.
AGE_BUCKETS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
TIME_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
_SIZES = (1, 5, 20, 50, 100, 200, 500, 1000, 2000)

_OUTCOMES = "Records by what became of them; the books in PostgreSQL are the truth, this is their speed."
_PARKED = "Records parked by reason: look at `gewu parked list`."
_RETRIES = "Stalls of a partition by reason: growing means something is away."
_SIZE = "Records a poll; near the maximum means that we lag."
_TIME = "Time of a poll's records from the first to the commit."
_LAG = "Records in the log after the position, over this process's partitions."
_SENT = "Events acknowledged by the broker."
_AGE = "From intake's receipt of the opening signal to the ack of its assignment, by lane; each once."
_WAITING = "Age of the oldest unsent event, whichever relay holds it; growing means a relay is stuck."
_SHARDS = "Shards that this process holds; over all replicas their sum is 32."


class DeliveryMetrics:
    """What becomes of records that arrive."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(name, text, ["topic"], buckets=buckets, registry=registry)

        self._outcomes = Counter("gewu_delivery_records", _OUTCOMES, ["topic", "outcome"], registry=registry)
        self._parked = Counter("gewu_delivery_parked", _PARKED, ["topic", "why"], registry=registry)
        self._retries = Counter("gewu_delivery_retries", _RETRIES, ["topic", "why"], registry=registry)
        self._size = histogram("gewu_delivery_batch_records", _SIZE, _SIZES)
        self._time = histogram("gewu_delivery_batch_seconds", _TIME, TIME_BUCKETS)
        self.lag = Gauge("gewu_delivery_lag_records", _LAG, ["topic"], registry=registry)

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
        """A poll's records of one partition were settled."""
        self._size.labels(topic).observe(records)
        self._time.labels(topic).observe(seconds)


class RelayMetrics:
    """What leaves through the outbox."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("gewu_relay_events", _SENT, ["topic"], registry=registry)
        self.age = Histogram("gewu_relay_event_age_seconds", _AGE, ["lane"], buckets=AGE_BUCKETS, registry=registry)
        self.waiting = Gauge("gewu_relay_oldest_unsent_seconds", _WAITING, registry=registry)
        self.shards = Gauge("gewu_relay_shards", _SHARDS, registry=registry)
