"""What the eyes of all cameras say, judged: detections, faults and counts."""

import logging
from collections.abc import Callable, Mapping
from datetime import date

from gewu.city import City
from gewu.city.scene import Camera, PlateRule, ZoneRule
from gewu.clock import Clock, from_micros, micros
from gewu_video.domain import counts, plates, silence, zones
from gewu_video.domain.pauses import Knock
from gewu_video.domain.plates import Asked
from gewu_video.domain.silence import Sight
from gewu_video.domain.zones import Zone
from gewu_video.metrics import MISSING, Metrics
from gewu_video.talk import Beat, Ended, Hit, Message, Plates, Up, Zones
from gewu_video.wire import Said, Seen, Words

log = logging.getLogger(__name__)


class Handlers:
    """One process's cameras. It lives longer than any child, so an occurrence goes on when a child is started again."""

    def __init__(
        self, city: City, cameras: Mapping[str, Camera], words: Words, say: Callable[[Said], None], metrics: Metrics,
        clock: Clock, *, can_seal: bool,
    ) -> None:  # fmt: skip
        self._city, self._cameras, self._words, self._say = city, cameras, words, say
        self._metrics, self._clock, self._can_seal = metrics, clock, can_seal
        self._zones: dict[str, tuple[ZoneRule, zones.Watch]] = {
            rule.id: (rule, zones.Watch()) for rule in city.scenes.zones if rule.camera in cameras
        }
        self._rules: dict[str, PlateRule] = {rule.id: rule for rule in city.scenes.plates}
        self._plates, self._buckets = plates.Standing(self._rules), counts.Buckets()
        now = micros(clock.now())
        self._quiet = {id: silence.Quiet(now) for id in cameras}
        self._counters = {id: (0, 0) for id in cameras}  # looked and dropped, as the child of now said last
        self.sights: dict[str, str] = {id: Sight.WAITING for id in cameras}
        self._doors: dict[str, Knock] = {}  # what the last knock came to

    def rules(self, camera: str) -> list[PlateRule]:
        """Plate rules for which plates are read at this camera today; none without a key to seal under."""
        return self._plates.in_force(camera, self._day(micros(self._clock.now()))) if self._can_seal else []

    def heard(self, camera: Camera, message: Message) -> None:
        """One message of a child."""
        now = micros(self._clock.now())
        match message:
            case Up():
                log.info("a camera opened", extra={"camera": camera.id, "sees": ",".join(message.sees)})
            case Beat():
                self._beat(camera.id, message, now)
            case Zones():
                self._looked_at(camera, message, now)
            case Plates():
                self._read(camera, message, now)
            case _:
                pass

    def ended(self, camera: Camera, why: Ended) -> None:
        """A camera's child is gone; the next one counts from 0."""
        self._metrics.ended.labels(why).inc()
        self._counters[camera.id] = 0, 0
        if why is Ended.PLAYED:
            self.sights[camera.id] = Sight.ENDED

    def knocked(self, camera: Camera, answer: Knock) -> None:
        """Somebody answers at a stream's address, or nobody does and no child was started."""
        self._metrics.knocks.labels(answer).inc()
        if answer is not Knock.ANSWERED and self._doors.get(camera.id) is not answer:
            log.warning("nobody answers where a camera should", extra={"camera": camera.id, "knock": answer})
        self._doors[camera.id] = answer

    def missing(self, camera: Camera, why: str) -> None:
        """The camera's source may not or cannot be opened here."""
        if self.sights[camera.id] != MISSING:
            log.warning("a camera is not opened: %s", why, extra={"camera": camera.id})
        # A file that is not there is a demo without its clips; a stream that may not be opened is still a silent camera.
        self.sights[camera.id] = MISSING if camera.is_file else self.sights[camera.id]

    def suspended(self, rule: str, seen: int, matched: int) -> None:
        """The log remembers that this rule suspended itself, in this process or another, now or long ago."""
        if rule in self._rules and rule not in self._plates.suspended:
            self._plates.suspend(rule)
            why = {"rule": rule, "seen": seen, "matched": matched}
            log.error("a plate rule stays suspended: a mended one needs another id", extra=why)

    def tick(self) -> None:
        """Each second: who has been silent for too long, and which counts are over."""
        now = micros(self._clock.now())
        for id, camera in self._cameras.items():
            self._count(id, now, 0)
            if self.sights[id] in (Sight.ENDED, MISSING):
                self._quiet[id] = silence.Quiet(now)
                continue
            before = self._quiet[id]
            self._quiet[id], sight = silence.judge(before, camera.silent_after_s, now)
            self.sights[id] = Sight.SILENT if sight is Sight.STILL_SILENT else sight
            if sight is Sight.SILENT:
                log.warning("a camera is silent", extra={"camera": id})
                self._say(self._words.silent(camera, before.last, now))

    def _beat(self, camera: str, beat: Beat, now: int) -> None:
        looked, dropped = self._counters[camera]
        self._counters[camera] = beat.looked, beat.dropped
        self._metrics.looked.labels(camera).inc(max(0, beat.looked - looked))
        self._metrics.dropped.labels(camera).inc(max(0, beat.dropped - dropped))
        # A picture that nobody may look at has come all the same: its camera is not silent.
        if beat.looked + beat.dropped > looked + dropped:
            self._quiet[camera] = self._quiet[camera].seen(now)
            self.sights[camera] = Sight.SEEN

    def _looked_at(self, camera: Camera, message: Zones, now: int) -> None:
        for id, covered in message.covered.items():
            rule, watch = self._zones.get(id, (None, None))
            if rule is None or watch is None or rule.camera != camera.id:
                continue  # no rule of this camera: a child is believed nothing
            after, zone = zones.judge(rule, watch, now, covered)
            self._zones[id] = rule, after
            self._metrics.zones.labels(zone).inc()
            if zone is Zone.DETECTED and after.since is not None:
                log.info("a zone is covered", extra={"camera": camera.id, "rule": rule.id})
                seen = Seen(rule.id, rule.category, rule.lon, rule.lat, after.since)
                self._say(self._words.detection(camera, seen, now))

    def _read(self, camera: Camera, message: Plates, now: int) -> None:
        day = self._day(now)
        self._count(camera.id, now, message.read)
        self._plates.counted(camera.id, message.read, day)
        for hit in message.hits:
            self._hit(camera, hit, message.model, now, day)
        for id in self._plates.too_wide():
            tally = self._plates.tallies[id]
            self._metrics.asked.labels(Asked.SUSPENDED).inc()
            log.error("a plate rule matches too many and is suspended", extra={"rule": id, "seen": tally.seen})
            self._say(self._words.suspended(id, tally.seen, tally.matched, now))

    def _hit(self, camera: Camera, hit: Hit, model: str, now: int, day: date) -> None:
        rule = self._rules.get(hit.rule)
        if rule is None or hit.plate not in rule.plates:
            return
        since, asked = self._plates.judge(rule, camera.id, hit.plate, now, day)
        asked = asked if self._can_seal else Asked.UNSEALED
        self._metrics.asked.labels(asked).inc()
        if asked is Asked.DETECTED:
            log.info("a plate that a rule names", extra={"camera": camera.id, "rule": rule.id})
            seen = Seen(
                rule.id, rule.category, camera.lon, camera.lat, since, model, (hit.plate, round(hit.confidence, 3))
            )
            self._say(self._words.detection(camera, seen, now))

    def _count(self, camera: str, now: int, more: int) -> None:
        if over := self._buckets.add(camera, now, more):
            self._metrics.counted.labels(camera).inc(over)

    def _day(self, now: int) -> date:
        return from_micros(now).astimezone(self._city.timezone).date()
