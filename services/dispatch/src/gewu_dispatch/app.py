"""What dispatch is made of; nothing connects until it starts."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu import topics
from gewu.city import load
from gewu.clock import Clock, SystemClock
from gewu.runtime import apidocs, kafka, process
from gewu.runtime.failpoint import Failpoints
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import LOOK_AGAIN_S, KeyRing
from gewu.runtime.metrics import DeliveryMetrics, RelayMetrics
from gewu.runtime.relay import Relay
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu_dispatch.consumers import SCHEMA, Consumers, Database
from gewu_dispatch.domain import joining
from gewu_dispatch.http import openapi
from gewu_dispatch.http.api import Api
from gewu_dispatch.http.desk import Desk
from gewu_dispatch.metrics import Metrics
from gewu_dispatch.settings import Settings


class PackageFault(Exception):
    """The city package holds something that this code cannot serve."""


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble dispatch for one city."""
    clock = clock or SystemClock()
    health, registry, failpoints = Health(), CollectorRegistry(), Failpoints.from_environment()
    process.export(registry, "dispatch")
    city = load(settings.city)
    for category in city.categories.values():
        if category.join_radius_m > joining.LARGEST_RADIUS_M:
            raise PackageFault(
                f"{category.key}: join_radius_m is {category.join_radius_m}, at most {joining.LARGEST_RADIUS_M}"
            )
    known = topics.registry(city.departments)
    limits = {t.name: t.record_bytes for t in known}.__getitem__

    def producer(use: str, keeps_order: bool = False) -> GroupCommit:
        return GroupCommit(lambda: kafka.producer(settings.kafka, f"dispatch-{use}"), limits, keeps_order=keeps_order)

    producers = {"desk": producer("desk"), "parking": producer("parking"), "relay": producer("relay", keeps_order=True)}
    keys, database = KeyRing(settings.keys_file), Database(settings)
    relay = Relay(
        settings.postgres, SCHEMA, producers["relay"], "gewu/dispatch", RelayMetrics(registry), health, failpoints
    )
    consumers = Consumers(
        settings,
        city,
        clock,
        database,
        producers["parking"],
        relay,
        health,
        DeliveryMetrics(registry),
        Metrics(registry),
        failpoints,
    )
    desk = Desk(producers["desk"], city.fallback.id, known, clock)
    api = Api(lambda: database.pool("http"), keys, settings.link_secret, desk)
    app = Starlette(routes=[*ops_routes(health, registry), *apidocs.routes(openapi.document()), *api.routes()])

    async def look() -> None:
        """Keep what is read from files current."""
        while True:
            keys.refresh()
            health.bad("keys", keys.fault) if keys.fault else health.good("keys")
            for name, p in producers.items():
                health.good(f"producer {name}") if p.is_up else health.bad(f"producer {name}", "no broker", 5.0)
            await asyncio.sleep(LOOK_AGAIN_S)

    parts = [
        Part("topics", lambda: kafka.require(known, settings.kafka)),
        Part("database", database.start, database.stop),
        *(Part(f"producer {name}", p.start, p.stop) for name, p in producers.items()),
        loop("look", look, health),
        loop("relay", relay.run, health),
        Part("consumers", consumers.start, consumers.stop),
        loop("watch", consumers.watch, health),
    ]
    return Service("dispatch", app, settings.http, health, parts)
