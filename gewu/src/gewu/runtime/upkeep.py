"""What every service looks at again and again: its key file and whether its producers are up."""

import asyncio
from collections.abc import Mapping

from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import LOOK_AGAIN_S, KeyRing


async def upkeep(keys: KeyRing, producers: Mapping[str, GroupCommit], health: Health) -> None:
    """Read the key file when it has changed, and tell health of a missing broker; runs until cancelled."""
    while True:
        keys.refresh()
        _tell(health, "keys", keys.fault, 0.0)
        for use, producer in producers.items():
            _tell(health, f"producer {use}", None if producer.is_up else "no broker", 5.0)
        await asyncio.sleep(LOOK_AGAIN_S)


def _tell(health: Health, name: str, fault: str | None, patience: float) -> None:
    if fault:
        health.bad(name, fault, patience)
    else:
        health.good(name)
