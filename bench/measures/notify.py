"""Notify by itself: a thousand who listen, webhooks as fast as they go, and how long one takes at half of that."""

import asyncio
import shutil
from datetime import UTC, datetime

import asyncpg

from bench import databases, log
from bench.measures import told
from bench.variant import Figures, Run, Variant
from bench.world import World
from gewu import topics
from gewu.dev import ports
from gewu.runtime import whsec

GROUP = "notify"
CLIENTS, WEBHOOKS, CHANGES, AT_ONCE = 1000, 20_000, 10_000, 64
_DESK = "desk"
BODY = (
    '{"type":"gewu.case.opened","timestamp":"2026-11-23T06:59:27.042188Z","data":{"event_id":"01a20049-51f0-8c45-8ee5-'
    '43173e06261c","change":"opened","case_id":"01a20049-51f0-8689-b653-bb5b261694d1","incarnation":1,"version":1,"state":'
    '"assigned","lane":"p1","category":"component:01001","department":"water","grid_id":"990101001001","grid_path":["990101",'
    '"990101001","990101001001"],"signals":1,"opened_at":"2026-11-23T06:59:27.042188Z","changed_at":"2026-11-23T06:59:27Z"}}'
)
_FILL = """
INSERT INTO notify.notices (webhook_id, receiver, rule, case_id, incarnation, version, lane, exercise, body, planned_at, due_at)
SELECT gen_random_uuid(), $1, 'all', gen_random_uuid(), 1, 1, 2, false, convert_to($2, 'UTF8'), $3, $3
FROM generate_series(1, $4)"""


class Notify:
    """A city whose every change goes to one receiver, and that receiver's port."""

    def __init__(self, world: World) -> None:
        self._world, self._port = world, ports.free_ports(1)[0]
        self._city = world.scratch / "notify-city"
        shutil.copytree(world.city, self._city)
        url = f"http://127.0.0.1:{self._port}/hook"
        (self._city / "receivers.csv").write_text(
            f"id,label_zh,label_en,channel,url,drills\n{_DESK},桌,Desk,webhook,{url},no\n"
        )
        (self._city / "notices.csv").write_text(
            f"id,change,lane,category,department,grid,receiver,note\nall,*,*,*,*,*,{_DESK},\n"
        )
        whsec.make(world.folder / "secrets" / "receivers", [_DESK])
        self._more = {"GEWU_WEBHOOK_IN_FLIGHT": str(AT_ONCE)}
        self._told = told.Told(world, self._city, self._port, self._more, self._database)

    async def live(self, run: Run) -> Figures:
        """The feed of a notify that has nothing else to tell."""
        dsn = await self._database("bench_live")
        async with self._world.service("notify", dsn=dsn) as notify:
            return await self._listeners(notify.port, "/v1/live", run.seconds)

    async def starlette(self, run: Run) -> Figures:
        """The yardstick's."""
        words = {"kafka": self._world.stack.kafka.bootstrap}
        async with self._world.yardstick("live", words) as feed:
            return await self._listeners(feed.port, "/live", run.seconds)

    async def webhooks(self, _: Run) -> Figures:
        """A ledger full of notices that are due, until the last has come."""
        dsn = await self._database("bench_webhooks")
        connection = await asyncpg.connect(dsn, ssl=False)
        await connection.execute(_FILL, _DESK, BODY, datetime.now(UTC), WEBHOOKS)
        await connection.close()
        sink = self._sink(WEBHOOKS)
        try:
            async with self._world.service("notify", city=self._city, dsn=dsn, more=self._more):
                return {"rate": (await sink)["rate"]}
        finally:
            sink.cancel()

    async def aiohttp(self, _: Run) -> Figures:
        """As many to the same sink by aiohttp."""
        words = {"requests": WEBHOOKS, "at_once": AT_ONCE, "body": BODY, "url": f"http://127.0.0.1:{self._port}/hook"}
        sink = self._sink(WEBHOOKS)
        try:
            await asyncio.sleep(2.0)
            await self._world.process("yardsticks.webhooks", words)
            return {"rate": (await sink)["rate"]}
        finally:
            sink.cancel()

    async def notices(self, _: Run) -> Figures:
        """Changes that stand in the log when notify starts, planned and sent: all that it does."""
        dsn = await self._database("bench_notices")
        words = {"kafka": self._world.stack.kafka.bootstrap, "events": CHANGES}
        await self._world.process("processes.saying", words)
        sink = self._sink(CHANGES)
        try:
            async with self._world.service("notify", city=self._city, dsn=dsn, more=self._more):
                return {"rate": (await sink)["rate"]}
        finally:
            sink.cancel()

    async def half(self, run: Run) -> Figures:
        """From a case's change in dispatch to its webhook, at half of what the two do side by side."""
        return await self._told.half(run)

    def _sink(self, requests: int) -> "asyncio.Task[dict[str, float]]":
        return asyncio.create_task(self._world.process("processes.sink", {"port": self._port, "requests": requests}))

    async def _listeners(self, port: int, path: str, seconds: int) -> Figures:
        words = {
            "port": port, "path": path, "key": self._world.access.ops_key, "clients": CLIENTS, "seconds": seconds,
            "kafka": self._world.stack.kafka.bootstrap,
        }  # fmt: skip
        return await self._world.process("processes.listeners", words)

    async def _database(self, name: str) -> str:
        """A fresh one that stands where the log ends now."""
        dsn = await databases.fresh(self._world, name)
        ends = await log.ends(self._world.kafka, [topics.CASES])
        connection = await asyncpg.connect(dsn, ssl=False)
        await connection.executemany(
            "INSERT INTO notify.position (topic, partition, first_offset, next_offset) VALUES ($1, $2, $3, $3)",
            [(place.topic, place.partition, end) for place, end in ends.items()],
        )
        await connection.close()
        return dsn


async def variants(world: World) -> list[Variant]:
    """All of them."""
    own = Notify(world)
    return [
        Variant("live", GROUP, f"{CLIENTS:,} clients of notify's live feed", own.live),
        Variant("live yardstick", GROUP, f"{CLIENTS:,} clients of Starlette with queues", own.starlette),
        Variant(
            "webhooks", GROUP, f"{WEBHOOKS:,} signed webhooks out of a full ledger, {AT_ONCE} at once", own.webhooks
        ),
        Variant("webhooks yardstick", GROUP, f"{WEBHOOKS:,} POSTs by aiohttp, {AT_ONCE} at once", own.aiohttp),
        Variant("notices", GROUP, f"{CHANGES:,} changes from the log to their webhooks", own.notices),
        Variant("notices at half load", GROUP, "change in dispatch's transaction to webhook received", own.half),
    ]
