"""On the running system the log is read up to its ends, and of two old pictures the one that a report named stays."""

import asyncio
import os
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from gewu import topics
from gewu.city import load
from gewu.pictures.reference import Picture, References
from gewu.pictures.store import Gone, PictureStore
from gewu.runtime import kafka, keys, postgres
from gewu.runtime.settings import Kafka, Postgres
from gewu_dispatch.handlers.sweep import Sweep
from gewu_dispatch.metrics import SweepMetrics, Swept
from tests.api.conftest import Client
from tests.mask import hostile


async def test_of_two_old_pictures_the_unnamed_one_goes(client: Client) -> None:
    stack, now = client.stack, datetime.now(UTC)
    store = PictureStore(str(stack.data / "pictures"))
    said = [hostile.encoded(hostile.grey(40 + n, 30)) for n in range(2)]
    named, nobodys = [await store.put(data) for data in said]
    own = next(k.id for k in keys.read(stack.data / "secrets/keys.json") if k.sha256 == keys.digest(client.key))
    references = References((stack.data / "secrets/link.secret").read_bytes())
    reference = references.make(Picture(named, len(said[0]), "image/jpeg", "test 1"), f"key:{own}", now)
    taken = await client.post("/v1/reports", client.report(71, pictures=[reference]))
    assert taken.status == 202, taken
    await client.status(taken.body)
    for digest in (named, nobodys):
        os.utime(store._path(digest.hex()), ((now - timedelta(hours=26)).timestamp(),) * 2)
    heard = [t.name for t in topics.registry(load(stack.city).departments) if "dispatch" in t.hears]
    pool = await postgres.pool(Postgres(stack.dsn, None, None), schema="dispatch", size=1, name="t", in_micros=False)
    broker = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    sweep = Sweep(
        store, lambda: kafka.ends(heard, broker), lambda: postgres.Reader(pool), SweepMetrics(CollectorRegistry())
    )
    try:
        ends = await kafka.ends(heard, broker)
        assert len(ends) == sum(
            t.partitions for t in topics.registry(load(stack.city).departments) if t.name in heard
        ) and any(end for *_, end in ends)
        assert await asyncio.gather(*(sweep.sweep(d[0], now) for d in (named, nobodys))) == [Swept.DONE] * 2
    finally:
        await pool.close()
    assert await store.get(named) == said[0]
    with pytest.raises(Gone):
        await store.get(nobodys)
