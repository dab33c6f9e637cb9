"""Video's part of the metric catalogue (docs/metrics.md). What a lane gets acked, its producer tells."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Gauge

from gewu.runtime.instruments import Tally
from gewu.runtime.metering import ProducerMetrics
from gewu_video.domain.pauses import Knock
from gewu_video.domain.plates import Asked
from gewu_video.domain.silence import Sight
from gewu_video.domain.zones import Zone
from gewu_video.talk import Ended, Sees

_CAMERAS = "Cameras by what is known of them. Worry when silent grows: the one supplier, or the network of all."
_LOOKED = "Pictures that were looked at, by camera. Worry when it stands still for a camera that is seen."
_DROPPED = (
    "Pictures that were not looked at because a newer one came, or nothing could cover faces and plates of a camera of "
    "city_management. Worry when it outgrows those looked at."
)
_AGE = "Age of a camera's newest picture. Worry above the setting GEWU_CAMERA_FRAME_AGE: its child is being killed."
_ENDED = "Children that ended, by reason. Worry when one but played grows for a camera that others still see."
_KNOCKS = (
    "Knocks before a child is started for a stream, by answer; none is started but for answered. "
    "Worry when another one grows: the camera or its network is away, and it is asked every second or two."
)
_ZONES = "Looks at zones by what they came to. Worry when detected never grows where it did."
_ASKED = "Plates that a rule names, by what became of them. Worry at suspended: the rule matches too many."
_COUNTED = (
    "Plates read, told by the quarter of an hour when it is over; nothing else is kept of those that no rule asks for. "
    "Worry when it stands still where it grew."
)
_SIGNALS = "Signals by kind and answer: acked, again (no ack, said again), lost (too many waited). Worry at any lost."
_CAN = (
    "1 for what this process can do: motion always, plates and masked (to look at cameras of city_management) with the models. "
    "Worry when plates is 0 and rules need it, or masked and there is such a camera."
)
_WAITING = "Signals that wait for an ack. Worry when it grows: the broker is away."

KINDS, ANSWERS = ("detection", "fault", "suspension"), ("acked", "again", "lost")
MISSING = "missing"


class Metrics:
    """What cameras show and what comes of it."""

    def __init__(self, registry: CollectorRegistry, cameras: Iterable[str] = ()) -> None:
        self.looked = Tally("gewu_video_pictures", _LOOKED, ["camera"], registry)
        self.dropped = Tally("gewu_video_pictures_dropped", _DROPPED, ["camera"], registry)
        self.ended = Tally("gewu_video_children_ended", _ENDED, ["ended"], registry)
        self.knocks = Tally("gewu_video_knocks", _KNOCKS, ["answer"], registry)
        self.zones = Tally("gewu_video_zones", _ZONES, ["zone"], registry)
        self.asked = Tally("gewu_video_plates_asked", _ASKED, ["asked"], registry)
        self.counted = Tally("gewu_video_plates", _COUNTED, ["camera"], registry)
        self.signals = Tally("gewu_video_signals", _SIGNALS, ["kind", "answer"], registry)
        self.producers = ProducerMetrics(registry)
        self._cameras = Gauge("gewu_video_cameras", _CAMERAS, ["sight"], registry=registry)
        self._age = Gauge("gewu_video_frame_age_seconds", _AGE, ["camera"], registry=registry)
        self._can = Gauge("gewu_video_capability", _CAN, ["sees"], registry=registry)
        self._waiting = Gauge("gewu_video_signals_waiting", _WAITING, registry=registry)
        # From the start at 0: an increase from nothing would be seen by no alert.
        for camera in cameras:
            for family in (self.looked, self.dropped, self.counted):
                family.labels(camera)
        for ended in Ended:
            self.ended.labels(ended)
        for knock in Knock:
            self.knocks.labels(knock)
        for zone in Zone:
            self.zones.labels(zone)
        for asked in Asked:
            self.asked.labels(asked)
        for kind in KINDS:
            for answer in ANSWERS:
                self.signals.labels(kind, answer)

    def follow(
        self, sights: Callable[[str], int], ages: dict[str, Callable[[], float]], waiting: Callable[[], int]
    ) -> None:
        """Read these at each scrape."""
        for sight in (*Sight, MISSING):
            self._cameras.labels(sight).set_function(lambda s=sight: sights(s))
        for camera, age in ages.items():
            self._age.labels(camera).set_function(age)
        self._waiting.set_function(waiting)

    def can(self, plates: bool, masked: bool) -> None:
        """What this process can do, known from its start."""
        self._can.labels(Sees.MOTION).set(1)
        self._can.labels(Sees.PLATES).set(plates)
        self._can.labels(Sees.MASKED).set(masked)
