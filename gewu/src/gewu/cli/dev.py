"""`gewu dev`: the whole system on this machine, with a day of made-up reports."""

import argparse
import sys
from pathlib import Path

_USAGE = 2

_EXAMPLES = """\
examples:
  gewu dev                        everything up, the demo day in 15 minutes, a check of the books, then up until Ctrl-C
  gewu dev --no-replay            everything up and nothing sent
  gewu dev --seconds 60           the day in 60 s, then a summary and a check of the books, and everything stops
  gewu dev --seconds 60 --stay    the day in 60 s and a check of the books, then up until Ctrl-C
  gewu dev --plain                lines instead of the screen that a terminal shows
  gewu dev --fresh                forget what earlier starts left in the data folder

The addresses and two keys stand in DATA/env, for a shell: . .gewu/run/env

exit codes: 0 stopped as asked or the books balance, 1 not started, a service fell or the books do not balance,
2 the command was wrong, 128+n a run with --seconds was cut short by signal n
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu dev`; its `run` takes the parsed arguments and returns the exit code."""
    dev = subparsers.add_parser(
        "dev",
        help="run everything on this machine with a day of reports (本机运行)",
        description="Start Kafka, PostgreSQL, intake and dispatch on free loopback ports and replay a day of reports.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    dev.add_argument("--city", metavar="PATH", type=Path, default="cities/demo", help="city package [%(default)s]")
    dev.add_argument("--data", metavar="PATH", type=Path, default=".gewu/run", help="data folder [%(default)s]")
    dev.add_argument("--seconds", metavar="N", type=_seconds, help="compress the day into N seconds, check, stop")
    dev.add_argument("--stay", action="store_true", help="with --seconds: do not stop after the check")
    dev.add_argument("--no-replay", action="store_true", help="send nothing")
    dev.add_argument("--fresh", action="store_true", help="empty the data folder first")
    dev.add_argument(
        "--plain",
        action="store_true",
        help="a line a second in place of the screen, as without a terminal or in a small one",
    )
    dev.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run it, and return the exit code."""
    # Only here: `gewu --help` must also work where the dev extra is not installed.
    import asyncio
    import logging

    from rich.console import Console

    from gewu.dev import screen
    from gewu.dev.launcher import DAY_S, Options, launch
    from gewu.dev.view import Lines

    if not args.city.is_dir():
        print(f"gewu dev: {args.city} is no folder: name a city package with --city", file=sys.stderr)
        return _USAGE
    # The Kafka client reports every failed connection; what is away stands in the watch's line.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    seconds, stay = args.seconds or DAY_S, args.stay or args.seconds is None
    options = Options(args.city, args.data, seconds, stay, not args.no_replay, args.fresh)
    console = Console()
    if args.plain or not screen.fits(console):
        return asyncio.run(launch(options, Lines(lambda line: print(line, flush=True))))
    return asyncio.run(launch(options, screen.Screen(console)))


def _seconds(said: str) -> float:
    seconds = float(said)
    if not 1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError("from 1 to 86400")
    return seconds
