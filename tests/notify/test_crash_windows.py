"""Killed between claim and send, and between send and mark: nobody stays untold, and what goes again has the same id."""

import asyncio
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.notify.world import Ground, arrived, changed, everything_to
from tests.support.waiting import until


@pytest.mark.parametrize(("window", "before"), [("sender.after_claim", 0), ("sender.before_mark", 1)])
async def test_what_was_claimed_when_the_process_was_killed_goes_again_under_the_same_id(
    ground: Ground, tmp_path: Path, window: str, before: int
) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    reached = tmp_path / "reached"
    notify = await ground.notify(WEBHOOK_TIMEOUT="500ms", FAILPOINTS=f"{window}={reached}")
    await ground.say(changed())

    async def there() -> bool:
        return reached.exists()

    await until(there, what=window)
    assert len(desk.got) == before
    await notify.kill()
    (row,) = await ground.ledger()
    assert (row["state"], row["attempts"], row["outcomes"]) == ("open", 1, [])
    assert row["claimed_until"] is not None
    await ground.again(notify, WEBHOOK_TIMEOUT="500ms")
    await ground.until_states(("desk", "sent"))
    (row,) = await ground.ledger()
    assert (row["attempts"], row["outcomes"], row["claimed_until"]) == (2, ["taken 204"], None)
    assert [g.id for g in desk.got] == [str(row["webhook_id"])] * (before + 1)
    assert {g.body for g in desk.got} == {bytes(row["body"])}
    for got in desk.got:
        Webhook(ground.city.secrets["desk"]).verify(got.body, dict(got.headers))


async def test_killed_again_and_again_under_load_nobody_stays_untold(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    notify = await ground.notify(WEBHOOK_TIMEOUT="500ms")
    events = [changed() for _ in range(300)]
    for n in range(3):
        await ground.say(*events[n * 100 : n * 100 + 100])
        await arrived(desk, len(desk.got) + 10)
        await notify.kill()
        await ground.again(notify, WEBHOOK_TIMEOUT="500ms")
    await ground.until_states(*[("desk", "sent")] * 300, seconds=40.0)
    ids = {str(r["webhook_id"]) for r in await ground.ledger()}
    assert len(ids) == 300 and {g.id for g in desk.got} == ids


async def test_two_processes_send_each_notice_once(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    await asyncio.gather(ground.notify(), ground.notify("notify-2"))
    await ground.say(*(changed() for _ in range(200)))
    await ground.until_states(*[("desk", "sent")] * 200, seconds=30.0)
    assert len(desk.got) == len({g.id for g in desk.got}) == 200
