"""The broker under the producer: stopped in its tracks, frozen behind an open port, refusing connections."""

import asyncio
from random import Random

import aiohttp

from tests.support.load import Load
from tests.support.waiting import until
from tests.trouble.play import Seen
from tests.trouble.world import BEHIND, World

PRODUCER = "producer p"  # with its lane's number: how intake calls what has no broker


async def broker_stopped(world: World, random: Random) -> Seen:
    """SIGSTOP to the broker, for longer than intake waits for an ack; then CONT."""
    async with world.load(random) as load:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        world.stack.kafka.pause()
        try:
            await asyncio.sleep(random.uniform(10.5, 12.0))
        finally:
            world.stack.kafka.resume()
        await asyncio.sleep(1.0)
    return Seen(load.without_ack > 0 and load.slowest > 9.0, noticed(load))


async def broker_frozen(world: World, random: Random) -> Seen:
    """Connections stay and new ones are accepted, and nothing goes through: neither way, or the answers only. Then it
    flows on, or every connection ends and what was held is gone."""
    url = await world.behind_the_link()
    ways = random.choice(((), ("answers",)))
    before = await world.outcomes()
    async with world.load(random, url=url) as load:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        world.link.freeze(*ways)
        await asyncio.sleep(random.choice((4.5, 11.5)))  # longer than intake waits; or than the client library as well
        held, accepted = world.link.held, world.link.accepted
        if random.random() < 0.5:
            world.link.hang_up()
        await world.link.open()
        await asyncio.sleep(1.0)
    again = (await world.outcomes())["duplicate"] - before["duplicate"]
    words = f"{'answers' if ways else 'both ways'} held, {held} bytes, {accepted} connections taken meanwhile, "
    return Seen(held > 0 and load.without_ack > 0, f"{words}{noticed(load)}, {again} of them had landed")


async def broker_refuses(world: World, random: Random) -> Seen:
    """The port is closed: connections end and new ones are refused, clients get 503, until intake is red; then it opens
    again."""
    url = await world.behind_the_link()
    async with world.load(random, url=url) as load:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        await world.link.cut()
        why = await until(lambda: red(url, PRODUCER), 30.0, "the red light of a producer")
        await world.link.open()
        await world.stack.services[BEHIND].until_ready(30.0)
    return Seen(load.unavailable > 0, f"red: {why}; {noticed(load)}")


def noticed(load: Load) -> str:
    """What the clients noticed of a broker that was harmed."""
    return f"slowest answer {load.slowest:.1f} s, {load.without_ack} without ack ({load.unavailable} of them 503)"


async def red(url: str, about: str) -> str:
    """What readiness says is wrong about that, "" while nothing is: what else is red is not of this harm's making."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            said = await answer.json()
    except aiohttp.ClientError:
        return ""
    lights = [f"{name}: {why}" for name, why in said["red"].items()]
    return "; ".join(light for light in lights if about in light)
