"""Receivers that say no, that say nothing, that are not there: each gets what its kind of failure asks for, alone."""

import asyncio
import time

from gewu.dev.ports import free_ports
from tests.notify.world import Ground, Listener, arrived, changed, everything_to
from tests.support.waiting import until


async def _outcomes(ground: Ground, receiver: str) -> list[str]:
    return [o for r in await ground.ledger() if r["receiver"] == receiver for o in r["outcomes"]]


async def test_each_kind_of_failure_has_what_follows(ground: Ground) -> None:
    gone, slow, refuses, moved, broken = [await ground.listener() for _ in range(5)]
    gone.answer, slow.answer = Listener.says(410), Listener.says(503, Retry_After="600")
    refuses.answer, broken.answer = Listener.says(400), Listener.says(500)
    moved.answer = Listener.says(302, Location=refuses.url)
    urls = {
        "gone": gone.url, "slow": slow.url, "refuses": refuses.url, "moved": moved.url, "broken": broken.url,
        "away": f"http://127.0.0.1:{free_ports(1)[0]}/",
    }  # fmt: skip
    ground.city.write(urls, everything_to(*urls))
    notify = await ground.notify()
    before = time.time()
    await ground.say(changed())

    async def tried() -> bool:
        return all([await _outcomes(ground, name) for name in urls])

    await until(tried, what="an attempt of each")
    rows = {r["receiver"]: r for r in await ground.ledger()}
    first = {name: (r["outcomes"][0], r["state"]) for name, r in rows.items()}
    assert first == {
        "gone": ("gone 410", "failed"), "slow": ("slow_down 503", "open"), "refuses": ("refused 400", "open"),
        "moved": ("redirected 302", "open"), "broken": ("broken 500", "open"), "away": ("unreachable", "open"),
    }  # fmt: skip
    assert rows["slow"]["due_at"].timestamp() - before > 590, "Retry-After is honoured"
    assert len(refuses.got) == 1, "a redirect is never followed"
    assert rows["broken"]["due_at"].timestamp() - before < 30
    # 410 disables: what comes later waits, and nothing is sent.
    await ground.say(changed())

    async def taken() -> bool:
        tries = [row["outcomes"] for row in await ground.ledger() if row["receiver"] == "broken"]
        return len(tries) == 2 and all(tries)  # not two of the first change

    await until(taken, what="the second change")
    assert len(gone.got) == 1 and ("gone", "open") in await ground.states()
    # A new process knows it too; another address in the package begins anew.
    await notify.stop()
    ground.city.write({**urls, "gone": f"{slow.url}&again"}, everything_to(*urls))
    slow.answer = Listener.ok
    await ground.again(notify)
    assert len(await arrived(slow, 2)) >= 2


async def test_a_receiver_that_is_gone_at_its_new_address_too_is_left_alone_there_as_well(ground: Ground) -> None:
    desk = await ground.listener()
    desk.answer = Listener.says(410)
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    notify = await ground.notify()
    await ground.say(changed())
    await arrived(desk, 1)
    await notify.stop()
    ground.city.write({"desk": f"{desk.url}&moved"}, everything_to("desk"))
    await ground.again(notify)
    await ground.say(changed())
    await arrived(desk, 2)
    await ground.say(changed())

    async def planned() -> bool:
        return [state for _, state in await ground.states()].count("open") >= 1

    await until(planned, what="the third change, which waits")
    assert len(desk.got) == 2


async def test_an_answer_without_end_or_over_its_bound_costs_its_receiver_one_attempt(ground: Ground) -> None:
    from aiohttp import web

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=200)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 10_000)

    desk = await ground.listener()
    desk.answer = endless
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    await ground.notify()
    await ground.say(changed(), changed())
    await ground.until_states(("desk", "sent"), ("desk", "sent"))


async def test_a_thousand_receivers_that_hang_do_not_delay_a_fire(ground: Ground) -> None:
    desk = await ground.listener()
    silent: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.append(writer)  # taken, and never answered

    server = await asyncio.start_server(hang, "127.0.0.1", 0, backlog=2000)
    port = server.sockets[0].getsockname()[1]
    try:
        dead = {f"dead-{n}": f"http://127.0.0.1:{port}/{n}" for n in range(1000)}
        rules = ["fire,*,p0,*,*,*,desk,", *(f"r{n},*,p2,*,*,*,dead-{n}," for n in range(1000))]
        ground.city.write({**dead, "desk": desk.url}, rules)
        await ground.notify(WEBHOOK_TIMEOUT="10s")
        await ground.say(changed(lane="P0"))
        await arrived(desk)  # the way is open
        await ground.say(changed(lane="P2"), changed(lane="P2"))

        async def hanging() -> bool:
            return len(silent) >= 1000

        await until(hanging, 40.0, "a thousand that hang")
        took = []
        for n in range(2, 12):
            began = time.monotonic()
            await ground.say(changed(lane="P0"))
            await arrived(desk, n)
            took.append(time.monotonic() - began)
        assert sorted(took)[5] < 1.0, took
        assert max(took) < 5.0, "less than the time-out of those that hang"
    finally:
        server.close()
        for writer in silent:
            writer.transport.abort()


async def test_a_receiver_without_a_secret_is_told_nothing_and_readiness_says_so(ground: Ground) -> None:
    desk = await ground.listener()
    ground.city.write({"desk": desk.url}, everything_to("desk"))
    (ground.city.secrets_folder / "desk.whsec").write_text("whsec_c2hvcnQ=\n")
    notify = await ground.notify(ready=False)
    await ground.say(changed())

    async def planned() -> bool:
        return await ground.states() == [("desk", "open")]

    await until(planned, 30.0, "the plan")
    try:
        await notify.until_ready(1.0)
    except Exception as red:  # noqa: BLE001  what it says is what matters
        assert "desk.whsec line 1" in str(red) and "c2hvcnQ" not in str(red)
    else:
        raise AssertionError("it is ready")
    assert desk.got == []
    ground.city.secret("desk", ground.city.secrets["desk"])
    await notify.until_ready(10.0)
    await arrived(desk)
