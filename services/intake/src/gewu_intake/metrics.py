"""Intake's part of the metric catalogue (docs/metrics.md). What a lane receives and gets acked, its producer tells."""

from enum import StrEnum

from prometheus_client import CollectorRegistry

from gewu.runtime.instruments import TIME_BUCKETS, Spread, Tally
from gewu.runtime.metering import ProducerMetrics
from gewu_intake.domain.report import Reject

_REPORTS = (
    "Reports by answer: accepted, rejected (wrong), refused (not taken), unknown (no ack). "
    "Worry when accepted falls or another share grows."
)
_REFUSED = (
    "Requests and reports that got no further than the doors, by reason; a report counts under its first. "
    "Worry when one reason grows suddenly: a client was changed, or a key ended."
)
_REQUESTS = "Requests by door and status. Worry at 500, and when 503 grows."
_SECONDS = "From the whole request to its answer, by door. Worry above 1 s at p99."


class Refusal(StrEnum):
    """Why a request or a report is not taken, beside the domain's own reasons (`Reject`)."""

    # The request
    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    SCOPE_MISSING = "scope_missing"
    WRONG_METHOD = "wrong_method"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    TOO_MANY_LINES = "too_many_lines"
    TOO_SLOW = "too_slow"
    DISCONNECTED = "disconnected"
    EMPTY = "empty"
    # One report
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_FIELD = "unknown_field"
    MISSING = "missing"
    INVALID = "invalid"
    # What no list has: a test fails when it is ever seen
    OTHER = "other"


class Metrics:
    """What comes through the doors and how it is answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reports = Tally("gewu_intake_reports", _REPORTS, ["answer"], registry)
        self.requests = Tally("gewu_intake_requests", _REQUESTS, ["door", "status"], registry)
        self.seconds = Spread("gewu_intake_answer_seconds", _SECONDS, ["door"], TIME_BUCKETS, registry)
        self.producers = ProducerMetrics(registry)
        refused = Tally("gewu_intake_refused", _REFUSED, ["reason"], registry)
        self._refused = {str(reason): refused.labels(reason) for reason in (*Refusal, *Reject)}
        for answer in ("accepted", "rejected", "refused", "unknown"):
            self.reports.labels(answer)

    def refused(self, reason: str, times: int = 1) -> None:
        """A request or so many reports were refused at the doors."""
        (self._refused.get(reason) or self._refused[Refusal.OTHER]).inc(times)
