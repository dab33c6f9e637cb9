"""What every service looks at again and again: its key file, and whether its producers have a broker."""

import asyncio
from collections.abc import Mapping

from gewu.runtime.groupcommit import GroupCommit
from gewu.runtime.health import Health
from gewu.runtime.keys import LOOK_AGAIN_S, KeyRing

_LOOK_S = 2.0
_PATIENCE_S = 5.0


async def watch_keys(keys: KeyRing, health: Health) -> None:
    """Read the key file when it has changed; runs until cancelled."""
    while True:
        keys.refresh()
        _tell(health, "keys", keys.fault, 0.0)
        await asyncio.sleep(LOOK_AGAIN_S)


async def watch_producers(producers: Mapping[str, GroupCommit], health: Health) -> None:
    """Tell health of a missing broker; runs until cancelled."""
    while True:
        up = await asyncio.gather(*(_has_broker(producer) for producer in producers.values()))
        for use, has in zip(producers, up, strict=True):
            _tell(health, f"producer {use}", None if has else "no broker", _PATIENCE_S)
        await asyncio.sleep(_LOOK_S)


async def _has_broker(producer: GroupCommit) -> bool:
    # Records under way tell by themselves; without any, nobody would notice until the next one comes.
    return producer.is_up and (producer.pending_bytes > 0 or await producer.reaches_a_broker(_LOOK_S))


def _tell(health: Health, name: str, fault: str | None, patience: float) -> None:
    if fault:
        health.bad(name, fault, patience)
    else:
        health.good(name)
