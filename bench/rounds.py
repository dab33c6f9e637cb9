"""The rounds: every variant once a round, so that what the machine does at a time hits all of them."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence

from bench.variant import Figures, Run, Variant
from bench.world import Fault, World
from gewu.dev.children import CannotStart

Results = dict[str, dict[str, list[float | None]]]


async def play(
    world: World, variants: Sequence[Variant], rounds: int, seconds: int, reports: int, say: Callable[[str], None]
) -> tuple[Results, list[str]]:
    """The figures of every variant by round, and what went wrong in words; one that fails is left out of its round."""
    found: Results = {}
    faults: list[str] = []
    for number in range(1, rounds + 1):
        run = Run(world, seconds, reports)
        for variant in variants:
            await asyncio.to_thread(os.sync)  # or a variant pays for the disk's work that the one before it left
            started = time.monotonic()
            figures: Figures = {}
            if lacks := [name for name in variant.needs if not run.so_far.get(name)]:
                what = f"left out, it needs {', '.join(lacks)}"
            else:
                try:
                    figures = await variant.run(run)
                    what = words(figures)
                except (Fault, CannotStart, OSError) as fault:
                    what = f"FAILED: {fault}"
                    faults.append(f"{variant.name} failed in round {number}: {str(fault).splitlines()[0]}")
            run.so_far[variant.name] = figures
            _keep(found.setdefault(variant.name, {}), figures, number)
            say(f"round {number} of {rounds}  {variant.name:<18} {time.monotonic() - started:5.1f} s  {what}")
    return found, faults


def _keep(kept: dict[str, list[float | None]], figures: Figures, number: int) -> None:
    for name in dict.fromkeys((*kept, *figures)):  # in the order of the variant, and not of a set
        values = kept.setdefault(name, [])
        values += [None] * (number - 1 - len(values))
        values.append(figures.get(name))


def words(figures: Figures) -> str:
    """Figures in a line."""
    return "  ".join(f"{name} {number(value)}" for name, value in figures.items())


def number(value: float) -> str:
    """Three digits that count, thousands as k."""
    if abs(value) >= 10_000:
        return f"{value / 1000:.3g}k" if abs(value) < 1_000_000 else f"{value / 1000:.0f}k"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
