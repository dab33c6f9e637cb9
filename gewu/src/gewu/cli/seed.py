"""`gewu seed`: made-up open cases in an empty database, so that a load test stands on a city's size."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from gewu.cli import environment, load_words
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

_EPILOG = f"""\
examples:
  gewu migrate && gewu seed --cases 1000000 --city cities/demo
  gewu --env-file .gewu/run/env seed --cases 50000 --json

Cases are open, of every class and in every grid, opened within the last month, with a signal, a version and a running
clock each. Nothing of them is announced on Kafka: joining, listings and clocks see them, departments and the judge
(`gewu audit`) have never heard of them. A database that holds a case or a signal is refused: never a city's own.

{CODES.format(wrong="the database holds cases already")}
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu seed`."""
    seed = subparsers.add_parser(
        "seed", help="fill an empty database with made-up open cases (灌库)",
        description="Write made-up open cases into an empty database (灌库), for load tests of a city's size.",
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    seed.add_argument("--cases", metavar="N", type=load_words.count, required=True, help="how many")
    seed.add_argument("--city", metavar="PATH", type=Path, help="city package [GEWU_CITY]")
    seed.add_argument("--seed", metavar="N", type=int, default=1, help="of where they are [%(default)s]")
    seed.add_argument("--json", action="store_true", help="print one JSON object")
    seed.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fill, with progress on stderr."""
    import asyncio

    said = environment.variables(args)
    folder = environment.city_folder(args, said)
    if folder is None:
        raise Refusal("name a city package with --city, or set GEWU_CITY")
    city, began = environment.city(folder), time.monotonic()
    asyncio.run(_seed(environment.postgres(said), city, args))
    seconds = time.monotonic() - began
    print(
        json.dumps({"cases": args.cases, "seconds": round(seconds, 1)})
        if args.json
        else f"{args.cases:,} open cases stand, after {seconds:.0f} s"
    )
    return FINE


async def _seed(postgres: Any, city: Any, args: argparse.Namespace) -> None:
    import asyncpg

    from gewu.dev import seeding

    seeded = environment.dispatch("store.seeded")
    settings = {"search_path": "dispatch", "application_name": "gewu seed", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        points = seeding.points(city, args.cases, args.seed)
        async for done in seeded.open_cases(connection, city, points, args.cases):
            print(f"\r{done:,} of {args.cases:,} cases", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    except seeded.NotEmpty:
        text = "this database holds cases already: seed an empty one (`gewu migrate` makes its tables)"
        raise Refusal(text, WRONG) from None
    finally:
        await connection.close()
