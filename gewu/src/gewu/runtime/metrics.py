"""The runtime's part of the metric catalogue (docs/metrics.md). A text says what is counted, then when to worry."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Gauge

from gewu.errors import PARKS, STALLS, Why
from gewu.lane import Lane
from gewu.runtime import positions
from gewu.runtime.instruments import AGE_BUCKETS, SIZE_BUCKETS, TIME_BUCKETS, Spread, Tally

_OUTCOMES = (
    "Records by what became of them; the books in PostgreSQL are the truth, this is their speed. "
    "Worry when nothing is opened or joined while lag grows."
)
_PARKED = "Records parked by reason. Worry at each one but `not_served`: look at `gewu parked list`."
_RETRIES = "Stalls of a partition by reason. Worry when it grows: something is away."
_STALLED = "Partitions that stall right now, by reason. Worry above 0 for half a minute; at `parking_limit` at once."
_SIZE = "Records a poll. Worry when it stays near the maximum: we lag."
_TIME = (
    "Time of a poll's records from the first to the commit. Worry above 1 s in p0, 2.5 s elsewhere, and when it grows "
    "while the size does not."
)
_AGE = (
    "From intake's receipt of a signal (an action: from when it was said) to the commit of what it caused, "
    "each record. Worry when p99 leaves its usual place: compare it with the batch's time and the lag."
)
_LAG = "Records in the log after the position, over this process's partitions. Worry when it only grows."
_BEHIND = "Age of the oldest record in the log after the position, to 5 s. Worry above 5 s in p0, 30 s elsewhere."
_OWNED = "Partitions that this process reads. Worry when all replicas together have fewer than there are."
_IN_ALL = "Partitions that there are, for whoever reads them. Worry never: it is what the other is held against."

_SENT = "Events acknowledged by the broker. Worry when it stands still while the oldest unsent grows."
_RELAYED = "From the end of its transaction to the broker's ack, each event. Worry above 1 s."
_EVENT_AGE = (
    "From intake's receipt of the opening signal to the ack of its assignment, each once but those of drills. "
    "Worry when it grows: the ages before it say where."
)
_UNSENT = "Age of the oldest unsent event, whichever relay holds it. Worry above 10 s: a relay is stuck."
_WAITING = "Events that wait in the outbox; beyond 10,000 they are not counted. Worry when it only grows."
_SHARDS = "Shards that this process holds. Worry when they are not 32 over all replicas."
_APART = "Topics left out for now because they refuse their events. Worry above 0: departments wait."


class LaneMetrics:
    """What becomes of the records of one lane, or of departments' actions."""

    def __init__(self, of: "DeliveryMetrics", lane: str) -> None:
        # Every series stands from the start at 0: an increase from nothing would be seen by no alert.
        self._outcomes = {name: of.outcomes.labels(lane, name) for name in positions.OUTCOMES}
        self._parked = {why: of.parked.labels(lane, why) for why in PARKS}
        self._retries = {why: of.retries.labels(lane, why) for why in STALLS}
        self._stalled = {why: of.stalled.labels(lane, why) for why in STALLS}
        self._size, self._time, self._age = (f.labels(lane) for f in (of.size, of.time, of.age))
        self._lag, self._behind = of.lag.labels(lane), of.behind.labels(lane)
        self._owned, self._in_all = of.owned.labels(lane), of.in_all.labels(lane)

    def reads(self, partitions: int, owned: Callable[[], int], stalled: Callable[[], Sequence[Why]]) -> None:
        """There are so many partitions; how many are ours and why some of these stall is asked at each scrape."""
        self._in_all.set(partitions)
        self._owned.set_function(owned)
        for why, gauge in self._stalled.items():
            gauge.set_function(lambda why=why: stalled().count(why))

    def committed(self, outcomes: Mapping[str, int], said_at_ms: Iterable[int]) -> None:
        """A committed transaction: its records' outcomes, and when each was said."""
        for outcome, count in outcomes.items():
            if count:
                self._outcomes[outcome].inc(count)
        now = time.time()
        self._age.observe_all(now - at / 1000 for at in said_at_ms)

    def parked(self, why: Why) -> None:
        """One record was parked."""
        self._parked[why].inc()

    def retry(self, why: Why) -> None:
        """A partition stalled."""
        self._retries[why].inc()

    def batch(self, records: int, seconds: float) -> None:
        """A poll's records of one partition were settled."""
        self._size.observe(records)
        self._time.observe(seconds)

    def waits(self, records: int, oldest_s: float) -> None:
        """So many records wait in the log, the oldest for so long."""
        self._lag.set(records)
        self._behind.set(oldest_s)


class DeliveryMetrics:
    """What becomes of records that arrive."""

    def __init__(self, registry: CollectorRegistry) -> None:
        lane = ["lane"]
        self.outcomes = Tally("gewu_delivery_records", _OUTCOMES, ["lane", "outcome"], registry)
        self.parked = Tally("gewu_delivery_parked", _PARKED, ["lane", "why"], registry)
        self.retries = Tally("gewu_delivery_retries", _RETRIES, ["lane", "why"], registry)
        self.stalled = Gauge("gewu_delivery_stalled_partitions", _STALLED, ["lane", "why"], registry=registry)
        self.size = Spread("gewu_delivery_batch_records", _SIZE, lane, SIZE_BUCKETS, registry)
        self.time = Spread("gewu_delivery_batch_seconds", _TIME, lane, TIME_BUCKETS, registry)
        self.age = Spread("gewu_delivery_age_seconds", _AGE, lane, AGE_BUCKETS, registry)
        self.lag = Gauge("gewu_delivery_lag_records", _LAG, lane, registry=registry)
        self.behind = Gauge("gewu_delivery_lag_seconds", _BEHIND, lane, registry=registry)
        self.owned = Gauge("gewu_delivery_partitions", _OWNED, lane, registry=registry)
        self.in_all = Gauge("gewu_delivery_partitions_in_all", _IN_ALL, lane, registry=registry)

    def of(self, lane: str) -> LaneMetrics:
        """Those of a lane's label, or of `actions`."""
        return LaneMetrics(self, lane)


class RelayMetrics:
    """What leaves through the outbox."""

    def __init__(self, registry: CollectorRegistry) -> None:
        lane = ["lane"]
        self.sent = Tally("gewu_relay_events", _SENT, ["topic"], registry)
        relayed = Spread("gewu_relay_age_seconds", _RELAYED, lane, AGE_BUCKETS, registry)
        age = Spread("gewu_relay_event_age_seconds", _EVENT_AGE, lane, AGE_BUCKETS, registry)
        unsent = Gauge("gewu_relay_oldest_unsent_seconds", _UNSENT, lane, registry=registry)
        self._relayed = {found: relayed.labels(found.label) for found in Lane}
        self._age = {found: age.labels(found.label) for found in Lane}
        self._unsent = {found: unsent.labels(found.label) for found in Lane}
        self.waiting = Gauge("gewu_relay_unsent_events", _WAITING, registry=registry)
        self.shards = Gauge("gewu_relay_shards", _SHARDS, registry=registry)
        self.apart = Gauge("gewu_relay_topics_left_out", _APART, registry=registry)

    def said(self, lane: Lane, since_decided: Sequence[float], since_received: Sequence[float]) -> None:
        """Events of a lane have their ack: seconds since their decision, and since the receipt of what opened a case."""
        self._relayed[lane].observe_all(since_decided)
        self._age[lane].observe_all(since_received)

    def oldest(self, ages: Mapping[Lane, float]) -> None:
        """How long the oldest unsent event of each lane has waited; those that are not named have none."""
        for lane, gauge in self._unsent.items():
            gauge.set(ages.get(lane, 0.0))
