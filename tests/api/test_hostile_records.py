"""Hostile records on the running system's own topics: dispatch parks the one and takes the other 499."""

import hashlib
from typing import Any

import asyncpg
import pytest

from gewu import codec, ids, topics
from gewu.city import load
from gewu.dev.stack import Stack
from gewu.lane import Lane
from gewu.runtime import parking
from gewu.runtime.settings import Kafka
from gewu.v1.signal_pb2 import Signal
from tests.support import log
from tests.support.waiting import until

SIZE = 500
ENVELOPE = codec.Envelope(codec.SIGNAL_REPORT, "tests")


def _good(point: tuple[float, float], source: str, n: int) -> tuple[bytes, bytes, list[codec.Header]]:
    client_id = f"{source}-{n}"
    signal = Signal(
        signal_id=ids.signal_id(source, client_id), source=source, client_id=client_id, home_area="x", package_version="t",
        content_sha256=hashlib.sha256(client_id.encode()).digest(),
    )  # fmt: skip
    signal.received_at.GetCurrentTime()
    signal.observed_at.GetCurrentTime()
    signal.point.lon, signal.point.lat = point
    signal.report.category = "nobody knows this word"
    return b"cell", signal.SerializeToString(), ENVELOPE.headers(signal.signal_id)


def _bad(kind: str, good: tuple[bytes, bytes, list[codec.Header]]) -> tuple[bytes | None, bytes | None, Any]:
    key, value, headers = good
    signal = Signal.FromString(value)
    if kind == "a NUL in its text":
        signal.report.text = "a\x00b"
        return key, signal.SerializeToString(), headers
    return {
        "no protobuf": (key, b"\xff\xff\xff", headers),
        "no value": (key, None, headers),
        "a foreign type": (key, value, [("ce_type", b"com.example.other")]),
        "binary and null headers only": (None, value, [("ce_type", None), ("x", b"\xff\xfe")]),
    }[kind]


@pytest.mark.parametrize("place", [0, 250, 499])
@pytest.mark.parametrize(
    "kind", ["no protobuf", "no value", "a foreign type", "binary and null headers only", "a NUL in its text"]
)
async def test_only_the_hostile_record_is_parked(stack: Stack, kind: str, place: int) -> None:
    kafka = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    topic, source = topics.signals(Lane.P2), f"key:hostile-{place}-{kind.replace(' ', '-')}"
    point = load(stack.city).owners.shapes[0].representative_point().coords[0]
    records: list[Any] = [_good(point, source, n) for n in range(SIZE)]
    records[place] = bad = _bad(kind, records[place])
    await log.put(kafka, topic, records)
    connection = await asyncpg.connect(stack.dsn)

    async def taken() -> bool:
        return await connection.fetchval("SELECT count(*) FROM dispatch.signals WHERE source = $1", source) == SIZE - 1

    await until(taken, 30.0, "the other 499")
    missing = f"{source}-{place}"
    assert not await connection.fetchval("SELECT count(*) FROM dispatch.signals WHERE client_id = $1", missing)
    assert await connection.fetchval("SELECT sum(skipped) FROM dispatch.position") == 0
    await connection.close()
    entries = parking.latest(await log.read(kafka, topics.parked("dispatch", topic)))
    assert (entries[-1].key, entries[-1].value, list(entries[-1].headers)) == (bad[0], bad[1], list(bad[2]))
