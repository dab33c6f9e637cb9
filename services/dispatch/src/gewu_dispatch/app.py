"""What dispatch is made of; nothing connects until it starts."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu import topics
from gewu.city import City, load
from gewu.clock import Clock, SystemClock
from gewu.pictures.reference import References
from gewu.pictures.store import PictureStore
from gewu.runtime import apidocs, kafka, process
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import KeyRing
from gewu.runtime.link import Links
from gewu.runtime.metering import Meter, ProducerMetrics
from gewu.runtime.metrics import DeliveryMetrics, RelayMetrics
from gewu.runtime.relay import Relay
from gewu.runtime.service import Part, Service, closing, loop, ops_routes
from gewu.runtime.upkeep import watch_keys, watch_producers
from gewu_dispatch.consumers import SCHEMA, Consumers, Database
from gewu_dispatch.domain import joining
from gewu_dispatch.domain.light import Lighting
from gewu_dispatch.handlers.resting import Resting
from gewu_dispatch.handlers.silence import Silence
from gewu_dispatch.handlers.sweep import Sweep
from gewu_dispatch.http import openapi
from gewu_dispatch.http.api import Api
from gewu_dispatch.http.desk import Desk
from gewu_dispatch.http.pictures import Pictures
from gewu_dispatch.http.plates import Plates
from gewu_dispatch.metrics import ACTIONS, BooksMetrics, Metrics, SweepMetrics, ViewMetrics
from gewu_dispatch.settings import Settings
from gewu_dispatch.wire import Events


class PackageFault(Exception):
    """The city package holds something that this code cannot serve."""


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble dispatch for one city."""
    clock, health, registry = clock or SystemClock(), Health(), CollectorRegistry()
    turned_away = process.export(registry, "dispatch", health)
    produced, books = ProducerMetrics(registry), BooksMetrics(registry)
    city = _servable(load(settings.city))
    known = topics.registry(city.departments)
    own = [t for t in known if {"dispatch"} & {*t.says, *t.hears}]
    producers = {use: _producer(settings, known, use, produced.of(use)) for use in ("desk", "parking", "relay")}
    produced.follow(producers)
    keys, database = KeyRing(settings.keys_file), Database(settings, known)
    relay = Relay(
        settings.postgres, SCHEMA, producers["relay"], "gewu/dispatch", RelayMetrics(registry), health, settings.failpoints,
    )  # fmt: skip
    decisions = Metrics(registry)
    consumers = Consumers(
        settings, city, clock, database, producers["parking"], relay, health, DeliveryMetrics(registry), decisions,
    )  # fmt: skip
    desk = Desk(producers["desk"], city.fallback.id, city.departments, clock, References(settings.link_secret))
    store = PictureStore(settings.pictures) if settings.pictures else None
    links, views = Links(settings.link_secret), ViewMetrics(registry)
    api = Api(database.reader, keys, links, desk, Lighting(city), clock)
    looks = Pictures(store, database.reader, keys, clock, views), Plates(database.reader, keys, clock, views)
    v1 = [route for door in (api, *looks) for route in door.routes()]
    app = Starlette(routes=[*ops_routes(health, registry), *apidocs.routes(openapi.document()), *v1])
    parts = [
        Part("topics", lambda: kafka.require(own, settings.kafka)),
        Part("database", database.start, database.stop),
        *(Part(f"producer {use}", p.start, p.stop) for use, p in producers.items()),
        loop("keys", lambda: watch_keys(keys, health), health),
        loop("producers", lambda: watch_producers(producers, health), health),
        loop("relay", relay.run, health),
        Part("consumers", consumers.start, consumers.stop),
        loop("watch", consumers.watch, health),
        loop("clock", lambda: database.watch_clock(health), health),
        *_looking_out(city, Silence(city, Events(known), clock, decisions), clock, database, relay, health),
        loop("books", lambda: database.watch_books(books), health),
        *(_sweeping(store, settings, own, database, SweepMetrics(registry), health) if store else []),
    ]
    return Service("dispatch", app, settings.http, health, turned_away, parts)


def _looking_out(
    city: City, silence: Silence, clock: Clock, database: Database, relay: Relay, health: Health
) -> list[Part]:
    """Who acts because time has passed."""
    resting = Resting(city, clock)
    return [
        loop("silence", lambda: silence.run(database.pool(ACTIONS), relay), health),
        loop("resting", lambda: resting.run(database.pool(ACTIONS)), health),
    ]


def _sweeping(
    store: PictureStore, settings: Settings, own: Sequence[topics.Topic], database: Database, metrics: SweepMetrics,
    health: Health,
) -> list[Part]:  # fmt: skip
    heard = [t.name for t in own if "dispatch" in t.hears]
    sweep = Sweep(store, lambda: kafka.ends(heard, settings.kafka), database.reader, metrics)
    return [closing("pictures", store.close), loop("sweep", sweep.run, health)]


def _producer(settings: Settings, known: Sequence[topics.Topic], use: str, meter: Meter) -> GroupCommit:
    limits = {t.name: t.record_bytes for t in known}
    return GroupCommit(
        lambda: kafka.producer(settings.kafka, f"dispatch-{use}"), limits.__getitem__,
        keeps_order=use == "relay", meter=meter,
    )  # fmt: skip


def _servable(city: City) -> City:
    for category in city.categories.values():
        if category.join_radius_m > joining.LARGEST_RADIUS_M:
            raise PackageFault(
                f"{category.key}: join_radius_m is {category.join_radius_m}, at most {joining.LARGEST_RADIUS_M}"
            )
    return city
