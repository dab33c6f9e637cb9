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
from tests.trouble.play import Seen
from tests.trouble.world import World

_TIMES, _SECONDS = 40, 6.0
_BURST = 1.5  # of its share: what was left of a second, and the last batch, which may go into debt
_MORE = 5  # times as long as before may a p0 of others take
_AGE_S = 0.2  # shorter times say nothing here
_SENSOR = "smoke-005"


async def source_floods(world: World, random: Random) -> Seen:
    """A key says forty times its share, and rubbish beside it, and a sensor speaks as fast as its broker takes it: the key gets
    its share and no more, and the others are refused nothing and wait for nothing."""
    # With a bridge that keeps what it could not say; an amqtt may take a flood and lose it.
    town = Town(
        world.stack, (_SENSOR,) if mosquitto() else (), session=int(time.time() * 1000), pause=0.0, ledgers=world.folder
    )
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
        f"rubbish; {town.readings} readings of one sensor; others: {others.accepted} acks, a p0 "
        f"decided within {beside:.2f} s, {before:.2f} s before"
    )
    assert flooded.refused.keys() <= {"429", "line"}, f"not for its quota: {flooded.refused}"
    assert 0.8 < share < 1 + _BURST, f"its share: {words}"
    assert flooded.rubbish and min(flooded.rubbish) >= 400, f"rubbish was taken: {flooded.rubbish}"
    assert not others.without_ack, f"{others.without_ack} answers without ack to others: {others.statuses}"
    assert beside < _MORE * max(before, _AGE_S), words
    return Seen(refused > flooded.offered / 2, words)


async def _took(world: World, since: datetime, end: datetime) -> float:
    """Seconds, in the middle, from the receipt of the others' p0 between these moments to what was decided of them."""
    rows = await world.fetch(
        "SELECT extract(epoch FROM h.at - s.received_at)::float8 AS took FROM signals s JOIN history h ON h.case_id = s.case_id "
        "AND h.incarnation = s.case_incarnation AND h.version = s.case_version "
        "WHERE s.lane = $1 AND s.source = $2 AND s.received_at BETWEEN $3 AND $4", Lane.P0.value, SOURCE, since, end,
    )  # fmt: skip
    return statistics.median(row["took"] for row in rows)
