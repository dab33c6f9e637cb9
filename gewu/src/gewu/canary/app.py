"""What the canary is made of; nothing connects until it starts."""

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from gewu.canary.metrics import Metrics
from gewu.canary.probe import Probe
from gewu.canary.settings import Settings
from gewu.canary.watch import OfTheFeed, OfTheLog
from gewu.city import City, load
from gewu.runtime import process
from gewu.runtime.health import Health
from gewu.runtime.service import Service, loop, ops_routes


class CategoryFault(Exception):
    """What the canary shall report would not open a case of its own each time."""


def build(settings: Settings) -> Service:
    """Assemble the canary for one city."""
    health, registry = Health(), CollectorRegistry()
    turned_away = process.export(registry, "canary", health)
    city, watch = load(settings.city), OfTheLog(settings.kafka)
    assert settings.key_file is not None
    key = settings.key_file.read_text().strip()
    feed = OfTheFeed(settings.notify_url, city.fallback.id, key) if settings.notify_url else None
    probe = Probe(
        (settings.intake_url, settings.dispatch_url), key, _apart(city, settings.category), _somewhere(city),
        settings.patience, (watch, feed), Metrics(registry), health,
    )  # fmt: skip
    parts = [
        loop("watch", watch.run, health),
        *([loop("feed", feed.run, health)] if feed else []),
        loop("canary", lambda: probe.run(settings.every), health),
    ]
    return Service("canary", Starlette(routes=ops_routes(health, registry)), settings.http, health, turned_away, parts)


def _apart(city: City, category: str) -> str:
    found = city.category(category)
    if found and found.join_radius_m:
        raise CategoryFault(
            f"reports of {found.key} join each other: name a class that joins nothing, or no class at all"
        )
    return category


def _somewhere(city: City) -> tuple[float, float]:
    """A point that the first leaf grid owns."""
    point = city.owners.shapes[0].representative_point()
    return round(point.x, 6), round(point.y, 6)
