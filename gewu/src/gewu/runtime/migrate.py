"""Plain SQL migrations: numbered files of a service's package, applied in order under an advisory lock, each once.

A service needs some version and knows versions up to its own; a newer one it can work with as well, unless a migration
says otherwise by `-- readers: N`: only programs that know version N go on. So a release that is rolled out can be stopped
half way, and the one before it started again: expand now, contract a release later.
"""

import hashlib
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.resources import files

import asyncpg

from gewu.runtime import outbox
from gewu.runtime.postgres import Connection

GROUP = "gewu.schemas"  # entry points: schema name = package that holds schema/NNNN_name.sql
_LOCK = 0x67657775
_HOLDERS = """
SELECT DISTINCT concat_ws(' ', 'PostgreSQL process', pid, nullif(application_name, ''), 'from ' || host(client_addr)) AS name
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND classid = $1::int::oid AND objsubid = 2 AND pid <> pg_backend_pid()
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_TABLES = "gewu.runtime.sql"  # frozen: a change of one is a new file and a new migration


class SchemaFault(Exception):
    """The database's schema is not what this program can work with."""


class AtWork(SchemaFault):
    """Programs are at work that could not go on with what a migration makes."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text: an applied migration is never edited."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def readers(self) -> int:
        """The version that a program must know to work on after this one; 1 for what only adds."""
        said = re.search(r"^-- readers: (\d+)$", self.sql, flags=re.M)
        return int(said[1]) if said else 1


def schemas() -> dict[str, str]:
    """Schema name → package, over the installed services."""
    return {e.name: e.value for e in entry_points(group=GROUP)}


def migrations(package: str) -> list[Migration]:
    """The package's migrations in order. `-- include NAME_N` puts in a table that the runtime owns, as of then."""
    found = []
    for file in files(package).joinpath("schema").iterdir():
        if match := re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", file.name):
            sql = re.sub(r"^-- include (\w+)$", lambda m: _table(m[1]), file.read_text(), flags=re.M)
            found.append(Migration(int(match[1]), match[2], sql))
    return sorted(found, key=lambda m: m.version)


def _table(name: str) -> str:
    return files(_TABLES).joinpath(f"{name}.sql").read_text()


async def migrate(connection: asyncpg.Connection, schema: str, known: Sequence[Migration]) -> list[Migration]:
    """Apply what is missing, each file in a transaction of its own; returns what was applied."""
    applied = []
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _prepare(connection, schema)
        done = {r["version"]: r["sha256"] for r in await connection.fetch(f"SELECT * FROM {schema}.migration")}
        for m in known:
            if m.version in done:
                if done[m.version] != m.sha256:
                    raise SchemaFault(
                        f"{schema}: migration {m.version:04} was edited after it was applied; add a new one"
                    )
                continue
            async with connection.transaction():
                await connection.execute(f"SET LOCAL search_path TO {schema}")
                if m.readers == m.version:
                    await _nobody_at_work(connection, schema, m)
                await connection.execute(m.sql)
                await connection.execute(
                    f"INSERT INTO {schema}.migration (version, name, sha256, readers) VALUES ($1, $2, $3, $4)",
                    m.version, m.name, m.sha256, m.readers,
                )  # fmt: skip
            applied.append(m)
        await _grant(connection, schema)
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)
    return applied


async def version(connection: Connection, schema: str) -> int:
    """The schema's version, 0 when there is none."""
    if await connection.fetchval("SELECT to_regclass($1)", f"{schema}.migration") is None:
        return 0
    return int(await connection.fetchval(f"SELECT coalesce(max(version), 0) FROM {schema}.migration"))


async def check(connection: Connection, schema: str, needed: int, known: int) -> None:
    """Raise SchemaFault where the schema is older than what this program needs, or cut down beyond what it knows."""
    found = await version(connection, schema)
    if found < needed:
        raise SchemaFault(f"schema {schema} is at version {found}, this program needs {needed}: run `gewu migrate`")
    # By way of JSON: a table that an older `gewu migrate` made has no such column.
    readers = await connection.fetchval(f"SELECT max((to_jsonb(m) ->> 'readers')::int) FROM {schema}.migration m") or 1
    if known < readers:
        raise SchemaFault(
            f"schema {schema} is at version {found}, for programs that know {readers} or newer; this one knows {known}: "
            "deploy a newer release"
        )


async def _prepare(connection: asyncpg.Connection, schema: str) -> None:
    role = f"gewu_{schema}"
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        # Roles are the server's and our lock is one database's: another city's migration may be there first.
        with suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
            await connection.execute(f"CREATE ROLE {role} NOLOGIN")
    await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    await connection.execute(
        f"""CREATE TABLE IF NOT EXISTS {schema}.migration (
            version int PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"""
    )
    await connection.execute(f"ALTER TABLE {schema}.migration ADD COLUMN IF NOT EXISTS readers int NOT NULL DEFAULT 1")


async def _nobody_at_work(connection: asyncpg.Connection, schema: str, m: Migration) -> None:
    """Raise AtWork while a relay holds shards: its program would stall. Until the end of the migration no other one gets them."""
    ours = await connection.fetchval(
        "SELECT bool_and(pg_try_advisory_xact_lock($1, s)) FROM generate_series(0, $2) s",
        outbox.LOCK_SPACE, outbox.SHARDS - 1,
    )  # fmt: skip
    if not ours:
        raise AtWork(
            f"{schema}: migration {m.version:04} is not for programs of before, and there is one at work "
            f"({', '.join([r['name'] for r in await connection.fetch(_HOLDERS, outbox.LOCK_SPACE)])}): end every one, migrate, "
            "start the new ones. A frozen one holds on for a minute"
        )


async def _grant(connection: asyncpg.Connection, schema: str) -> None:
    """The service's role may change rows and nothing else: no table of another service, no schema."""
    role = f"gewu_{schema}"
    await connection.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    await connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}")
    await connection.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    await connection.execute(f"REVOKE INSERT, UPDATE, DELETE ON {schema}.migration FROM {role}")
