"""One run of one family: do the harm under a seed, see that it hit, then let the judge speak."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from tests.trouble.world import World, clock

CLEAN = ("lost", "doubled", "misrouted", "out_of_order", "unbalanced", "phantom", "unreadable", "landed_but_rejected")
_LEAST = 200  # acks of a run: harm that nobody was there to feel proves nothing


@dataclass(frozen=True, slots=True)
class Seen:
    """What a family measured of its own fault: whether it hit its window, and the numbers that say so.

    loaded: whether reports were sent meanwhile, whose acks the judge holds against what landed.
    """

    hit: bool
    words: str
    loaded: bool = True


class Own(StrEnum):
    """What a family finds with its own eyes, where the books that the judge reads are in order; the word is its name."""

    P0_WAITS = "p0_waits"  # a notice of life safety waits for receivers that hang
    SAID_AGAIN = "said_again"  # a camera says once more, under another id, what stood all the time


class Found(AssertionError):
    """Something is wrong, and it has a name: a planted bug can be expected to be found so."""

    def __init__(self, own: Own, words: str) -> None:
        super().__init__(f"{own}: {words}")
        self.own = own


class Skipped(Exception):
    """This machine cannot do this kind of harm; the text says why."""


Family = Callable[[World, Random], Awaitable[Seen]]


@dataclass(frozen=True, slots=True)
class Result:
    """One run. `why`: empty when it is as it must be; `skipped`: nothing was done, and why."""

    family: str
    seed: int
    seconds: float
    hit: bool = False
    words: str = ""
    accepted: int = 0
    lost: int = 0
    doubled: int = 0
    why: str = ""
    skipped: str = ""

    @property
    def good(self) -> bool:
        """Nothing is wrong and the fault was there, or nothing was done."""
        return not self.why and (self.hit or bool(self.skipped))


async def play(world: World, name: str, family: Family, seed: int) -> Result:
    """Never raises for what goes wrong in a run: that is a result, and this world cannot be used any more."""
    begun, earlier = clock(), len(world.loads)
    verdict: dict[str, Any] = {}
    seen, why = Seen(False, ""), ""
    world.seed = seed
    try:
        seen = await family(world, Random(f"{name} {seed}"))
        verdict = await world.judge()
        why = _wrong(verdict)
    except Skipped as skipped:
        return Result(name, seed, clock() - begun, skipped=str(skipped))
    except Exception as fault:  # noqa: BLE001  whatever it is, it is this run's result and not the end of the others
        why = f"{type(fault).__name__}: {fault}"
    accepted = sum(load.accepted for load in world.loads[earlier:])
    if not why and seen.loaded and accepted < _LEAST:
        why = f"only {accepted} acks: too little load to say anything"
    return Result(
        name, seed, clock() - begun, seen.hit, seen.words, accepted, verdict.get("lost") or 0, verdict.get("doubled") or 0,
        why,
    )  # fmt: skip


def _wrong(verdict: dict[str, Any]) -> str:
    """What the judge found, with its first example; "" when all is in order."""
    faults = [f"{name} {verdict[name]}: {verdict['examples'][name][:1]}" for name in CLEAN if verdict[name]]
    if not faults and verdict["exit"] != 0:
        faults = [f"gewu audit ended with {verdict['exit']}"]
    if not faults and (verdict["in_flight"] or verdict["outbox"]):
        faults = [f"{verdict['in_flight']} still in flight, {verdict['outbox']} in the outbox after the wait"]
    return "; ".join(faults)
