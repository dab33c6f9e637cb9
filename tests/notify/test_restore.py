"""A dump comes back under notify: what was told since goes again under the same webhook-id, and all of it."""

import re
from collections import Counter

from gewu.audit import log
from gewu_notify import restore
from tests.notify.world import Ground, arrived, changed, everything_to
from tests.support.waiting import until

_TABLES = ("position", "passed", "notices", "directories", "too_old")


async def test_what_was_told_since_the_dump_is_told_again_under_the_ids_that_it_had(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    await ground.notify()
    first = changed()
    await ground.say(first)
    await arrived(desk)
    await ground.until_states(("desk", "sent"))
    async with ground.connected() as connection:
        for table in _TABLES:
            await connection.execute(f"CREATE TABLE public.{table} AS TABLE notify.{table}")
    later = [changed() for _ in range(20)]
    await ground.say(*later, changed(change="ACCEPTED", case_id=first.case.case_id, version=2))
    before = {got.id for got in await arrived(desk, 22)}
    async with ground.connected() as connection, log.connected(ground.kafka) as logs:
        assert (await restore.again(connection, logs)).records == 0
        async with connection.transaction():  # a dump comes back
            await connection.execute("LOCK TABLE notify.position IN EXCLUSIVE MODE")
            for table in _TABLES:
                await connection.execute(f"DELETE FROM notify.{table}")
                await connection.execute(f"INSERT INTO notify.{table} SELECT * FROM public.{table}")
        again = await restore.again(connection, logs)
        assert (again.records, again.gone) == (21, [])

    async def all_again() -> bool:
        return len(desk.got) == 22 + 21

    await until(all_again, 30.0, "what was told since the dump")
    await ground.until_states(*[("desk", "sent")] * 22)
    times = Counter(got.id for got in desk.got)
    assert set(times) == before and sorted(times.values()) == [1, *[2] * 21], "nothing under another webhook-id"


async def test_a_position_that_the_log_does_not_hold_is_said(ground: Ground) -> None:
    async with ground.connected() as connection, log.connected(ground.kafka) as logs:
        await connection.execute(
            "UPDATE notify.position SET next_offset = next_offset + 1000000, skipped = skipped + 1000000 WHERE partition = 3"
        )
        (words,) = (await restore.again(connection, logs)).gone
        assert re.match(r"cases\.changed\[3\]: notify's position 1\d{6}, ", words), words
        await connection.execute("DROP SCHEMA notify CASCADE")
        assert (await restore.again(connection, logs)).records == 0
