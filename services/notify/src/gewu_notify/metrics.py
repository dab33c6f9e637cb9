"""Notify's part of the metric catalogue (docs/metrics.md); labels come from closed enums and from the city package."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge

from gewu.runtime.instruments import AGE_BUCKETS, TIME_BUCKETS, Spread, Tally
from gewu_notify.domain.attempt import Kind
from gewu_notify.domain.plan import Because

_PLANS = "Versions of cases by why somebody is told, or nobody. Worry when `too_old` grows: notify was away for long."
_PLANNED = "Notices written into the ledger. Worry never by itself: it is what the sent ones are held against."
_ATTEMPTS = (
    "Attempts to reach a receiver, by how they ended. Worry when anything but `taken` grows for minutes; `forbidden` at "
    "each: an address inside was asked for."
)
_TIME = "From the start of an attempt to its answer or its end. Worry near GEWU_WEBHOOK_TIMEOUT: a receiver hangs."
_AGE = (
    "From planning a notice to the receiver's 2xx, each but drills. Worry above 1 s at p99 while no receiver is away."
)
_OPEN = "Notices of a receiver that wait in the ledger, read every 5 s. Worry when it only grows."
_FAILED = "Notices of a receiver that were given up in the last day. Worry above 0: somebody was not told."
_OLDEST = "Age of a receiver's oldest open notice. Worry above 600 s: it is away, or says no."
_RESTING = "1 while a receiver is left alone because it does not answer. Worry at 1 for minutes."
_DISABLED = "1 for a receiver that said 410, or has no secret: nothing is sent to it. Worry at 1."
_CONNECTIONS = (
    "Connections to receivers, idle ones included. Worry near 2,000: what is not p0 then waits in the ledger."
)
_CLIENTS = "Clients of the live feed. Worry near GEWU_LIVE_CLIENTS: further ones are refused."
_EVENTS = "Events of the live feed, each counted once for all clients. Worry when it stands still while cases change."
_DELIVERED = "Events written to clients of the live feed. Worry never by itself."
_ENDED = "Clients of the live feed that were ended, by why. Worry when `too_slow` grows."
_BEHIND = "Changes of cases in the log that the live feed has not read yet. Worry above 0 for a minute."
_RESETS = "Clients that could not be given what they missed and were told to reload. Worry when it grows by itself."


class Ended(StrEnum):
    """Why the live feed ended a client."""

    TOO_SLOW = "too_slow"  # its buffer was over the bound, or what it asked for was overwritten meanwhile
    KEY = "key"  # its key is not in force any more, or may less than it did
    STOPPING = "stopping"
    FEED = "feed"  # the log was cut beneath the feed itself: everybody begins anew


class Metrics:
    """Plans, attempts and what waits."""

    def __init__(self, registry: CollectorRegistry) -> None:
        plans = Tally("gewu_notify_plans", _PLANS, ["because"], registry)
        self._plans = {because: plans.labels(because) for because in Because}
        self._planned = Tally("gewu_notify_notices", _PLANNED, [], registry).labels()
        attempts = Tally("gewu_notify_attempts", _ATTEMPTS, ["receiver", "kind"], registry)
        self._attempts, self._by = attempts, dict[tuple[str, Kind], object]()
        self.time = Spread("gewu_notify_attempt_seconds", _TIME, [], TIME_BUCKETS, registry).labels()
        self.age = Spread("gewu_notify_age_seconds", _AGE, [], AGE_BUCKETS, registry).labels()
        of = ["receiver"]
        self._open = Gauge("gewu_notify_open_notices", _OPEN, of, registry=registry)
        self._failed = Gauge("gewu_notify_failed_notices", _FAILED, of, registry=registry)
        self._oldest = Gauge("gewu_notify_oldest_open_seconds", _OLDEST, of, registry=registry)
        self.connections = Gauge("gewu_notify_connections", _CONNECTIONS, registry=registry)
        self.resting = Gauge("gewu_notify_receiver_resting", _RESTING, of, registry=registry)
        self.disabled = Gauge("gewu_notify_receiver_disabled", _DISABLED, of, registry=registry)

    def know(self, receivers: Iterable[str]) -> None:
        """Every series stands from the start at 0: an increase from nothing would be seen by no alert."""
        for receiver in receivers:
            for kind in Kind:
                self._by[receiver, kind] = self._attempts.labels(receiver, kind)
            for gauge in (self._open, self._failed, self._oldest, self.resting, self.disabled):
                gauge.labels(receiver).set(0)

    def planned(self, reasons: Mapping[Because, int], notices: int) -> None:
        """A batch was planned."""
        for because, count in reasons.items():
            self._plans[because].inc(count)
        self._planned.inc(notices)

    def attempted(self, receiver: str, kind: Kind) -> None:
        """An attempt ended."""
        self._by[receiver, kind].inc()  # type: ignore[attr-defined]

    def stands(self, standing: Mapping[str, tuple[int, int, float]], receivers: Iterable[str]) -> None:
        """Open and failed notices and the age of the oldest open one, by receiver; those that are not named have none."""
        for receiver in receivers:
            opened, failed, oldest = standing.get(receiver, (0, 0, 0.0))
            self._open.labels(receiver).set(opened)
            self._failed.labels(receiver).set(failed)
            self._oldest.labels(receiver).set(oldest)


class LiveMetrics:
    """The live feed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.clients = Gauge("gewu_live_clients", _CLIENTS, registry=registry)
        self.events = Tally("gewu_live_events", _EVENTS, [], registry).labels()
        self.delivered = Tally("gewu_live_deliveries", _DELIVERED, [], registry).labels()
        self.resets = Tally("gewu_live_resets", _RESETS, [], registry).labels()
        self.behind = Gauge("gewu_live_behind_events", _BEHIND, registry=registry)
        ended = Tally("gewu_live_ended", _ENDED, ["why"], registry)
        self.ended = {why: ended.labels(why) for why in Ended}
