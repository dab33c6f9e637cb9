"""One source that floods: a key that says forty times its share with rubbish beside it, and a sensor that never stops."""

import asyncio
import statistics
import time
from datetime import UTC, datetime
from random import Random

from gewu.dev.mqtt import mosquitto
from gewu.lane import Lane
from tests.support.flooding import SHARE, flood
from tests.support.load import SOURCE
from tests.support.sensors import Town
from tests.trouble.play import Seen, Skipped
from tests.trouble.world import World

_TIMES, _SECONDS = 40, 6.0
_MOST = 1.4  # of its share: what was left of a second and the last batch, which may go into debt, are a quarter of it
_MORE = 5  # times as long as before may a p0 of others take
_AGE_S = 0.2  # shorter times say nothing here
_SENSOR = "smoke-005"


async def source_floods(world: World, random: Random) -> Seen:
    """A key says forty times its share, and rubbish beside it, and a sensor speaks as fast as its broker takes it: the key gets
    its share and no more; the others are refused nothing, and a p0 of theirs takes at most five times as long, or a second."""
    if mosquitto() is None:
        raise Skipped("Mosquitto is not installed, and amqtt may take a flood of readings and lose it")
    town = Town(world.stack, (_SENSOR,), session=int(time.time() * 1000), pause=0.0, ledgers=world.folder)
    world.ledgers += town.ledgers.values()
    async with world.load(random) as others:
        start = datetime.now(UTC)
        await asyncio.sleep(3.0)
        calm = datetime.now(UTC)
        speaking = asyncio.ensure_future(town.run())
        flooded = await flood(world.stack, world.folder, offered=_TIMES * SHARE, seconds=_SECONDS)
        wild = datetime.now(UTC)
        town.stop()
        await speaking
        world.ledgers.append(flooded.ledger)
    await world.judge()  # which waits until all is settled
    before, beside = await _took(world, start, calm), await _took(world, calm, wild)
    refused, share = sum(flooded.refused.values()), flooded.accepted / (SHARE * _SECONDS)
    words = (
        f"{flooded.offered} reports of one key, {flooded.accepted} accepted, {refused} refused; {flooded.rubbish.total()} times "
        f"rubbish; {town.readings} readings of one sensor; others: {others.accepted} acks, 9 of 10 "
        f"p0 decided within {beside:.2f} s, {before:.2f} s before"
    )
    assert flooded.refused.keys() <= {"429", "line"}, f"not for its quota: {flooded.refused}"
    assert 0.8 < share < _MOST, f"its share: {words}"
    assert flooded.rubbish and min(flooded.rubbish) >= 400, f"rubbish was taken: {flooded.rubbish}"
    assert others.statuses.keys() <= {200, 202} and not others.without_ack, f"what others were told: {others.statuses}"
    assert beside < _MORE * max(before, _AGE_S), words
    return Seen(refused > flooded.offered / 2 and town.readings > others.accepted, words)


async def _took(world: World, since: datetime, end: datetime) -> float:
    """Seconds from receipt to decision within which 9 of 10 of the others' p0 between these moments were."""
    rows = await world.fetch(
        "SELECT extract(epoch FROM h.at - s.received_at)::float8 AS took FROM signals s JOIN history h ON h.case_id = s.case_id "
        "AND h.incarnation = s.case_incarnation AND h.version = s.case_version "
        "WHERE s.lane = $1 AND s.source = $2 AND s.received_at BETWEEN $3 AND $4", Lane.P0.value, SOURCE, since, end,
    )  # fmt: skip
    assert len(rows) > 10, f"{len(rows)} p0 of others: too few to say anything"
    return statistics.quantiles([row["took"] for row in rows], n=10)[-1]
