"""Cases change, receivers are told: signed, once a version, as the city's rules say."""

import json
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from gewu import topics
from gewu.dev.metrics import scrape
from tests.notify.world import Ground, Listener, arrived, changed, everything_to, new_secret
from tests.support.waiting import until

PARKING = topics.parked("notify", topics.CASES)


async def test_a_case_that_is_opened_is_told_by_a_webhook_that_the_official_library_verifies(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    await ground.notify()
    event = changed(lane="P0")
    await ground.say(event)
    (got,) = await arrived(desk)
    said = Webhook(ground.city.secrets["desk"]).verify(got.body, dict(got.headers))
    assert said["type"] == "gewu.case.opened" and said["data"]["case_id"] == event.case.case_id
    assert said["data"]["lane"] == "p0" and said["data"]["grid_path"] == ["top", "south"]
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(got.body, dict(got.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(ground.city.secrets["desk"]).verify(got.body, {**got.headers, "webhook-id": "another"})
    with pytest.raises(WebhookVerificationError):
        again = json.dumps(json.loads(got.body)).encode()
        Webhook(ground.city.secrets["desk"]).verify(again, dict(got.headers))
    await ground.until_states(("desk", "sent"))


async def test_each_version_is_told_once_and_the_books_balance(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    first = changed()
    second = changed(change="ACCEPTED", case_id=first.case.case_id, version=2)
    await ground.notify()
    await ground.say(first, second, first, second)  # as a relay does that was killed between ack and delete
    other = changed()
    await ground.say(other)
    got = await arrived(desk, 3)
    await ground.until_states(*[("desk", "sent")] * 3)
    assert len({g.id for g in got}) == 3 and len(desk.got) == 3
    async with ground.connected() as connection:
        row = await connection.fetchrow(
            "SELECT sum(applied), sum(duplicate), sum(next_offset - first_offset) FROM notify.position"
        )
    assert tuple(row) == (3, 2, 5)


async def test_rules_choose_and_a_drill_reaches_only_a_receiver_of_drills(ground: Ground) -> None:
    fire, water, drills = await ground.listener(), await ground.listener(), await ground.listener()
    rules = [
        "p0,*,p0,*,*,*,fire,", "p0-drills,*,p0,*,*,*,drills,", "water,opened|handled,*,component:*,water,south,water,",
    ]  # fmt: skip
    ground.city.write({"fire": fire.url, "water": water.url, "drills": drills.url}, rules, drills=["drills"])
    notify = await ground.notify()
    await ground.say(
        changed(lane="P0", exercise=True), changed(lane="P0", grid="north"), changed(), changed(change="JOINED", version=2),
        changed(ago=timedelta(days=2)), changed(department="desk"),
    )  # fmt: skip
    await ground.until_states(("drills", "sent"), ("fire", "sent"), ("water", "sent"))
    assert [json.loads(g.body)["data"].get("exercise", False) for g in (*drills.got, *fire.got, *water.got)] == [
        True, False, False,
    ]  # fmt: skip
    types = [json.loads(g.body)["type"] for g in (*drills.got, *fire.got, *water.got)]
    assert types == ["gewu.exercise.opened", "gewu.case.opened", "gewu.case.opened"]
    assert (await scrape(f"{notify.url}/metrics"))["gewu_notify_age_seconds_count", ()] == 2, "a drill is no indicator"


async def test_a_drill_that_waits_is_not_sent_once_its_receiver_is_a_real_one(ground: Ground) -> None:
    desk = await ground.listener()
    desk.answer = Listener.says(503, Retry_After="1")
    ground.city.write({"desk": desk.url}, everything_to("desk"), drills=["desk"])
    notify = await ground.notify()
    await ground.say(changed(exercise=True))
    await arrived(desk)
    await notify.stop()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    desk.answer = Listener.ok
    await ground.again(notify)
    await ground.say(changed())
    await ground.until_states(("desk", "open"), ("desk", "sent"))
    async with ground.connected() as connection:
        due = "SELECT count(*) FROM notify.notices WHERE exercise AND state = 'open' AND due_at < now()"
        await until(lambda: connection.fetchval(due), what="the drill being due")
    await ground.say(changed())
    await arrived(desk, len(desk.got) + 1)
    assert [json.loads(g.body)["type"] for g in desk.got[-2:]] == ["gewu.case.opened"] * 2
    assert ("desk", "open") in await ground.states()


async def test_while_two_secrets_stand_there_both_sign_and_a_change_needs_no_restart(ground: Ground) -> None:
    desk = await ground.listener()
    old, new = new_secret(), new_secret()
    ground.city.secrets["desk"] = old
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    ground.city.secret("desk", new, old)
    await ground.notify()
    await ground.say(changed())
    (got,) = await arrived(desk)
    for secret in (old, new):
        Webhook(secret).verify(got.body, dict(got.headers))
    ground.city.secret("desk", new)
    for n in range(20):  # until the change is in force, which takes a moment
        await ground.say(changed())
        last = (await arrived(desk, n + 2))[-1]
        if len(last.headers["webhook-signature"].split()) == 1:
            break
    Webhook(new).verify(last.body, dict(last.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(last.body, dict(last.headers))


async def test_what_can_never_be_read_is_parked_and_the_rest_is_told(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    before = sum(await ground.ends(PARKING, 1))
    wrong = changed()
    wrong.case.case_id = "nobody"
    await ground.notify()
    await ground.say(wrong, changed())
    await ground.until_states(("desk", "sent"))

    async def booked() -> bool:
        async with ground.connected() as connection:
            row = await connection.fetchrow("SELECT sum(parked), sum(applied) FROM notify.position")
        return tuple(row) == (1, 1)

    await until(booked, what="the books")
    assert sum(await ground.ends(PARKING, 1)) == before + 1


async def test_a_receiver_whose_rule_names_a_department_hears_that_a_case_left_it(ground: Ground) -> None:
    water, gas = await ground.listener(), await ground.listener()
    ground.city.write({"water": water.url, "gas": gas.url}, ["w,*,*,*,water,*,water,", "g,*,*,*,desk,*,gas,"])
    await ground.notify()
    opened = changed(department="water")
    moved = changed(change="REASSIGNED", case_id=opened.case.case_id, version=2, department="desk", left=["water"])
    await ground.say(opened, moved)
    (last,) = (got for got in await arrived(water, 2) if json.loads(got.body)["data"]["event_id"] == moved.event_id)
    (whole,) = await arrived(gas)
    said = json.loads(last.body)
    assert said["type"] == "gewu.case.left" and set(said["data"]) == {"event_id", "case_id", "incarnation", "version"}
    assert json.loads(whole.body)["data"]["department"] == "desk" and last.id != whole.id
    await ground.until_states(("gas", "sent"), ("water", "sent"), ("water", "sent"))


async def test_it_is_on_record_which_package_decided_from_where_and_up_to_where_some_were_too_old(
    ground: Ground,
) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    service = await ground.notify()
    await ground.say(changed())
    await arrived(desk)
    await service.stop()
    ground.city.write({"desk": desk.url, "other": desk.url}, everything_to("desk"))
    await ground.again(service)
    first, old = changed(), changed(ago=timedelta(days=2))
    await ground.say(first)
    await arrived(desk, 2)
    await ground.say(old)

    async def rows() -> bool:
        async with ground.connected() as connection:
            found = await connection.fetch("SELECT DISTINCT package FROM notify.directories")
            late = await connection.fetch("SELECT partition, next_offset FROM notify.too_old")
        place = topics.partition(old.case.case_id, 6)
        return len(found) == 2 and [tuple(row) for row in late] == [(place, (await ground.ends())[place])]

    await until(rows, 15.0, "two packages and one partition with old news")
