"""Dispatch's part of the metric catalogue (docs/metrics.md); labels come from closed enums and the lanes only."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from prometheus_client import CollectorRegistry, Gauge

from gewu import topics
from gewu.lane import Lane
from gewu.runtime.instruments import TIME_BUCKETS, Spread, Tally
from gewu.runtime.positions import OUTCOMES, Books
from gewu_dispatch.domain import joining, routing, sensing
from gewu_dispatch.domain.plate import Kept
from gewu_dispatch.domain.triage import Outcome

_LOCKS = "Time a batch waited for joining's locks. Worry above 0.1 s at p99: two consumers meet in the same cells."
_DECISIONS = (
    "New signals but drills, by outcome and reason. Worry when a fallback's share grows: a rule or a class is missing."
)
_READINGS = (
    "Readings by what they meant. Worry when flapping grows: a device cannot be relied on; and at unknown_sensor and other_unit: "
    "intake and dispatch have different packages."
)
_SILENT = "Sensors that fell silent. Worry when it leaps: something between them and us is broken."
_UNKNOWN = "Records that carry fields this version does not know. Worry when no newer writer was deployed."
_BOOKS = (
    "Records of the log by what became of them, as PostgreSQL's books have it: true over every restart. "
    "Worry when it goes down: the database is an older one."
)
_UNBALANCED = "Records by which position and books differ. Worry at anything but 0: something was lost or doubled."

_VIEWS = (
    "Looks at pictures by what became of them. Worry at gone and damaged: the store lost what a case names; when hidden "
    "grows: somebody tries."
)

_SWEPT = "Pictures that were deleted because nobody named them. Worry when it nears the pictures stored: reports lose theirs."
_SWEEPS = (
    "Sweeps of pictures by what became of them. Worry when done stands still for a day: what nobody named is kept."
)

ACTIONS = "actions"  # stands in the label `lane` for the departments' moves
LANES = (*(lane.label for lane in Lane), ACTIONS)
_ROWS = (*OUTCOMES, "skipped")


_PLATE_VIEWS = (
    "Asks for sealed plates by what became of them. Worry at given where nobody is known to look, and when hidden grows: "
    "somebody tries."
)
_PLATES = (
    "Sealed plates of detections by what became of them: kept, or why not. Worry at anything but kept: video has another "
    "package than dispatch, or something speaks in a camera's name."
)


class Viewed(StrEnum):
    """What became of a look at a picture."""

    GIVEN = "given"
    HIDDEN = "hidden"  # no case that the key may read names it
    GONE = "gone"
    DAMAGED = "damaged"
    AWAY = "away"


class ViewMetrics:
    """Looks at pictures."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._views = Tally("gewu_dispatch_views", _VIEWS, ["answer"], registry)
        for answer in Viewed:
            self._views.labels(str(answer))
        plates = Tally("gewu_dispatch_plate_views", _PLATE_VIEWS, ["answer"], registry)
        self.plates_given, self.plates_hidden = (plates.labels(str(a)) for a in (Viewed.GIVEN, Viewed.HIDDEN))

    def viewed(self, answer: Viewed) -> None:
        """One more."""
        self._views.labels(str(answer)).inc()


class Swept(StrEnum):
    """What became of a sweep of a share of the store's pictures."""

    DONE = "done"
    BEHIND = "behind"  # not everything in the log was read, so nobody knows what it names
    AWAY = "away"


class SweepMetrics:
    """Sweeps of pictures that nobody named."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.pictures = Tally("gewu_dispatch_swept_pictures", _SWEPT, [], registry)
        sweeps = Tally("gewu_dispatch_sweeps", _SWEEPS, ["answer"], registry)
        self.sweeps = {answer: sweeps.labels(str(answer)) for answer in Swept}


class Metrics:
    """Decisions and what they waited for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        locks = Spread("gewu_dispatch_lock_wait_seconds", _LOCKS, ["lane"], TIME_BUCKETS, registry)
        self.lock_wait = {topics.signals(lane): locks.labels(lane.label) for lane in Lane}
        decisions = Tally("gewu_dispatch_decisions", _DECISIONS, ["outcome", "because"], registry)
        pairs = ((Outcome.OPENED, routing.Because), (Outcome.JOINED, joining.Because))
        self.decisions = {(o, str(b)): decisions.labels(o, b) for o, reasons in pairs for b in reasons}
        readings = Tally("gewu_dispatch_readings", _READINGS, ["because"], registry)
        self.readings = {because: readings.labels(because) for because in sensing.Because}
        plates = Tally("gewu_dispatch_plates", _PLATES, ["answer"], registry)
        self.plates = {answer: plates.labels(str(answer)) for answer in Kept}
        self.silent = Tally("gewu_dispatch_silent_sensors", _SILENT, [], registry)
        self.unknown_fields = Tally("gewu_dispatch_unknown_fields", _UNKNOWN, [], registry)


class BooksMetrics:
    """What PostgreSQL's books say, by lane; every replica says the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._records = Gauge("gewu_books_records", _BOOKS, ["lane", "outcome"], registry=registry)
        self._unbalanced = Gauge("gewu_books_unbalanced_records", _UNBALANCED, ["lane"], registry=registry)

    def show(self, books: Iterable[Books]) -> None:
        """The rows as they stand now."""
        sums = {lane: dict.fromkeys(_ROWS, 0) for lane in LANES}
        unbalanced = dict.fromkeys(LANES, 0)
        for row in books:
            lane, counts = lane_of(row.topic), {**row.outcomes, "skipped": row.skipped}
            for outcome, count in counts.items():
                sums[lane][outcome] += count
            unbalanced[lane] += abs(row.next_offset - row.first_offset - sum(counts.values()))
        self._set(sums, unbalanced)

    def _set(self, sums: Mapping[str, Mapping[str, int]], unbalanced: Mapping[str, int]) -> None:
        for lane in LANES:
            self._unbalanced.labels(lane).set(unbalanced[lane])
            for outcome, count in sums[lane].items():
                self._records.labels(lane, outcome).set(count)


def lane_of(topic: str) -> str:
    """The label of a topic that dispatch reads: its lane's, or `actions`."""
    return _BY_TOPIC.get(topic, ACTIONS)


_BY_TOPIC = {topics.signals(lane): lane.label for lane in Lane}
