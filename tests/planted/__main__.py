"""`python -m tests.planted`: plant every bug, let the judge speak, and the unpatched system for comparison."""

import argparse
import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench import machine
from gewu.dev.kafka import KafkaServer
from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.postgres import PostgresServer
from tests.planted import bug, source, trial, verdicts
from tests.planted.trial import Outcome

FOLDER = source.ROOT / ".gewu" / "planted"


def main() -> int:
    """0: every bug was hit and named, and the unpatched system is clean; 1: not so; 2: the command was wrong."""
    args = _arguments()
    # The Kafka client reports every failed connection of a broker that is frozen or starting.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    chosen = [b for b in bug.bugs() if not args.only or b.name in args.only]
    if unknown := set(args.only) - {b.name for b in chosen}:
        print(f"planted: no bug is called {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    commit = machine.commit(source.ROOT)  # of the beginning: a run of all bugs is long, and the tree may move on
    outcomes = asyncio.run(_all(chosen, args))
    if args.page and not verdicts.keep(args.page, outcomes, commit):
        print(f"planted: not every bug was planted, so {args.page} is not written", file=sys.stderr)
    planted = [o for o in outcomes if o.expected]
    print(json.dumps({"planted": len(planted), "caught": sum(o.caught for o in planted)}))
    return 0 if all(o.caught for o in outcomes) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this bug; may be given more than once"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of words")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table here, after a run of every bug")
    return parser.parse_args()


async def _all(chosen: Sequence[bug.Bug], args: argparse.Namespace) -> list[Outcome]:
    trial.clear(FOLDER)
    servers = KafkaServer(FOLDER / "kafka", settings=QUICK_RETURN), PostgresServer(FOLDER / "postgres")
    outcomes: list[Outcome] = []
    try:
        await asyncio.gather(*(server.start() for server in servers))
        for one in chosen:
            outcomes.append(await trial.plant(one, servers, FOLDER / one.name))
            _show(outcomes[-1], args.json)
        faults = sorted({one.fault for one in chosen})
        for outcome in await trial.control(faults, servers, FOLDER / "control"):
            outcomes.append(outcome)
            _show(outcome, args.json)
    finally:
        await asyncio.gather(*(server.stop() for server in servers))
    return outcomes


def _show(outcome: Outcome, as_json: bool) -> None:
    """A line for one trial."""
    if as_json:
        window = {"hits": len(outcome.hits), "window": outcome.hits[0] if outcome.hits else ""}
        print(json.dumps(asdict(outcome) | window | {"caught": outcome.caught}, ensure_ascii=False), flush=True)
        return
    named = ", ".join(f"{name} {count}" for name, count in outcome.found.items()) or "nothing"
    hits = f"hit {len(outcome.hits)} times" if outcome.hits else "NOT HIT" if outcome.expected else ""
    verdict = (
        ("caught" if outcome.caught else "MISSED") if outcome.expected else "clean" if outcome.caught else "NOT CLEAN"
    )
    print(f"{outcome.name:<32} {hits:<16} {verdict:<9} {named}  ({outcome.seconds:.0f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
