"""A flood on an intake with a bound of its own, and how it fared."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from gewu.city import load as load_city
from gewu.dev.ledger import Ledger
from gewu.dev.stack import Stack
from gewu.load.bodies import Bodies
from gewu.load.run import Load, Mix, Target
from gewu.load.schedule import constant

LANES = {"p0": 0.01, "p1": 0.24, "p2": 0.75}
_MIX, _URGENT = Mix(share=0.5, lines=20, connections=128), 20.0
MEMORY_MIB = 400  # of an intake process, its four buffers of 32 MiB included


@dataclass(frozen=True, slots=True)
class Fared:
    """Reports a second that were accepted; how many were refused, and p99 of that in seconds; p99 of p0's answers meanwhile; the
    process's largest memory in MiB; how many p0 were refused, then or right after; and of a load of four fifths of the bound two
    seconds later what share was accepted, and p99 of that."""

    goodput: float
    refused: int
    refusals_p99: float
    urgent_p99: float
    urgent_refused: int
    memory: float
    share_after: float
    p99_after: float


async def flood(
    stack: Stack, folder: Path, source: str, secret: str, *, bound: int, offered: int, seconds: float, warm: float = 0.0
) -> Fared:
    """Offer so many reports a second to an intake that takes `bound`, and a few of p0 beside them; then four fifths of the bound,
    then more of p0 than the bound. Before all that, uncounted, the same for `warm` seconds, in which a fresh broker compiles
    itself."""
    intake = await stack.launch("intake", {"GEWU_RATE": str(bound)}, replica="bounded")
    city, target, runs = load_city(stack.city), Target(intake.url, secret, source), count()

    @contextmanager
    def of(lanes: Mapping[str, float], rate: float, seconds: float, mix: Mix) -> Iterator[Load]:
        run = next(runs)
        with Ledger(folder / f"ledger-{run}.jsonl") as ledger:
            yield Load(target, constant(rate, seconds), mix, Bodies(city, lanes, run), ledger)

    if warm:
        with of(LANES, offered, warm, _MIX) as load:
            await load.run()
    with of(LANES, offered, seconds, _MIX) as much, of({"p0": 1.0}, _URGENT, seconds, Mix(connections=8)) as urgent:
        memory = await _largest(intake.pid, asyncio.gather(much.run(), urgent.run()))
    await asyncio.sleep(2.0)
    with of({"p1": 1.0}, 0.8 * bound, 5.0, _MIX) as after:
        await after.run()
    with of({"p0": 0.5, "p2": 0.5}, bound, 2.0, _MIX) as fires:
        await fires.run()
    await stack.end("bounded")
    return Fared(
        goodput=much.book.steps[0].goodput + urgent.book.steps[0].goodput,
        refused=sum(much.book.whole.refused.values()),
        refusals_p99=much.book.refused.quantile(0.99) or 0.0,
        urgent_p99=urgent.book.singles.quantile(0.99) or 0.0,
        urgent_refused=refused_lanes(folder)["p0"],
        memory=memory,
        share_after=after.book.whole.accepted / after.book.whole.offered,
        p99_after=after.book.whole.latencies.quantile(0.99) or 0.0,
    )


async def _largest(pid: int | None, running: asyncio.Future[Any]) -> float:
    """The largest memory of a process while something runs."""
    memory = 0.0
    while not running.done():
        memory = max(memory, _memory(pid))
        await asyncio.sleep(0.2)
    await running
    return memory


def refused_lanes(folder: Path) -> Counter[str]:
    """How many reports of each lane the ledgers say were not accepted."""
    lanes, found = {}, Counter[str]()
    for said in (json.loads(line) for path in folder.glob("ledger-*.jsonl") for line in path.read_text().splitlines()):
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
