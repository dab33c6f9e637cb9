"""A flood on an intake with a bound of its own, and how it fared."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gewu.city import load as load_city
from gewu.dev.ledger import Ledger
from gewu.dev.stack import Stack
from gewu.load.bodies import Bodies
from gewu.load.run import Load, Mix, Target
from gewu.load.schedule import constant

LANES = {"p0": 0.01, "p1": 0.24, "p2": 0.75}
MEMORY_MIB = 400  # of an intake process, its four buffers of 32 MiB included


@dataclass(frozen=True, slots=True)
class Fared:
    """Reports a second that were accepted, p99 of refusals in seconds, the process's largest memory in MiB, p0 that were
    refused, and what share of a small load was accepted right after."""

    goodput: float
    refused: int
    refusals_p99: float
    memory: float
    urgent_refused: int
    share_after: float


async def flood(
    stack: Stack, folder: Path, source: str, secret: str, *, bound: int, offered: int, seconds: float, warm: float = 0.0
) -> Fared:
    """Offer so many reports a second to an intake that takes `bound`, then a tenth of the bound; before that, uncounted,
    the same for `warm` seconds, in which a fresh broker compiles itself."""
    intake = await stack.launch("intake", {"GEWU_RATE": str(bound)}, replica="bounded")
    city = load_city(stack.city)
    target, mix = Target(intake.url, secret, source), Mix(share=0.5, lines=20, connections=128)
    if warm:
        with Ledger(folder / "ledger-warm.jsonl") as ledger:
            await Load(target, constant(offered, warm), mix, Bodies(city, LANES, 4), ledger).run()
    with Ledger(folder / "ledger-flood.jsonl") as ledger:
        much = Load(target, constant(offered, seconds), mix, Bodies(city, LANES, 1), ledger)
        memory, done = 0.0, asyncio.create_task(much.run())
        while not done.done():
            memory = max(memory, _memory(intake.pid))
            await asyncio.sleep(0.2)
        await done
    with Ledger(folder / "ledger-urgent.jsonl") as ledger:
        urgent = Load(target, constant(bound, 2.0), mix, Bodies(city, {"p0": 0.5, "p2": 0.5}, 2), ledger)
        await urgent.run()
    with Ledger(folder / "ledger-after.jsonl") as ledger:
        after = Load(target, constant(bound / 10, 3.0), mix, Bodies(city, {"p1": 1.0}, 3), ledger)
        await asyncio.sleep(2.0)
        await after.run()
    await stack.end("bounded")
    whole = much.book.whole
    return Fared(
        goodput=much.book.steps[0].goodput,
        refused=sum(whole.refused.values()),
        refusals_p99=much.book.refused.quantile(0.99) or 0.0,
        memory=memory,
        urgent_refused=refused_lanes(folder / "ledger-flood.jsonl")["p0"]
        + refused_lanes(folder / "ledger-urgent.jsonl")["p0"],
        share_after=after.book.whole.accepted / after.book.whole.offered,
    )


def refused_lanes(path: Path) -> Counter[str]:
    """How many reports of each lane a ledger says were not accepted."""
    lanes, found = {}, Counter[str]()
    for line in path.read_text().splitlines():
        said = json.loads(line)
        if "lane" in said:
            lanes[said["id"]] = said["lane"]
        elif said.get("outcome") != "ok":
            found[lanes[said["id"]]] += 1
    return found


def _memory(pid: int | None) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))
