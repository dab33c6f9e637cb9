"""The `gewu` command. Each subcommand is a module with `add(subparsers)`; what is heavy is imported when it runs."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gewu.cli import (
    audit,
    city,
    dev,
    environment,
    keys,
    lights,
    load,
    migrate,
    models,
    notices,
    parked,
    plates,
    restore,
    routing,
    seed,
    topics,
    trace,
)  # fmt: skip
from gewu.cli.ending import FINE, INTERRUPTED, WRONG, refusal_of

_MODULES = (
    audit,
    city,
    dev,
    keys,
    lights,
    load,
    migrate,
    models,
    notices,
    parked,
    plates,
    restore,
    routing,
    seed,
    topics,
    trace,
)

_EPILOG = f"""\
examples:
  gewu dev                                       the whole system on this machine
  gewu --env-file {environment.DEFAULT_FILE} parked list   what could not be handled, in the system of `gewu dev`
  gewu topics apply --city cities/demo           make the topics
  gewu migrate                                   make the tables
  gewu COMMAND --help                            examples and exit codes of a command

settings: the GEWU_* variables of the services. --env-file FILE wins over the environment. Where neither gives
GEWU_KAFKA_BOOTSTRAP, {environment.DEFAULT_FILE} is read if it is there, and stderr says so.

exit codes: 0 fine, 1 something is wrong and was named, 2 the command or a setting was wrong, or a server is away
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what a person must know about a failure goes to stderr."""
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as ended:  # argparse has printed the help or the fault
        return ended.code if isinstance(ended.code, int) else WRONG
    run: Callable[[argparse.Namespace], int] | None = getattr(args, "run", None)
    if run is None:
        parser.print_help()
        return FINE
    return _guarded(run, args)


def _guarded(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    # The Kafka client logs every attempt that fails; what a person must know is in the refusal.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python flushes stdout once more at exit and must find one.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FINE
    except Exception as fault:
        refusal = refusal_of(fault)
        if refusal is None:
            raise
        print(f"gewu: {refusal}", file=sys.stderr)
        return refusal.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gewu",
        description="Gewu (格务): run and look after the services of a grid-managed city (网格化管理).",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="file of KEY=VALUE lines with GEWU_* settings")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in _MODULES:
        module.add(subparsers)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when somebody asks for it."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"gewu {version('gewu')}")
        parser.exit()
