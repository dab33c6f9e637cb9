"""What intake is made of; nothing connects until it starts."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu import topics
from gewu.city import load
from gewu.clock import Clock, SystemClock
from gewu.lane import Lane
from gewu.runtime import apidocs, kafka, process
from gewu.runtime.contact import Sealer
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import LOOK_AGAIN_S, KeyRing
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu_intake import openapi
from gewu_intake.handlers import Handlers
from gewu_intake.http import Doors
from gewu_intake.metrics import Metrics
from gewu_intake.settings import Settings


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble intake for one city."""
    health, registry = Health(), CollectorRegistry()
    metrics = Metrics(registry)
    process.export(registry, "intake")
    city = load(settings.city)
    keys = KeyRing(settings.keys_file)
    limits = {t.name: t.record_bytes for t in topics.registry([])}
    # A producer a lane: aiokafka has one request in flight a broker, and a fire must not wait behind potholes.
    producers = {
        lane: GroupCommit(
            lambda lane=lane: kafka.producer(settings.kafka, f"intake-{lane.label}"), limits.__getitem__,
            deadline=settings.ack_deadline, bound=settings.buffer_bytes,
        )
        for lane in Lane
    }  # fmt: skip
    sealer = Sealer.read(settings.contact_public_file) if settings.contact_public_file else None
    handlers = Handlers(
        city,
        producers,
        clock or SystemClock(),
        settings.link_secret,
        sealer.seal if sealer else None,
    )
    rest = Starlette(routes=[*ops_routes(health, registry), *apidocs.routes(openapi.document(city))])
    doors = Doors(handlers, keys, city.anonymous_reports, settings.status_url, metrics, rest)

    async def look() -> None:
        """Keep what is read from files and counters current."""
        while True:
            keys.refresh()
            health.bad("keys", keys.fault) if keys.fault else health.good("keys")
            for lane, producer in producers.items():
                metrics.waiting.labels(lane.label).set(producer.pending_bytes)
                metrics.rebuilds.labels(lane.label).set(producer.rebuilds)
                health.good(f"producer {lane.label}") if producer.is_up else health.bad(
                    f"producer {lane.label}", "no broker", 5.0
                )
            await asyncio.sleep(LOOK_AGAIN_S)

    wanted = [t for t in topics.registry([]) if "intake" in t.says]
    parts = [
        Part("topics", lambda: kafka.require(wanted, settings.kafka)),
        *(Part(f"producer {lane.label}", p.start, p.stop) for lane, p in producers.items()),
        loop("look", look, health),
    ]
    return Service("intake", doors, settings.http, health, parts)
