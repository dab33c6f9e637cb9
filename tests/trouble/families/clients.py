"""Clients that say things twice, two at once, out of order, and long after they were heard."""

import asyncio
from random import Random
from typing import Any

from gewu.city import load as load_city
from gewu.lane import Lane
from tests.support.load import Load
from tests.trouble.play import Seen
from tests.trouble.world import World, clock

Report = dict[str, Any]
_EACH = 60


async def clients_repeat(world: World, random: Random) -> Seen:
    """Every acknowledged sending beyond a report's first must be a duplicate or a conflict, and nothing else."""
    before, ends = await world.outcomes(), await world.positions()
    async with world.load(random, rate=100) as load, world.load(random, rate=1) as other:
        await asyncio.gather(
            _twins(load, other, random), _repeated(load, random), _contradicted(load, other), _reordered(load, random)
        )
        late = await _late(world, load, random)
        await asyncio.sleep(0.5)
    await world.judge()  # which waits until all is settled
    now, settled = await world.outcomes(), await world.positions()
    acks = load.accepted + other.accepted
    new = now["opened"] + now["joined"] - before["opened"] - before["joined"]
    again, conflicts = now["duplicate"] - before["duplicate"], now["conflict"] - before["conflict"]
    moved = sum(settled.values()) - sum(ends.values())
    words = f"{acks} acks of {new} reports: {again} duplicates, {conflicts} conflicts; {late}; {moved} records in all"
    if missing := load.without_ack + other.without_ack:
        return uncounted(missing, words)
    ids = load.acked | other.acked
    known = len(ids & _ids(world.loads[:-2]))
    assert new == len(ids) - known, f"{len(ids)} ids, {known} of them known before, made {new} signals"
    assert new + again + conflicts == acks, f"{acks} acks: {new} new, {again} duplicates, {conflicts} conflicts"
    return Seen(again >= 3 * _EACH and conflicts >= _EACH * 0.9, words)


def uncounted(missing: int, words: str) -> Seen:
    """Not hit: a sending without its ack may have landed or not, so that nothing can be held against the acks."""
    return Seen(False, f"{missing} answers without ack, so the sums were not held against the acks; {words}")


async def _twins(load: Load, other: Load, random: Random) -> None:
    """Two clients with one key send the same report at the same moment."""
    for _ in range(_EACH):
        report = load.report()
        await asyncio.gather(load.ship([report]), other.ship([report]))
        await asyncio.sleep(random.uniform(0.0, 0.02))


async def _repeated(load: Load, random: Random) -> None:
    """A client that did not hear its ack: the same again, alone or among others."""
    for _ in range(_EACH):
        report = load.report()
        await load.ship([report])
        await load.ship([report, load.report()] if random.random() < 0.5 else [report])


async def _contradicted(load: Load, other: Load) -> None:
    """The same id with another text from a second client: one of the two is taken, the other is a conflict."""
    for _ in range(_EACH):
        report = load.report()
        await asyncio.gather(load.ship([report]), other.ship([{**report, "text": "something else"}]))


async def _reordered(load: Load, random: Random) -> None:
    """Made in one order, sent in another: each waits for a while of its own."""

    async def held(report: Report) -> None:
        await asyncio.sleep(random.uniform(0.0, 3.0))
        await load.ship([report])
        await load.ship([report])

    await asyncio.gather(*(held(load.report()) for _ in range(_EACH)))


async def _late(world: World, load: Load, random: Random) -> str:
    """What was acknowledged first of all in this world, once more: minutes of log lie between."""
    first = next((earlier for earlier in world.loads if earlier.first), load)
    lanes = load_city(world.stack.city)
    reports = list(first.first)
    random.shuffle(reports)
    await load.ship(reports)
    urgent = sum(lanes.lane(report["category"]) is Lane.P0 for report in reports)
    return f"{len(reports)} ({urgent} of them p0) again {clock() - first.begun:.0f} s after their first time"


def _ids(loads: list[Load]) -> set[str]:
    return {id for load in loads for id in load.acked}
