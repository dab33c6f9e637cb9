"""The canary's part of the metric catalogue (docs/metrics.md)."""

from enum import StrEnum

from prometheus_client import CollectorRegistry

from gewu.runtime.instruments import AGE_BUCKETS, Spread, Tally

_SENT = "Drills that were sent. Worry when it stands still: nobody watches the line."
_SECONDS = "From sending the drill to its station. Worry when told is above 5 s, or grows from day to day."
_MISSING = (
    "Drills that did not reach a station in time, by the first one. Worry at each one: the line is broken before it."
)


class Station(StrEnum):
    """Where a drill is seen on its way, in their order."""

    ACCEPTED = "accepted"  # intake has its ack
    OPENED = "opened"  # its case is said on cases.changed
    ACTED = "acted"  # the department's first move is judged
    HANDLED = "handled"  # its case is said again, as done
    TOLD = "told"  # notify's live feed has said all of it


class Metrics:
    """What became of the drills."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Tally("gewu_canary_sent", _SENT, [], registry)
        seconds = Spread("gewu_canary_seconds", _SECONDS, ["station"], AGE_BUCKETS, registry)
        missing = Tally("gewu_canary_missing", _MISSING, ["station"], registry)
        self.seconds = {station: seconds.labels(station) for station in Station}
        self.missing = {station: missing.labels(station) for station in Station}
