"""A whole run: which parts are asked for, in which order they are prepared and played, and what is said about it."""

import argparse
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench import machine, reports, rounds, wrk
from bench.measures import consumer, dispatch, grid, growth, intake, notify, producer, profiles, through
from bench.variant import Variant
from bench.world import ROOT, Fault, World
from gewu.dev.children import CannotStart
from gewu_dispatch.handlers.signals import Signals

# The parts by name, with the ratios that each is about.
PARTS: dict[str, tuple[str, ...]] = {
    intake.GROUP: (
        "single_vs_producer", "ndjson_vs_producer", "single_vs_yardstick", "cpu_us_per_report", "p99_vs_produce",
    ),
    dispatch.GROUP: ("dispatch_vs_copy", "dispatch_vs_yardstick"),
    consumer.GROUP: ("consumer_vs_getmany",),
    through.GROUP: (),
    growth.GROUP: ("growth",),
    grid.GROUP: ("grid_vs_strtree",),
    notify.GROUP: ("live_vs_starlette", "live_p99_ms", "webhooks_vs_aiohttp", "notice_p99_ms"),
}  # fmt: skip
_OF_BOTH = ("metrics_on_vs_off",)  # needs intake and dispatch
WITH_WRK = (intake.GROUP, growth.GROUP, through.GROUP)
# As the issue that asked for the bench words it, dispatch's figures include its consumer's.
_ALONG = {dispatch.GROUP: (consumer.GROUP,), through.GROUP: (intake.GROUP, dispatch.GROUP)}


@dataclass(frozen=True, slots=True)
class Done:
    """What a run found; `parts` are those that it was of, `keys` the ratios that had to be measured."""

    results: rounds.Results
    faults: list[str]
    parts: tuple[str, ...]
    keys: tuple[str, ...]
    notes: list[str]
    profiles: list[str]


async def play(asked: argparse.Namespace, parts: Sequence[str], say: Callable[[str], None]) -> Done:
    """Prepare what the parts need, play the rounds, look at where the time goes if asked; all is stopped at the end."""
    whole = {*parts, *(more for part in parts for more in _ALONG.get(part, ()))}
    before, load, started = machine.Clock.now(), os.getloadavg()[0], time.monotonic()
    shown: list[str] = []
    async with World(asked.data, ROOT / "cities" / "demo", say) as world:
        variants = await _prepared(world, whole, asked.reports)
        say(f"{asked.rounds} rounds of {len(variants)} variants: {', '.join(v.name for v in variants)}")
        results, faults = await rounds.play(world, variants, asked.rounds, asked.seconds, asked.reports, say)
        if asked.profile:
            try:
                shown = await profiles.of(world, whole, asked.seconds, asked.reports, say)
            except (Fault, CannotStart) as fault:  # the rounds are not thrown away for it
                faults.append(f"there is no profile: {fault}")
        database = await _version(world)
    shared = machine.shared_with(before, machine.Clock.now(), time.monotonic() - started)
    notes = [
        f"machine: {machine.name()}; load {load:.1f} when the run began; {shared}",
        f"versions: commit {machine.commit(ROOT)}, {machine.versions(database)}",
        *_commands(asked, variants),
    ]
    played = tuple(part for part in PARTS if part in whole)
    keys = [key for part in played for key in PARTS[part]]
    if {intake.GROUP, dispatch.GROUP} <= whole:
        keys += _OF_BOTH
    return Done(results, faults, played, tuple(keys), notes, shown)


async def _prepared(world: World, parts: set[str], reports: int) -> list[Variant]:
    found: list[Variant] = []
    if grid.GROUP in parts:
        found += grid.variants()
    if intake.GROUP in parts:
        world.say("preparing intake …")
        found += await intake.variants(world)
    if dispatch.GROUP in parts:
        world.say("preparing dispatch …")
        found += await dispatch.variants(world, reports)
    if consumer.GROUP in parts:
        world.say("preparing the consumer …")
        found += await consumer.variants(world)
    if through.GROUP in parts:
        found += await through.variants(world)
    if notify.GROUP in parts:
        found += await notify.variants(world)
    if growth.GROUP in parts:
        world.say("preparing growth …")
        found += await growth.variants(world, reports)
    return found


async def _version(world: World) -> str:
    connection = await asyncpg.connect(world.stack.postgres.dsn(), ssl=False)
    try:
        fsync = await connection.fetchval("SHOW fsync")
        return f"{await connection.fetchval('SHOW server_version')} (fsync {fsync})"
    finally:
        await connection.close()


def _commands(asked: argparse.Namespace, variants: Sequence[Variant]) -> list[str]:
    lines = [f"{v.name}: {v.says}" for v in variants]
    load = " ".join(wrk.command(Path("bodies.lua"), "URL", asked.seconds))
    ceiling = (
        f"ProducerPerformance --throughput -1 --record-size BYTES --command-property {' '.join(producer.SETTINGS)}"
    )
    sizes = (
        f"batch sizes: {reports.LINES} reports a request of ndjson, at most {Signals.at_most:,} signals a transaction of "
        f"dispatch, polls of {consumer.BATCH} in consumer, {grid.BATCH} points a look-up of grid"
    )
    return [f"command: {command(asked)}", f"load tool: {load}", f"ceiling: {ceiling}", sizes, *lines]


def command(asked: argparse.Namespace) -> str:
    """What starts the same run again; without what only says where it is written to."""
    only = f" --only {asked.only}" if asked.only else ""
    profile = " --profile" if asked.profile else ""
    return f"python -m bench{only} --rounds {asked.rounds} --seconds {asked.seconds} --reports {asked.reports}{profile}"
