"""Intake's part of the metric catalogue (docs/metrics.md). What a lane receives and gets acked, its producer tells."""

from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge

from gewu.lane import Lane
from gewu.mask.words import Refusal as Unmasked
from gewu.runtime.instruments import TIME_BUCKETS, Spread, Tally
from gewu.runtime.metering import ProducerMetrics
from gewu_intake.domain import reading
from gewu_intake.domain.admission import Shed
from gewu_intake.domain.report import Reject

_REPORTS = (
    "Reports by answer: accepted, rejected (wrong), refused (not sent), unknown (no ack); quota, grid and overloaded: no "
    "room. Worry when accepted falls or another share grows."
)
_REFUSED = (
    "Requests and reports that got no further than the doors, by reason; a report counts under its first, and in no lane "
    "where it was not read so far. Worry when one grows suddenly: a client was changed, a key ended, we are too slow."
)
_PICTURES = (
    "Pictures by answer: stored, or why not. Worry at no_masker and store_away: none is kept; and when masker_failed grows: "
    "somebody sends what breaks decoders."
)
_REQUESTS = "Requests by door and status. Worry at 500, and when 503 grows."
_SECONDS = "From the whole request to its answer, by door. Worry above 1 s at p99."
_READINGS = (
    "Readings by answer: accepted (Kafka has it), refused (never to be taken), again (no ack, the broker says it again). "
    "Worry when accepted falls, or again grows."
)
_READINGS_REFUSED = (
    "Readings that can never be taken, by reason. Worry when one grows suddenly: a device or the package was changed."
)
_MQTT_UP = "1 while the bridge hears its broker. Worry at 0 for more than a minute: no sensor is heard."
_UNACKED = (
    "Readings without an acknowledgement to the broker. Worry when it stays at the window: Kafka is slow or away."
)


class Taken(StrEnum):
    """What becomes of a reading at the door."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    AGAIN = "again"


class BridgeMetrics:
    """What comes over MQTT."""

    def __init__(self, registry: CollectorRegistry) -> None:
        taken = Tally("gewu_intake_readings", _READINGS, ["answer"], registry)
        refused = Tally("gewu_intake_readings_refused", _READINGS_REFUSED, ["reason"], registry)
        self.taken = {answer: taken.labels(answer) for answer in Taken}
        self.refused = {reason: refused.labels(reason) for reason in reading.Refusal}
        self.up = Gauge("gewu_intake_mqtt_up", _MQTT_UP, registry=registry)
        self.unacked = Gauge("gewu_intake_mqtt_unacked_readings", _UNACKED, registry=registry)


class Refusal(StrEnum):
    """Why a request or a report is not taken, beside the domain's own reasons (`Reject`, `Shed`)."""

    # The request
    REJECTED = "rejected"
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
    UNEXPECTED = "unexpected"
    # What no list has: a test fails when it is ever seen
    OTHER = "other"


class OfPicture(StrEnum):
    """What a picture is answered, beside why it is refused as such (`gewu.mask.words.Refusal`) and for lack of room (`Shed`)."""

    STORED = "stored"
    NO_PICTURES = "no_pictures"
    NO_MASKER = "no_masker"
    MASKER_FAILED = "masker_failed"
    STORE_AWAY = "store_away"
    # The request, as at the other doors
    REJECTED = "rejected"
    NO_KEY = "no_key"
    UNKNOWN_KEY = "unknown_key"
    SCOPE_MISSING = "scope_missing"
    WRONG_METHOD = "wrong_method"
    WRONG_TYPE = "wrong_type"
    TOO_SLOW = "too_slow"
    DISCONNECTED = "disconnected"
    # A fault of ours
    UNEXPECTED = "unexpected"


NO_LANE = "none"
DOORS = ("/v1/reports", "/v1/reports:batch", "/v1/pictures")
PICTURES = tuple(sorted({*map(str, OfPicture), *map(str, Unmasked), *map(str, Shed)}))
ANSWERS = ("accepted", "rejected", "refused", "unknown", *Shed)
_REASONS = frozenset(map(str, (*Refusal, *Reject, *Shed)))


class Metrics:
    """What comes through the doors and how it is answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reports = Tally("gewu_intake_reports", _REPORTS, ["answer"], registry)
        self.requests = Tally("gewu_intake_requests", _REQUESTS, ["door", "status"], registry)
        self.seconds = Spread("gewu_intake_answer_seconds", _SECONDS, ["door"], TIME_BUCKETS, registry)
        self.producers = ProducerMetrics(registry)
        self._pictures = Tally("gewu_intake_pictures", _PICTURES, ["answer"], registry)
        self._refused = Tally("gewu_intake_refused", _REFUSED, ["lane", "reason"], registry)
        # From the start at 0: an increase from nothing would be seen by no alert.
        for answer in PICTURES:
            self._pictures.labels(answer)
        for answer in ANSWERS:
            self.reports.labels(str(answer))
        for door in DOORS:
            self.requests.labels(door, "500")
        for reason in _REASONS:
            self._refused.labels(NO_LANE, reason)
        for lane in Lane:
            for why in Shed:
                self._refused.labels(lane.label, str(why))

    def picture(self, answer: str) -> None:
        """A picture was stored, or answered with this code."""
        self._pictures.labels(answer if answer in PICTURES else str(OfPicture.UNEXPECTED)).inc()

    def refused(self, reason: str, lane: Lane | None = None, times: int = 1) -> None:
        """A request, or so many reports, were refused at the doors."""
        known = str(reason) if reason in _REASONS else str(Refusal.OTHER)
        self._refused.labels(lane.label if lane else NO_LANE, known).inc(times)
