"""A variant: something that is run once a round and gives figures."""

import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.world import World

Figures = Mapping[str, float]


@dataclass(slots=True)
class Run:
    """What a variant may know: the world, how long and how much to measure, and this round's figures so far."""

    world: World
    seconds: int
    reports: int
    so_far: dict[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of them. `group` is what --only names; `needs` are those that must run before it."""

    name: str
    group: str
    says: str
    run: Callable[[Run], Awaitable[Figures]]
    needs: tuple[str, ...] = ()


def turns(count: int) -> list[bool]:
    """Who is next, as often the one as the other, neither always first: the machine changes its pace within seconds."""
    return [n % 4 in (0, 3) for n in range(count // 4 * 4 or 4)]


def mean(found: Sequence[Figures]) -> Figures:
    """The figures of some turns as one."""
    return {name: statistics.mean(turn[name] for turn in found) for name in found[0]}
