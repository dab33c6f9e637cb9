"""What intake is made of; nothing connects until it starts."""

from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import Route

from gewu import topics
from gewu.city import City, load
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
from gewu.runtime.service import Part, Service, closing, loop, ops_routes
from gewu.runtime.upkeep import watch_keys, watch_producers
from gewu_intake import openapi
from gewu_intake.domain.admission import Admission
from gewu_intake.handlers import Handlers
from gewu_intake.http.doors import Doors
from gewu_intake.http.entrance import Entrance
from gewu_intake.http.hot import HotProtocol
from gewu_intake.http.pictures import DOOR, PictureDoor
from gewu_intake.metrics import BridgeMetrics, Metrics
from gewu_intake.mqtt.bridge import Bridge
from gewu_intake.mqtt.client import connected
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
    producers = {lane: _producer(settings, known, lane.label, metrics.producers.of(lane.label)) for lane in Lane}
    by_label = {lane.label: producer for lane, producer in producers.items()}
    metrics.producers.follow(by_label)
    bridge = _bridge(settings, city, clock or SystemClock(), metrics, registry, health) if settings.mqtt else []
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
        *([closing("pictures", store.close), loop("masker", masker.run, health)] if store else []),
        loop("keys", lambda: watch_keys(keys, health), health),
        loop("producers", lambda: watch_producers(by_label, health), health),
        *bridge,
    ]
    return Service("intake", doors, settings.http, health, turned_away, parts, protocol=partial(HotProtocol, doors))


def _masker(settings: Settings, registry: CollectorRegistry, health: Health) -> Masker:
    metrics = MaskMetrics(registry)
    told = metrics.told(lambda fault: health.without("pictures", fault))
    masker = Masker(settings.models, settings.maskers, told=told)
    metrics.follow(lambda: masker.waiting)
    return masker


def _producer(
    settings: Settings, known: Sequence[topics.Topic], name: str, meter: Meter, *, keeps_order: bool = False
) -> GroupCommit:
    limits = {t.name: t.record_bytes for t in known}
    return GroupCommit(
        lambda: kafka.producer(settings.kafka, f"intake-{name}"), limits.__getitem__,
        deadline=settings.ack_deadline, bound=settings.buffer_bytes, meter=meter, keeps_order=keeps_order,
    )  # fmt: skip


def _bridge(
    settings: Settings, city: City, clock: Clock, metrics: Metrics, registry: CollectorRegistry, health: Health
) -> list[Part]:
    """The door for sensors. Producers of its own: a reading behind one that failed must not pass it, a report may."""
    known, mqtt = topics.registry([]), settings.mqtt
    assert mqtt is not None
    lanes = (Lane.P0, Lane.P1, Lane.P3)
    producers = {
        lane: _producer(settings, known, name, metrics.producers.of(name), keeps_order=True)
        for lane in lanes
        for name in [f"sensors-{lane.label}"]
    }
    by_name = {f"sensors-{lane.label}": p for lane, p in producers.items()}
    metrics.producers.follow(by_name)
    bridge = Bridge(city, producers, clock, lambda: connected(mqtt), mqtt.window, BridgeMetrics(registry), health)
    return [
        *(Part(f"producer {name}", p.start, p.stop) for name, p in by_name.items()),
        loop("sensors' producers", lambda: watch_producers(by_name, health), health),
        loop("bridge", bridge.run, health),
    ]
