"""What intake is made of; nothing connects until it starts."""

from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from gewu import topics
from gewu.city import load
from gewu.clock import Clock, SystemClock
from gewu.lane import Lane
from gewu.mask.client import Masker
from gewu.mask.metering import MaskMetrics
from gewu.pictures.reference import References
from gewu.pictures.store import PictureStore
from gewu.runtime import apidocs, kafka, process
from gewu.runtime.contact import Sealer
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import KeyRing
from gewu.runtime.link import Links
from gewu.runtime.metering import Meter
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu.runtime.upkeep import watch_keys, watch_producers
from gewu_intake import openapi
from gewu_intake.domain.admission import Admission
from gewu_intake.handlers import Handlers
from gewu_intake.http.doors import Doors
from gewu_intake.http.entrance import Entrance
from gewu_intake.http.hot import HotProtocol
from gewu_intake.http.pictures import DOOR, PictureDoor
from gewu_intake.metrics import Metrics
from gewu_intake.settings import Settings


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble intake for one city."""
    clock = clock or SystemClock()
    health, registry = Health(), CollectorRegistry()
    metrics = Metrics(registry)
    turned_away = process.export(registry, "intake", health)
    city, keys = load(settings.city), KeyRing(settings.keys_file)
    known = topics.registry([])
    # A producer a lane: aiokafka has one request in flight a broker, and a fire must not wait behind potholes.
    producers = {lane: _producer(settings, known, lane, metrics.producers.of(lane.label)) for lane in Lane}
    by_label = {lane.label: producer for lane, producer in producers.items()}
    metrics.producers.follow(by_label)
    sealer = Sealer.read(settings.contact_public_file) if settings.contact_public_file else None
    admission, references = Admission(settings.limits), References(settings.link_secret)
    handlers = Handlers(
        city, producers, clock, Links(settings.link_secret), sealer.seal if sealer else None,
        admission, references,
    )  # fmt: skip
    masker = _masker(settings, registry, health)
    if not settings.pictures:
        health.without("pictures", "GEWU_PICTURES names no store")
    store = PictureStore(settings.pictures) if settings.pictures else None
    pictures = PictureDoor(
        Entrance(keys, city.anonymous_reports), admission, masker, store, references, clock, metrics
    )  # fmt: skip
    rest = Starlette(
        routes=[Route(DOOR, pictures), *ops_routes(health, registry), *apidocs.routes(openapi.document(city))]
    )
    doors = Doors(handlers, keys, city.anonymous_reports, settings.status_url, metrics, rest)
    said = [t for t in known if "intake" in t.says]
    parts = [
        Part("topics", lambda: kafka.require(said, settings.kafka)),
        *(Part(f"producer {label}", p.start, p.stop) for label, p in by_label.items()),
        *([loop("masker", masker.run, health)] if store else []),
        loop("keys", lambda: watch_keys(keys, health), health),
        loop("producers", lambda: watch_producers(by_label, health), health),
    ]
    return Service("intake", doors, settings.http, health, turned_away, parts, protocol=partial(HotProtocol, doors))


def _masker(settings: Settings, registry: CollectorRegistry, health: Health) -> Masker:
    metrics = MaskMetrics(registry)
    told = metrics.told(lambda fault: health.without("pictures", fault))
    masker = Masker(settings.models, settings.maskers, told=told)
    metrics.follow(lambda: masker.waiting)
    return masker


def _producer(settings: Settings, known: Sequence[topics.Topic], lane: Lane, meter: Meter) -> GroupCommit:
    limits = {t.name: t.record_bytes for t in known}
    return GroupCommit(
        lambda: kafka.producer(settings.kafka, f"intake-{lane.label}"), limits.__getitem__,
        deadline=settings.ack_deadline, bound=settings.buffer_bytes, meter=meter,
    )  # fmt: skip
