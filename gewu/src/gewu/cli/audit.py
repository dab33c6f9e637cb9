"""`gewu audit`: was everything that clients were promised done, once, in the right place and order?"""

import argparse
import sys
from pathlib import Path

from gewu.cli import environment
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

_DESCRIPTION = """\
Read what clients were told (ledgers), every record that departments and readers of public cases can read, and
dispatch's tables, and say whether they agree: nothing lost, doubled, invented, misrouted or out of order, and balanced
books. It judges with code of its own and changes nothing. Without a ledger it can run beside live traffic; with one,
let its clients end first: what they send meanwhile would look lost or invented (稽核).
"""

_EPILOG = f"""\
examples:
  gewu audit --ledger load-1.jsonl --ledger load-2.jsonl --wait 60
  gewu audit --city cities/demo        without a ledger: books, order, doubles; every grid and department found again
  gewu audit --ledger load.jsonl --json | jq .lost

a ledger is JSON lines, flushed before each send: {{"id", "source", "lane", "sent_at"}} and, after the answer,
{{"id", "outcome": "ok"|"unknown"|"rejected", "signal_id"}}; source is "key:" and the key's id (or that id alone), or
"anonymous". An id without an outcome counts as unknown. A ledger answers for its sources: give all ledgers of a key, or
use a fresh key for a run. What receivers had is JSON lines too, {{"receiver", "webhook_id", "event_id"}} for each webhook.
With --city it is reckoned who had to be told of each change that notify has read, and held against its ledger.

{CODES.format(wrong="something is lost, doubled, phantom, misrouted, out of order or unbalanced")}
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu audit`."""
    parser = subparsers.add_parser(
        "audit", help="judge a system by its ledgers, logs and books (稽核)", description=_DESCRIPTION, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--ledger",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="a client's ledger; may be given more than once",
    )
    parser.add_argument(
        "--received",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="what receivers of webhooks had, a JSON line each; may be given more than once",
    )
    parser.add_argument(
        "--city",
        metavar="PATH",
        type=Path,
        help="city package: search every case's grid again, by brute force, and apply the rules of routing and of notices again",
    )
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="wait this long, at most, until nothing is in flight or in the outbox",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Audit, print, and return the exit code."""
    import asyncio
    import json

    from gewu.audit import ledger, received, report
    from gewu.audit.log import LogStuck
    from gewu.audit.run import NoLog, audit

    _check_city(args.city)
    kafka, postgres = environment.both(environment.variables(args))
    try:
        told = ledger.read(args.ledger) if args.ledger else None
        had = received.read(args.received)
        found = asyncio.run(audit(kafka, postgres, told, city=args.city, wait=args.wait, received=had))
    except (ledger.LedgerFault, NoLog, LogStuck) as fault:
        raise Refusal(str(fault)) from None
    if args.json:
        print(json.dumps(report.as_json(found), ensure_ascii=False))
    else:
        for line in report.as_text(found):
            print(line)
    if not args.ledger:
        print("gewu audit: without --ledger only books, order, routing and doubles were judged", file=sys.stderr)
    return FINE if found.verdict.good else WRONG


def _check_city(folder: Path | None) -> None:
    if folder is None:
        return
    if not folder.is_dir():
        raise Refusal(f"{folder} is no folder: --city names a city package, the folder that holds city.toml")
    environment.departments(folder)  # refuses a package with faults


def _seconds(said: str) -> float:
    try:
        found = float(said)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{said!r} is no number of seconds, 0 or more")
    return found
