"""One source that says many times its share, and rubbish beside it."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from gewu import ids
from gewu.city import load as load_city
from gewu.dev.ledger import Ledger
from gewu.dev.stack import Stack
from gewu.load.bodies import Bodies
from gewu.load.key import until_taken
from gewu.load.run import Load, Mix, Target
from gewu.load.schedule import constant
from gewu.runtime import keys, secrets_folder

SHARE = 50.0  # reports a second that its key may say
_LANES = {"p1": 0.25, "p2": 0.75}  # p0 is never refused for a quota
_MIX = Mix(share=0.5, lines=20, connections=64)
_RUBBISH = (b"{", b"\xff" * 300, b'{"category":7}', b"[" * 20_000, b'{"category":"manhole","place":{"lon":"east"}}')
_PAUSE_S = 0.005


@dataclass(frozen=True, slots=True)
class Flooded:
    """What the source was told: reports offered, accepted and refused by code; rubbish by HTTP's status; and its ledger."""

    offered: int
    accepted: int
    refused: Counter[str]
    rubbish: Counter[int]
    ledger: Path


async def flood(stack: Stack, folder: Path, *, offered: float, seconds: float) -> Flooded:
    """Say so many reports a second under a new key for so long."""
    id, secret = f"flood-{datetime.now(UTC):%H%M%S-%f}", keys.new_secret()
    file = stack.data / "secrets" / secrets_folder.KEYS
    with secrets_folder.locked(file.parent):
        keys.write(file, [*keys.read(file), keys.Key(id, keys.digest(secret), ("report",), rate=SHARE)])
    target = Target(stack.intake_url, secret, f"key:{id}")
    await until_taken(target)
    path = folder / f"ledger-{ids.new_client_id()}.jsonl"
    with Ledger(path) as ledger:
        bodies = Bodies(load_city(stack.city), _LANES, 7)
        load = Load(target, constant(offered, seconds), _MIX, bodies, ledger)
        rubbish, _ = await asyncio.gather(throw(target, seconds), load.run())
    whole = load.book.whole
    return Flooded(whole.offered, whole.accepted, whole.refused, rubbish, path)


async def throw(target: Target, seconds: float) -> Counter[int]:
    """What can never be a report, singly and in batches, one behind another; the statuses of the answers."""
    told, clock = Counter[int](), asyncio.get_running_loop().time
    headers = {"authorization": f"Bearer {target.secret}", "content-type": "application/json"}
    async with aiohttp.ClientSession(headers=headers) as session:
        until = clock() + seconds
        while clock() < until:
            for body in _RUBBISH:
                async with session.post(f"{target.url}/v1/reports", data=body) as answer:
                    told[answer.status] += 1
            await asyncio.sleep(_PAUSE_S)
    return told
