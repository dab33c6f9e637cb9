"""`python -m bench`, which is what `make bench` runs."""

import argparse
import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from bench import order, page, ratios, rounds, standing, table, wrk
from bench.world import ROOT
from gewu.dev.children import CannotStart

_EXAMPLES = """
examples:
  make bench                                  everything, five rounds: some twenty minutes
  make bench ONLY=intake ROUNDS=1             one part, one round
  python -m bench --only dispatch,growth --rounds 3 --reports 30000
  python -m bench --rounds 1 --seconds 2 --no-page --profile
  python -m bench --json bench.json           every figure of every round as a file

Exit code: 0 when every floor holds, 1 when one is missed or something could not be measured, 2 when the bench could not
start. The last line of output is JSON with the median ratios; null is what was not measured.

It wants the machine for itself, Linux, wrk, and about 2 GiB of disk a round; everything listens on loopback.
"""


def arguments() -> argparse.ArgumentParser:
    """What can be asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="How fast Gewu is, as ratios to what Kafka, PostgreSQL and plain ways reach.",
        epilog=_EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--only", metavar="PARTS", default="", help=f"of {', '.join(order.PARTS)}, with commas between")
    parser.add_argument("--rounds", type=_positive, default=5, help="each variant runs once a round [5]")
    parser.add_argument("--seconds", type=_positive, default=5, help="how long each load lasts [5]")
    parser.add_argument(
        "--reports",
        type=_positive,
        default=15_000,
        help="a day of one demo city; dispatch settles four of them in a run [15000]",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every round there")
    parser.add_argument("--page", type=Path, default=page.PAGE, help="write the run to this page [docs/performance.md]")
    parser.add_argument("--no-page", action="store_true", help="write it to no page")
    parser.add_argument("--profile", action="store_true", help="then show where intake and dispatch spend their time")
    parser.add_argument(
        "--data", type=Path, default=ROOT / ".gewu" / "bench", help="folder for the run's data [.gewu/bench]"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be at least 1")
    return number


def main() -> int:
    """Run, print, write, judge."""
    parser = arguments()
    asked = parser.parse_args()
    parts = asked.only.split(",") if asked.only else list(order.PARTS)
    if unknown := [part for part in parts if part not in order.PARTS]:
        parser.error(f"--only {unknown[0]}: there are {', '.join(order.PARTS)}")
    if set(parts) & set(order.WITH_WRK) and not wrk.find():
        print(f"\n*** {wrk.INSTALL} ***\nWithout it: --only dispatch,consumer,grid,notify\n", file=sys.stderr)
        return 2
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", flush=True)

    try:
        run = asyncio.run(_cancelled_by_sigterm(order.play(asked, parts, say)))
    except CannotStart as fault:
        print(f"the bench cannot run: {fault}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("stopped; nothing was written", file=sys.stderr)
        return 1
    return _report(asked, run)


async def _cancelled_by_sigterm(work: "asyncio.Future[order.Done]") -> "order.Done":
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def _report(asked: argparse.Namespace, run: "order.Done") -> int:
    results: rounds.Results = run.results
    print("", *run.profiles, *table.figures(results), "", *table.verdicts(results), "", *run.notes, sep="\n")
    if asked.json:
        asked.json.write_text(
            json.dumps({"figures": results, "ratios": ratios.medians(results), "notes": run.notes}, indent=1)
        )
    if not asked.no_page:
        whole = page.add(asked.page, run, asked.rounds)
        more = (
            ", the figures of this run and where it stands; the plot is drawn anew"
            if whole
            else "; the run is not whole"
        )
        print(f"{asked.page.name} has one more row{more}")
        for fault in standing.faults(asked.page.read_text()) if whole else ():
            print(f"to be written by hand under '{standing.SECTION.strip('# ')}': {fault}")
    faults = [*run.faults, *ratios.missed(results, run.keys)]
    for fault in faults:
        print(f"MISSED: {fault}")
    print(json.dumps(ratios.medians(results)), flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
