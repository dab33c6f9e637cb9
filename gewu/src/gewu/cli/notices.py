"""`gewu notices`: who was told of cases, who was not, and what a person does about it."""

import argparse
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from gewu.cli import environment, table
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

_MOST = 200
_EPILOGS = {
    "list": f"""\
examples:
  gewu notices list                              the newest, and receivers that want no more
  gewu notices list --failed                     who was not told
  gewu notices list --receiver fire-desk --json  for a machine

{CODES.format(wrong="with --failed: there are some")}
""",
    "retry": f"""\
examples:
  gewu notices retry ID                          one that failed, once more
  gewu notices retry --receiver fire-desk        all of a receiver that failed

They go out again under the same webhook-id, with all their attempts before them. Mend the cause first.

{CODES.format(wrong="there was none")}
""",
    "enable": f"""\
examples:
  gewu notices enable fire-desk

A receiver that answered 410 is sent nothing more until a person says so, or the city package gives it another address.

{CODES.format(wrong="it was not disabled")}
""",
    "secrets": f"""\
examples:
  gewu notices secrets FOLDER --city cities/demo

Makes a file RECEIVER.whsec for each receiver of the city package that has none; GEWU_RECEIVER_SECRETS names the folder. Give
each receiver its own line. To change one: put a new line above the old, tell the receiver, remove the old line.

{CODES.format(wrong="never")}
""",
}
_HELP = {
    "list": "list notices, the newest first", "retry": "have failed notices sent again",
    "enable": "let a receiver be told again that said 410", "secrets": "make the secrets that webhooks are signed with",
}  # fmt: skip
_HEAD = ("id", "receiver", "case", "version", "lane", "state", "attempts", "planned", "outcomes")


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu notices` and its actions."""
    text = "who was told of cases, and who was not (通知)"
    notices = subparsers.add_parser("notices", help=text, description=f"{text.capitalize()}.")
    actions = notices.add_subparsers(required=True, metavar="ACTION")
    parsers = {
        name: actions.add_parser(
            name, help=_HELP[name], description=_HELP[name].capitalize() + ".", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        for name, epilog in _EPILOGS.items()
    }  # fmt: skip
    for name, run in (("list", run_list), ("retry", run_retry), ("enable", run_enable), ("secrets", run_secrets)):
        parsers[name].set_defaults(run=run)
        parsers[name].add_argument("--json", action="store_true", help="print JSON")
    for name in ("list", "retry"):
        parsers[name].add_argument("--receiver", metavar="R", help="only of this receiver")
    parsers["list"].add_argument("--failed", action="store_true", help="only those that were given up")
    parsers["retry"].add_argument("id", metavar="ID", nargs="*", type=_uuid, help="as `gewu notices list` prints it")
    parsers["enable"].add_argument("receiver", metavar="RECEIVER", help="its id in receivers.csv")
    parsers["secrets"].add_argument("folder", metavar="FOLDER", type=Path, help="made where it is not there")
    parsers["secrets"].add_argument("--city", metavar="FOLDER", help="the city package; GEWU_CITY otherwise")


def _uuid(said: str) -> str:
    return str(UUID(said))


def run_list(args: argparse.Namespace) -> int:
    """Print notices."""
    import asyncio

    rows, disabled = asyncio.run(_read(args))
    if args.json:
        found = [dict(r) for r in rows]
        print(json.dumps({"notices": found, "disabled": [dict(d) for d in disabled]}, default=_plain))
    else:
        cells = [
            (r["webhook_id"], r["receiver"], r["case_id"], r["version"], f"p{r['lane'] - 1}", r["state"], r["attempts"],
             f"{r['planned_at']:%Y-%m-%d %H:%M:%S}", ", ".join(r["outcomes"]))
            for r in rows
        ]  # fmt: skip
        print(*table.lines(_HEAD, cells, ("version", "attempts")), sep="\n")
        for d in disabled:
            print(f"{d['receiver']} said 410 at {d['at']:%Y-%m-%d %H:%M:%S}: `gewu notices enable {d['receiver']}`")
    return WRONG if args.failed and rows else FINE


def run_retry(args: argparse.Namespace) -> int:
    """Have them sent again."""
    import asyncio

    if bool(args.id) == bool(args.receiver):
        raise Refusal("gewu notices retry: name ids, or --receiver")

    async def work() -> int:
        async with _connected(args) as connection:
            return int(await environment.notify("store.asked").retry(connection, args.id or None, args.receiver))

    done = asyncio.run(work())
    print(json.dumps({"again": done}) if args.json else f"{done} go out again")
    return FINE if done else WRONG


def run_enable(args: argparse.Namespace) -> int:
    """Let it be told again."""
    import asyncio

    async def work() -> bool:
        async with _connected(args) as connection:
            return bool(await environment.notify("store.asked").enable(connection, args.receiver))

    done = asyncio.run(work())
    print(
        json.dumps({"enabled": done})
        if args.json
        else f"{args.receiver} {'is told again' if done else 'was not disabled'}"
    )
    return FINE if done else WRONG


def run_secrets(args: argparse.Namespace) -> int:
    """Make what is missing."""
    from gewu.runtime import whsec

    folder = environment.city_folder(args, environment.variables(args))
    if folder is None:
        raise Refusal("gewu notices secrets: name the city package with --city, or set GEWU_CITY")
    made = whsec.make(args.folder, environment.city(folder).receivers)
    print(
        json.dumps({"made": made}) if args.json else f"made for {', '.join(made)}" if made else "every receiver has one"
    )
    return FINE


async def _read(args: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    async with _connected(args) as connection:
        asked = environment.notify("store.asked")
        rows = await asked.notices(connection, "failed" if args.failed else None, args.receiver, _MOST)
        return rows, await asked.disabled(connection)


@asynccontextmanager
async def _connected(args: argparse.Namespace) -> AsyncIterator[Any]:
    import asyncpg

    postgres = environment.postgres(environment.variables(args))
    settings = {"search_path": "notify", "application_name": "gewu notices", "timezone": "UTC"}
    connection = await asyncpg.connect(timeout=10.0, server_settings=settings, **postgres.connection())
    try:
        yield connection
    finally:
        await connection.close()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
