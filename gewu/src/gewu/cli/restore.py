"""`gewu restore`: a database that came back from a dump begins a new incarnation, and readers learn what became of it."""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from gewu.cli import environment
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

_DESCRIPTION = """\
A dump is older than the log. Restored, dispatch reads on where the dump stood, and decides again what it had decided
and announced. So that readers take the new decisions for the newer ones, they carry a higher incarnation (恢复).
"""

_BEGIN = f"""\
examples:
  createdb gewu_restored && pg_restore -d gewu_restored gewu.dump     dispatch must not see it before the next step
  GEWU_POSTGRES_DSN=postgresql://owner@db/gewu_restored gewu restore begin
  ALTER DATABASE gewu RENAME TO gewu_lost; ALTER DATABASE gewu_restored RENAME TO gewu

The roles must be there: `gewu migrate` on an empty database makes them. Signals are read before departments' actions,
whose cases must be there again. When dispatch has caught up: `gewu restore finish`. Those who must know are told again
what they were told since the dump, under the same webhook-ids; what is older than GEWU_NOTICE_OLDEST by then is not.

{CODES.format(wrong="the log does not hold a position any more: that partition will stay red")}
"""

_FINISH = f"""\
examples:
  gewu restore finish --wait 600

Reads every topic that dispatch says and compares what readers believe with what stands. A case that was announced and
is not opened again is announced as superseded, with the one that has its reports now; one that stands otherwise than it
was announced is said again. It may be repeated.

{CODES.format(wrong="dispatch has not read everything again in time")}
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu restore begin` and `gewu restore finish`."""
    parser = subparsers.add_parser("restore", help="after a dump was restored (恢复)", description=_DESCRIPTION)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, run, text, epilog in (
        ("begin", run_begin, "raise the incarnation, before dispatch sees the database", _BEGIN),
        ("finish", run_finish, "announce what does not stand any more, after the log was read again", _FINISH),
    ):
        action = actions.add_parser(
            name, help=text, description=f"{text.capitalize()}.\n\n{_DESCRIPTION}", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        if name == "finish":
            action.add_argument("--wait", metavar="SECONDS", type=float, default=0.0, help="for dispatch to catch up")
        action.add_argument("--json", action="store_true", help="print one JSON object")
        action.set_defaults(run=run)


def run_begin(args: argparse.Namespace) -> int:
    """Raise the incarnation and say what will be read again."""
    import asyncio

    found, told = asyncio.run(_begin(args))
    gone = [*found.gone, *told.gone]
    if args.json:
        numbers = {"before": found.before, "after": found.after, "again": found.again, "told_again": told.records}
        print(json.dumps({**numbers, "gone": gone}))
        return WRONG if gone else FINE
    print(f"incarnation {found.before} → {found.after}; {found.again:,} records will be read again")
    if told.records:
        print(
            f"notify reads {told.records:,} changes again: notices of them go again, under the webhook-ids that they had"
        )
    for words in gone:
        print(f"  {words}: records are gone, its reader will stop there")
    return WRONG if gone else FINE


def run_finish(args: argparse.Namespace) -> int:
    """Put readers right."""
    import asyncio

    found = asyncio.run(_finish(args))
    if args.json:
        print(json.dumps({"superseded": found.superseded, "said_again": found.said_again}))
    else:
        print(f"{found.superseded:,} cases announced as superseded, {found.said_again:,} said again as they stand")
    return FINE


async def _begin(args: argparse.Namespace) -> tuple[Any, Any]:
    async with _connected(args) as (connection, log):
        begun = await environment.dispatch("restore").begin(connection, log)
        return begun, await environment.notify("restore").again(connection, log)


async def _finish(args: argparse.Namespace) -> Any:
    import asyncio

    dispatch, clock = environment.dispatch("restore"), asyncio.get_running_loop().time
    until = clock() + args.wait
    async with _connected(args) as (connection, log):
        while True:
            try:
                return await dispatch.finish(connection, log)
            except dispatch.NotYet as left:
                if clock() >= until:
                    raise Refusal(f"{left}: give dispatch time, or --wait SECONDS", WRONG) from None
            await asyncio.sleep(0.5)


@asynccontextmanager
async def _connected(args: argparse.Namespace) -> AsyncIterator[tuple[Any, Any]]:
    """PostgreSQL as its owner, and the log."""
    import asyncpg

    from gewu.audit import log

    kafka, postgres = environment.both(environment.variables(args))
    async with AsyncExitStack() as stack:
        settings = {"search_path": "dispatch", "application_name": "gewu restore", "timezone": "UTC"}
        connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
        stack.push_async_callback(connection.close)
        yield connection, await stack.enter_async_context(log.connected(kafka))
