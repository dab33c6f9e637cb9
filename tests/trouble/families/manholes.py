"""Two dispatches that see two reports of one thing at the same moment, in partitions that each of them reads alone."""

import asyncio
from itertools import count
from random import Random

from gewu.lane import Lane
from tests.support.neighbours import pairs_across_partitions
from tests.support.waiting import until
from tests.trouble.play import Seen
from tests.trouble.world import SECOND, World

_PAIRS = 60
_LEAST = 20  # signals that each of the two must have settled

_runs = count(0, 2)


async def one_manhole_seen_twice(world: World, random: Random) -> Seen:
    """Pairs of reports of one manhole each, on either side of a line by which intake picks partitions."""
    names = ("dispatch", SECOND)
    await world.second_dispatch()
    for name in names:
        await until(lambda name=name: _shares(world, name), 40.0, f"{name}'s share")
    before = [await _settled(world, name) for name in names]
    pairs = pairs_across_partitions(world.stack.city, next(_runs))
    random.shuffle(pairs)
    async with world.load(random, rate=200) as load:
        for first, second in pairs[:_PAIRS]:
            await asyncio.gather(load.ship([first]), load.ship([second]))
        await asyncio.sleep(2.0)  # so that there is load enough to say something
    await world.judge()  # which waits until all is settled
    settled = [await _settled(world, name) - b for name, b in zip(names, before, strict=True)]
    rows = await world.fetch(
        "SELECT client_id, case_id FROM signals WHERE client_id = ANY($1)", [r["id"] for p in pairs[:_PAIRS] for r in p]
    )
    await world.stack.end(SECOND)
    case = {row["client_id"]: row["case_id"] for row in rows}
    assert all(case[a["id"]] == case[b["id"]] for a, b in pairs[:_PAIRS]), "one manhole, one case"
    assert len(set(case.values())) == len(pairs[:_PAIRS]), "and each manhole its own"
    words = f"{len(pairs[:_PAIRS])} manholes, one case each; the two settled {settled[0]:.0f} and {settled[1]:.0f}"
    return Seen(min(settled) > _LEAST, words)


async def _shares(world: World, name: str) -> bool:
    """Whether this replica reads some partitions of the lane and not all: the other has the rest."""
    own = await world.counted(name, "gewu_delivery_partitions", lane=Lane.P1.label)
    return 0 < own < await world.counted(name, "gewu_delivery_partitions_in_all", lane=Lane.P1.label)


async def _settled(world: World, name: str) -> float:
    """How many signals of the lane it has opened or joined."""
    counts = [
        await world.counted(name, "gewu_delivery_records_total", outcome=outcome, lane=Lane.P1.label)
        for outcome in ("opened", "joined")
    ]
    return sum(counts)
