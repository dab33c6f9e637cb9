"""`gewu migrate`: the tables of every installed service, brought up to date."""

import argparse
import json
from typing import TYPE_CHECKING, Any

from gewu.cli import environment
from gewu.cli.ending import CODES, FINE, WRONG, Refusal

if TYPE_CHECKING:
    from gewu.runtime.settings import Postgres

_EPILOG = f"""\
examples:
  GEWU_POSTGRES_DSN=postgresql://owner@127.0.0.1:5432/gewu gewu migrate
  gewu --env-file .gewu/run/env migrate --json

The DSN must name the owner of the database: this makes schemas and roles. It may run at any time and any number of
times; two at once wait for each other. Services work with a range of versions: migrate first, then deploy. A migration
with which programs of before cannot go on is refused while one is at work: end them, migrate, start the new ones.

{CODES.format(wrong="a migration failed (what came before it stands, the rest was not begun)")}
"""


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register `gewu migrate`."""
    parser = subparsers.add_parser(
        "migrate", help="make and update tables (数据库迁移)",
        description="Apply the migrations of every installed service (数据库迁移).",
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Migrate and print what was applied."""
    import asyncio

    from gewu.runtime import migrate

    packages = migrate.schemas()
    if not packages:
        raise Refusal("no service with tables is installed beside this command: pip install gewu-dispatch")
    postgres = environment.postgres(environment.variables(args))
    try:
        done = asyncio.run(_migrate(postgres, packages))
    except migrate.SchemaFault as fault:
        raise Refusal(str(fault), WRONG) from None
    if args.json:
        print(json.dumps({"ok": True, "schemas": done}))
        return FINE
    for name, found in done.items():
        applied = ", ".join(found["applied"])
        print(f"{name}: {f'applied {applied}' if applied else 'nothing to do'}; at version {found['version']}")
    return FINE


async def _migrate(postgres: "Postgres", packages: dict[str, str]) -> dict[str, dict[str, Any]]:
    import asyncpg

    from gewu.runtime import migrate

    connection = await asyncpg.connect(
        timeout=10.0, server_settings={"application_name": "gewu migrate"}, **postgres.connection()
    )
    try:
        done = {}
        for name, package in sorted(packages.items()):
            applied = await migrate.migrate(connection, name, migrate.migrations(package))
            done[name] = {
                "applied": [f"{m.version:04}_{m.name}" for m in applied],
                "version": await migrate.version(connection, name),
            }
        return done
    finally:
        await connection.close()
