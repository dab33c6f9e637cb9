"""What video is made of; nothing connects and no child starts until it starts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu import topics
from gewu.city import City, load
from gewu.city.scene import Camera
from gewu.clock import Clock, SystemClock
from gewu.lane import Lane
from gewu.runtime import kafka, process
from gewu.runtime.contact import Sealer
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu.runtime.upkeep import watch_producers
from gewu.vision import models
from gewu_video.children import Keeper, surroundings
from gewu_video.handlers import Handlers
from gewu_video.memory import Memory
from gewu_video.metrics import Metrics
from gewu_video.mouth import Mouth
from gewu_video.reading.reader import READERS
from gewu_video.settings import Settings
from gewu_video.wire import Words

log = logging.getLogger(__name__)

MOST_CAMERAS = 64  # a process's; more cameras are more processes, with GEWU_CAMERAS
BUFFER_BYTES = 8 * 1024 * 1024
_TICK_S = 1.0
_FOR_PLATES = (("plate_detect_640",), ("plate_colour_96",), READERS)
_TO_MASK = (("face_detect_yunet_n",), ("plate_detect_640",))


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble video for one city. ValueError names what of the settings does not fit the package."""
    health, registry, city = Health(), CollectorRegistry(), load(settings.city)
    cameras = chosen(city, settings)
    metrics = Metrics(registry, cameras)
    turned_away = process.export(registry, "video", health)
    known = topics.registry([])
    producers = {lane: _producer(settings, known, lane, metrics) for lane in Lane}
    by_label = {lane.label: producer for lane, producer in producers.items()}
    metrics.producers.follow(by_label)
    mouth = Mouth(producers, metrics)
    sealer = Sealer.read(settings.contact_public_file) if settings.contact_public_file else None
    handlers = Handlers(
        city, cameras, Words(city, sealer.seal if sealer else None), mouth.say, metrics, clock or SystemClock(),
        can_seal=sealer is not None,
    )  # fmt: skip
    _tell_what_it_can(settings, cameras.values(), metrics)
    keepers = _keepers(settings, city, cameras, handlers)
    metrics.follow(
        lambda sight: sum(s == sight for s in handlers.sights.values()),
        {keeper.camera.id: keeper.age for keeper in keepers},
        lambda: mouth.waiting,
    )
    said, memory = [t for t in known if "video" in t.says], Memory(settings.kafka, handlers.suspended, health)
    parts = [
        Part("topics", lambda: kafka.require(said, settings.kafka)),
        *(Part(f"producer {label}", p.start, p.stop) for label, p in by_label.items()),
        Part("signals", _nothing, mouth.stop),
        # Before the first camera: a rule that is suspended must not be in force for a moment.
        Part("suspended rules", memory.recall),
        loop("suspended rules", memory.follow, health),
        *(loop(f"camera {k.camera.id}", _kept(k, handlers), health) for k in keepers),
        loop("clock", _ticking(handlers), health),
        loop("producers", lambda: watch_producers(by_label, health), health),
    ]
    app = Starlette(routes=ops_routes(health, registry))
    return Service("video", app, settings.http, health, turned_away, parts)


def _keepers(settings: Settings, city: City, cameras: Mapping[str, Camera], handlers: Handlers) -> list[Keeper]:
    environment = surroundings(str(settings.models or ""))
    own = settings.children, settings.sources, handlers.rules, environment
    return [Keeper(camera, city.scenes, *own) for camera in cameras.values()]


def chosen(city: City, settings: Settings) -> dict[str, Camera]:
    """The cameras that this process watches; ValueError for one that the package lacks, and for too many."""
    if unknown := settings.cameras - city.cameras.keys():
        raise ValueError(f"GEWU_CAMERAS names {', '.join(sorted(unknown))}; the package's cameras.csv does not")
    found = {id: c for id, c in city.cameras.items() if not settings.cameras or id in settings.cameras}
    if len(found) > MOST_CAMERAS:
        raise ValueError(f"{len(found)} cameras; a process watches {MOST_CAMERAS}: share them out with GEWU_CAMERAS")
    return found


def _kept(keeper: Keeper, handlers: Handlers) -> Callable[[], Awaitable[None]]:
    return lambda: keeper.keep(handlers.heard, handlers.ended, handlers.missing, handlers.knocked)


def _ticking(handlers: Handlers) -> Callable[[], Awaitable[None]]:
    async def tick() -> None:
        while True:
            handlers.tick()
            await asyncio.sleep(_TICK_S)

    return tick


def _tell_what_it_can(settings: Settings, cameras: Iterable[Camera], metrics: Metrics) -> None:
    """Once: without models it watches zones of public_security all the same, and that is no reason to be red."""
    no_plates, no_mask = (_why_not(settings, needs) for needs in (_FOR_PLATES, _TO_MASK))
    metrics.can(plates=not no_plates, masked=not no_mask)
    if no_plates:
        log.warning("motion only, no plate is looked for: %s", no_plates)
    hidden = [camera.id for camera in cameras if camera.is_masked]
    if no_mask and hidden:
        why = "cameras of city_management are not looked at, only their silence is watched: %s"
        log.warning(why, no_mask, extra={"cameras": ",".join(hidden)})


def _why_not(settings: Settings, needs: Sequence[Sequence[str]]) -> str:
    """Why there is not one model of each of these groups here, "" where there is."""
    if settings.models is None:
        return "GEWU_MODELS names no folder of models"
    reasons = []
    for names in needs:
        faults = [fault for name in names if (fault := _missing(name, settings))]
        reasons += faults if len(faults) == len(names) else []
    return "; ".join(reasons)


def _missing(name: str, settings: Settings) -> str:
    try:
        models.model(name, settings.models)
    except models.ModelMissing as why:
        return str(why)
    return ""


async def _nothing() -> None:
    pass


def _producer(settings: Settings, known: Sequence[topics.Topic], lane: Lane, metrics: Metrics) -> GroupCommit:
    limits = {t.name: t.record_bytes for t in known}
    return GroupCommit(
        lambda: kafka.producer(settings.kafka, f"video-{lane.label}"), limits.__getitem__,
        deadline=settings.ack_deadline, bound=BUFFER_BYTES, meter=metrics.producers.of(lane.label),
    )  # fmt: skip
