"""What is done to a system under load, so that the window of a bug opens; each leaves the system able to go on."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tests.planted.load import Neighbours
from tests.planted.site import Site

Fault = Callable[[Site, Neighbours], Awaitable[None]]
_AFTER_S = 1.5  # of load after the fault: what it left behind must go on working, or be seen not to


async def none(site: Site, load: Neighbours) -> None:
    """Nothing but the load."""
    await site.window()


async def dispatch_killed(site: Site, load: Neighbours) -> None:
    """kill -9 of dispatch, in the window if there is one."""
    await site.window()
    await site.kill("dispatch")
    await site.launch("dispatch")


async def intake_killed_before_acks(site: Site, load: Neighbours) -> None:
    """The broker is frozen, so that intake waits for acks, and intake is killed."""
    site.kafka.pause()
    await asyncio.sleep(1.0)
    await site.kill("intake")
    site.kafka.resume()
    await site.launch("intake")


FAULTS: Mapping[str, Fault] = {
    fault.__name__.replace("_", "-"): fault for fault in (none, dispatch_killed, intake_killed_before_acks)
}


async def make(name: str, site: Site, load: Neighbours) -> None:
    """This fault, with load before and after it."""
    await asyncio.sleep(1.0)
    await FAULTS[name](site, load)
    await asyncio.sleep(_AFTER_S)
