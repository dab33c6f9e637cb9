"""`gewu load`: reports at rates of your choice, and what became of them."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gewu.cli import environment, load_words
from gewu.cli.ending import FINE, INTERRUPTED, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.load.bodies import Bodies
    from gewu.load.curve import Curve, Judged
    from gewu.load.run import Load, Target
    from gewu.load.schedule import Step

_SETTLE_S = 60.0  # what the judge gives the system to come to rest

_DESCRIPTION = """\
Send made-up reports of a city to intake at a constant rate or a ramp: an open model, in which each goes out when it is
due whether or not earlier ones are answered, and in which latency counts from that moment (压测). What every report was
told stands in a ledger, so that the judge can say afterwards whether any was lost or doubled.
"""

_EPILOG = """\
examples:
  gewu load --rate 500                             500 reports a second for 30 s, on the system of `gewu dev`
  gewu load --rate 100..2000 --over 60 --audit     a ramp in 10 steps; then the judge: lost, doubled
  gewu load --rate 2000 --seconds 60 --ndjson 0.8 --plot load.svg
  gewu load --rate 200 --url https://intake.example.org --key-file load.key --key-id load-7 --city cities/demo

Rates are reports a second, whatever they travel in. Without --key-file a key is made in GEWU_KEYS_FILE for this run and
revoked after it; with one, --key-id must be that key's id (it is the source that the ledger names), and the judge wants
every ledger of that source. A line a second goes to stderr. Ctrl-C ends the run with its report; a second one does not
wait for answers that are still out.

refused: 429 or 503 with "nothing was taken"; unknown: it may have landed (cut, timed out, 503 without an ack); errors:
rejected as wrong, or never sent. A step is good when 95% of what was offered was accepted and p99 stayed below
--p99; the knee is the last one before a step that was not good, and where all were good it was not reached.

exit codes: 0 fine, 1 nothing was accepted, or the judge found a fault, 2 the command or a setting was wrong, or a server
is away, 130 cut short by Ctrl-C and nothing else to name
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu load`."""
    load = subparsers.add_parser(
        "load", help="send reports at a rate of your choice, keep the ledger (压测)", description=_DESCRIPTION,
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    word, number, count = load_words.rate, load_words.positive, load_words.count
    for name, metavar, type_, default, help_ in (
        ("--rate", "R|LOW..HIGH", word, None, "reports a second; two of them are a ramp"),
        ("--seconds", "S", number, None, "how long [30, of a ramp --over]"),
        ("--over", "S", number, None, "length of the ramp"),
        ("--steps", "N", count, 10, "steps of the ramp [%(default)s]"),
        ("--lanes", "MIX", load_words.lanes, None, "shares of the lanes [p0=0.01,p1=0.21,p2=0.72,p3=0.06]"),
        ("--ndjson", "SHARE", load_words.share, 0.45, "share of the reports that travel in batches [%(default)s]"),
        ("--lines", "N", count, 50, "reports of a batch [%(default)s]"),
        ("--connections", "N", count, 256, "kept connections, at most [%(default)s]"),
        ("--patience", "S", number, 15.0, "wait for an answer, and for a connection [%(default)s]"),
        ("--p99", "MS", number, 250.0, "what p99 must stay below, for the knee [%(default)s]"),
        ("--seed", "N", int, 1, "of what is reported and where [%(default)s]"),
        ("--url", "URL", load_words.url, None, "intake [$INTAKE_URL, which `gewu dev` writes into its env file]"),
        ("--key-file", "FILE", Path, None, "file with the secret of a key that may report"),
        ("--key-id", "ID", str, None, "that key's id"),
        ("--city", "PATH", Path, None, "city package [GEWU_CITY]"),
        ("--ledger", "FILE", Path, None, "where the ledger goes [ledger-load-TIME.jsonl beside the env file]"),
        ("--plot", "FILE", Path, None, "draw the run as SVG"),
    ):
        required = name == "--rate"
        load.add_argument(name, metavar=metavar, type=type_, default=default, help=help_, required=required)
    load.add_argument("--audit", action="store_true", help="let the judge say afterwards what was lost or doubled")
    load.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    load.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Send, judge, report, and return the exit code."""
    import uvloop

    from gewu.load import key
    from gewu.load.curve import Curve
    from gewu.load.run import Target

    said = environment.variables(args)
    if args.audit:
        environment.both(said)  # a setting that the judge lacks is named before the run, not after it
    url, steps, path = load_words.intake(args, said), load_words.steps(args), load_words.ledger(args)
    bodies = load_words.bodies(args, said)
    try:
        with load_words.key_of(args, said) as (id, secret):
            load = uvloop.run(_run(args, Target(url, secret, f"key:{id}"), steps, bodies, path))
    except key.NotTaken as fault:
        raise Refusal(str(fault)) from None
    judged = None
    try:
        judged = _judge(said, path) if args.audit else None
    finally:  # a judge that is away or cut short takes no report with it
        _show(args, Curve(load.book, args.p99 / 1000, f"key:{id}", str(path), load.cut_short, judged))
    if not load.book.whole.accepted or (judged and not judged.good):
        return WRONG
    return INTERRUPTED if load.cut_short else FINE


async def _run(args: argparse.Namespace, target: "Target", steps: "list[Step]", bodies: "Bodies", path: Path) -> "Load":
    from gewu.cli import load_report
    from gewu.dev.ledger import Ledger
    from gewu.load import key
    from gewu.load.run import Load, Mix

    await key.until_taken(target)
    with Ledger(path) as ledger:
        mix = Mix(args.ndjson, args.lines, args.connections, args.patience)
        load = Load(target, steps, mix, bodies, ledger)
        with _interruptible(load):
            await load.run(lambda *found: print(load_report.progress(*found), file=sys.stderr, flush=True))
    return load


@contextmanager
def _interruptible(load: "Load") -> Iterator[None]:
    """Ctrl-C stops the run, and the report still comes. Outside the main thread nobody can press it."""
    import asyncio
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, load.stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


def _judge(said: Mapping[str, str], path: Path) -> "Judged":
    import asyncio

    from gewu.audit import ledger
    from gewu.audit.findings import Fault
    from gewu.audit.log import LogStuck
    from gewu.audit.run import NoLog, audit
    from gewu.load.curve import Judged

    print("gewu load: the judge reads the ledger, every department's topic and PostgreSQL …", file=sys.stderr)
    kafka, postgres = environment.both(said)
    try:
        verdict = asyncio.run(audit(kafka, postgres, ledger.read([path]), wait=_SETTLE_S)).verdict
    except (ledger.LedgerFault, NoLog, LogStuck) as fault:
        raise Refusal(f"the run is over and its ledger is {path}, but it could not be judged: {fault}") from None
    return Judged(verdict.good, {str(fault): verdict.count(fault) for fault in Fault}, verdict.in_flight)


def _show(args: argparse.Namespace, curve: "Curve") -> None:
    import json

    from gewu.cli import load_report
    from gewu.load import plot

    if args.plot:
        args.plot.write_text(plot.svg(curve), encoding="utf-8")
    if args.json:
        print(json.dumps(curve.as_json(), ensure_ascii=False))
        return
    for line in load_report.lines(curve):
        print(line)
