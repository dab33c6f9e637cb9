"""What notify is made of; nothing connects until it starts."""

import asyncio
from functools import partial

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu import topics
from gewu.city import load
from gewu.clock import SECOND, Clock, SystemClock
from gewu.runtime import apidocs, kafka, process
from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import KeyRing
from gewu.runtime.metering import ProducerMetrics
from gewu.runtime.metrics import DeliveryMetrics
from gewu.runtime.service import Part, Service, loop, ops_routes
from gewu.runtime.upkeep import watch_keys, watch_producers
from gewu_notify import openapi
from gewu_notify.consumer import Consumer, Database, look_after
from gewu_notify.domain.plan import Directory
from gewu_notify.handlers import Planner
from gewu_notify.live.attend import Attend
from gewu_notify.live.feed import Feed
from gewu_notify.live.protocol import Live, LiveProtocol
from gewu_notify.metrics import LiveMetrics, Metrics
from gewu_notify.sending.keyring import Keyring
from gewu_notify.sending.lookup import Lookup
from gewu_notify.sending.sender import Sender
from gewu_notify.settings import Settings

BEAT_S = 15.0  # proxies end what is silent for longer, and a key that was revoked listens no longer than this


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Assemble notify for one city."""
    clock = clock or SystemClock()
    health, registry = Health(), CollectorRegistry()
    turned_away = process.export(registry, "notify", health)
    produced, metrics = ProducerMetrics(registry), Metrics(registry)
    city, keys = load(settings.city), KeyRing(settings.keys_file)
    known = [t for t in topics.registry([]) if "notify" in (*t.says, *t.hears)]
    limits = {t.name: t.record_bytes for t in known}
    parking = GroupCommit(
        lambda: kafka.producer(settings.kafka, "notify-parking"), limits.__getitem__, meter=produced.of("parking")
    )
    produced.follow({"parking": parking})
    told = {r.receiver: city.receivers[r.receiver] for r in city.notices}
    database, lookup = Database(settings), Lookup()
    secrets = Keyring(settings.webhooks.secrets, list(told))
    sender = Sender(told, settings.webhooks, secrets, lookup, clock, health, metrics, settings.failpoints)
    directory = Directory(city.notices, city.receivers, int(settings.oldest * SECOND))
    planner = Planner(directory, city.version, clock, metrics)
    consumer = Consumer(settings, planner, database, parking, sender, health, DeliveryMetrics(registry))
    heard = LiveMetrics(registry)
    feed = Feed(settings.kafka, health, heard)
    live = Live(Attend(feed, heard), keys, heard, settings.live_clients)
    app = Starlette(routes=[*ops_routes(health, registry), *apidocs.routes(openapi.document())])
    parts = [
        Part("topics", lambda: kafka.require(known, settings.kafka)),
        Part("database", database.start, database.stop),
        Part("producer parking", parking.start, parking.stop),
        loop("keys", lambda: watch_keys(keys, health), health),
        loop("producers", lambda: watch_producers({"parking": parking}, health), health),
        loop("live feed", feed.run, health),
        loop("heartbeat", lambda: _beat(live), health),
        Part("channels", _nothing, lambda: sender.stop(database.pool("sender"))),
        loop("sender", lambda: sender.run(database.pool("sender")), health),
        Part("consumer", consumer.start, consumer.stop),
        loop("watch", consumer.watch, health),
        loop("ledger", lambda: look_after(database, sender, settings, clock, metrics), health),
    ]
    return Service("notify", app, settings.http, health, turned_away, parts, protocol=partial(LiveProtocol, live))


async def _beat(live: Live) -> None:
    while True:
        await asyncio.sleep(BEAT_S)
        live.attend.hub.beat(live.still_may)


async def _nothing() -> None:
    return None
