"""Reports to send: ordinary ones of one size for intake, and a made-up day of a city for everything behind it."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from gewu import ids
from gewu.city import City, load
from gewu.dev import day, scatter

BODIES = 97  # prime, so that they do not fall into step with connections or partitions
BODY_BYTES = 400
LINES = 50
LANE = "p2"  # what four of five reports are; a lane is one topic, as the ceiling's is
_SEED = 20261122


def ordinary(city: City, count: int) -> list[bytes]:
    """So many different reports of BODY_BYTES each, at different places; the same ones for the same city, but for their
    ids and times, which are of now."""
    rng = random.Random(_SEED)
    categories = [c.label_en for c in city.categories.values() if c.lane == LANE]
    now = datetime.now(city.timezone)
    found = []
    for n, (lon, lat) in enumerate(scatter.inside(city, rng, count)):
        body = {
            "id": ids.new_client_id(),
            "category": categories[n % len(categories)],
            "place": {"lon": lon, "lat": lat, "accuracy_m": round(rng.uniform(2, 12), 1), "address": "near the school"},
            "observed_at": (now - timedelta(seconds=n)).isoformat(timespec="milliseconds"),
            "text": "",
        }
        room = BODY_BYTES - len(msgspec.json.encode(body))
        body["text"] = ("It has been like this for days and somebody will get hurt. " * 8)[:room]
        found.append(msgspec.json.encode(body))
    return found


def lines(city: City, requests: int) -> list[bytes]:
    """Bodies of so many batches, LINES reports each."""
    found = ordinary(city, requests * LINES)
    return [b"\n".join(found[n : n + LINES]) for n in range(0, len(found), LINES)]


def of_a_day(folder: Path, count: int, seed: int = 1) -> list[bytes]:
    """So many different reports of a day of this city: several of one thing, all lanes, some with a contact.

    Nothing is sent twice, so that each is new to dispatch. Their ids are of now and in order, as those that come to a city are:
    ids of the day's own hours would stand among those of the reports before them, in a large city on pages of their own.
    """
    city = load(folder)
    midnight = datetime.now(city.timezone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    # A little more is drawn: repeats are left out.
    drawn = day.draw(city, midnight, seed, round(count * 1.05) + 50)
    once = [r.body for r in drawn if r.turn in (day.Turn.FIRST, day.Turn.AGAIN)]
    assert len(once) >= count, f"{len(once)} of {count} reports were drawn"
    return [encoded(body | {"id": ids.new_client_id()}) for body in once[:count]]


def encoded(body: dict[str, Any]) -> bytes:
    """One report as a client sends it."""
    return msgspec.json.encode(body)


def batches(reports: Sequence[bytes], size: int = 500) -> list[bytes]:
    """Reports as bodies of batches."""
    return [b"\n".join(reports[n : n + size]) for n in range(0, len(reports), size)]
