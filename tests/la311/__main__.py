"""`python -m tests.la311`: build the package, replay the reports through the running system, compare, judge."""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gewu.audit.run import Audit
from gewu.city import CityFaults, load
from gewu.dev.children import CannotStart
from gewu.dev.door import Word
from gewu.dev.stack import Stack
from tests.la311 import package, page, reports, system, tables
from tests.la311.compare import Comparison, compare
from tests.la311.ground import Ground
from tests.la311.replay import Replay
from tests.la311.reports import Report

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / ".gewu" / "la311"
GOOD, BAD, NOT_JUDGED = 0, 1, 2
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay came to."""

    comparison: Comparison
    audit: Audit
    retried: int


class Missing(Exception):
    """Something that the evaluation needs is not there; the text says what."""


def main() -> int:
    """Run the evaluation; 0 the audit finds nothing wrong, 1 it does, 2 it could not be judged."""
    args = _arguments()
    # The Kafka client reports every failed connection of a broker that is still starting.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        return asyncio.run(_evaluate(args))
    except (Missing, CannotStart, package.NoPackage, reports.WrongFile, CityFaults) as fault:
        print(f"la311: {fault}", file=sys.stderr)
        return NOT_JUDGED
    except KeyboardInterrupt:
        return 130


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.la311", description=__doc__)
    parser.add_argument("--reports", type=Path, metavar="FILE", help="CSV with the same columns as the shared one")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", metavar="PATH", help="[../shared]")
    parser.add_argument("--json", action="store_true", help="print the last line only")
    return parser.parse_args()


async def _evaluate(args: argparse.Namespace) -> int:
    began = time.monotonic()
    polygons, file = _inputs(args)
    found, repeated = reports.read(file)
    day = reports.moved(found, datetime.now(UTC))
    _progress(f"{len(day)} reports of {file}" + (f"; {repeated} rows repeat an id, the first counts" * bool(repeated)))
    stack = Stack(WORK / "stack", WORK / "package", _progress)
    try:
        await stack.end_leftovers()
        stack.clear()
        for repair in package.build(polygons, stack.city):
            _progress(f"repaired {repair}")
        await stack.start()
        result = await _through(stack, day)
    finally:
        await stack.stop()
    if not args.json:
        ground = Ground(load(stack.city))
        for line in (*page.lines(result.comparison, ground), *system.words(result.audit)):
            print(line)
        print(f"{result.retried} sendings were repeated; {time.monotonic() - began:.0f} s in all")
    print(json.dumps(result.comparison.numbers(system.lost(result.audit), system.doubled(result.audit))))
    return _code(result)


async def _through(stack: Stack, day: Sequence[Report]) -> Result:
    """Replay, let the system come to rest, and read what became of every report."""
    ledger = WORK / "ledger.jsonl"
    ledger.unlink(missing_ok=True)
    sender = Replay(stack.intake_url, stack.report_key, ledger, load(stack.city))
    began = time.monotonic()
    await sender.run(day)
    _progress(f"sent in {time.monotonic() - began:.1f} s; waiting until everything is settled, then the audit …")
    audit = await system.judged(stack, ledger)
    if audit.waited is None:
        _progress("the system did not come to rest; what is missing now counts as lost")
    accepted = {id for id, word in sender.answers.items() if word is Word.ACCEPTED}
    refused = {id for id, word in sender.answers.items() if word is Word.REJECTED}
    comparison = compare(day, accepted, refused, await system.landed(stack), tables.ours())
    return Result(comparison, audit, sender.retried)


def _code(result: Result) -> int:
    found = result.comparison
    unanswered = found.reports - found.accepted - len(found.refused)
    if unanswered:
        _progress(f"{unanswered} reports never got an answer that stands")
    return GOOD if result.audit.verdict.good and not unanswered else BAD


def _inputs(args: argparse.Namespace) -> tuple[Path, Path]:
    """The polygons and the reports; Missing names what is not there."""
    folder = args.shared / "eval" / "la311"
    polygons, file = folder / "grids.geojson", args.reports or folder / "reports-2020-01.csv"
    absent = [str(path) for path in (polygons, file) if not path.is_file()]
    if absent:
        raise Missing(
            f"{' and '.join(absent)} not found: the city's data is not part of this project; see README.md here"
        )
    return polygons, file


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
