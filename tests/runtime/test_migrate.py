"""Migrations on real PostgreSQL: each once, in order, never edited; a service's role changes rows and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from gewu.lane import Lane
from gewu.runtime import migrate, outbox, postgres
from gewu.runtime.migrate import Migration, SchemaFault
from gewu.runtime.settings import Postgres
from tests.support.waiting import until

ONE = Migration(1, "things", "CREATE TABLE thing (id int PRIMARY KEY, name text NOT NULL DEFAULT '')")
TWO = Migration(2, "counted", "ALTER TABLE thing ADD COLUMN n bigserial; INSERT INTO thing (id) VALUES (1)")
OTHER = Migration(1, "secrets", "CREATE TABLE secret (id int); INSERT INTO secret VALUES (7)")


@pytest.fixture
async def owner(database: Postgres) -> AsyncIterator[asyncpg.Connection]:
    """A connection as the database's owner, who migrates."""
    connection = await asyncpg.connect(**database.connection())
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
async def role(database: Postgres, owner: asyncpg.Connection) -> AsyncIterator[asyncpg.Connection]:
    """A connection as a service has it, on a schema beside which there is another's."""
    await migrate.migrate(owner, "mine", [ONE, TWO])
    await migrate.migrate(owner, "theirs", [OTHER])
    pool = await postgres.pool(database, schema="mine", size=1, name="test")
    async with pool.acquire() as connection:
        yield connection
    await pool.close()


async def test_another_citys_migration_makes_the_role_of_the_same_server_first(
    database: Postgres, owner: asyncpg.Connection
) -> None:
    other = await asyncpg.connect(**database.connection())
    await owner.execute("DROP ROLE IF EXISTS gewu_twin")
    try:
        making = other.transaction()
        await making.start()
        await other.execute("CREATE ROLE gewu_twin NOLOGIN")
        ours = asyncio.create_task(migrate.migrate(owner, "twin", [ONE]))
        await until(lambda: _waits(other), 5.0, "our migration waiting for theirs")
        await making.commit()
        assert await ours == [ONE]
    finally:
        await other.close()
        await owner.execute("DROP SCHEMA IF EXISTS twin CASCADE; DROP ROLE gewu_twin")


async def _waits(connection: asyncpg.Connection) -> bool:
    return bool(
        await connection.fetchval("SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid() AND NOT granted")
    )


async def test_each_migration_is_applied_once_and_in_order(owner: asyncpg.Connection) -> None:
    assert await migrate.version(owner, "mine") == 0
    assert await migrate.migrate(owner, "mine", [ONE]) == [ONE]
    assert await migrate.migrate(owner, "mine", [ONE, TWO]) == [TWO]
    assert await migrate.migrate(owner, "mine", [ONE, TWO]) == []
    assert await migrate.version(owner, "mine") == 2
    assert await owner.fetchval("SELECT count(*) FROM mine.thing") == 1
    rows = await owner.fetch("SELECT version, name, sha256 FROM mine.migration ORDER BY version")
    assert [tuple(r) for r in rows] == [(m.version, m.name, m.sha256) for m in (ONE, TWO)]


async def test_an_edited_migration_is_refused_and_nothing_after_it_is_applied(owner: asyncpg.Connection) -> None:
    await migrate.migrate(owner, "mine", [ONE])
    edited = Migration(1, "things", ONE.sql + "; DROP TABLE mine.thing")
    with pytest.raises(SchemaFault, match=r"mine: migration 0001 was edited after it was applied; add a new one"):
        await migrate.migrate(owner, "mine", [edited, TWO])
    assert await migrate.version(owner, "mine") == 1
    assert await migrate.migrate(owner, "mine", [ONE, TWO]) == [TWO], "the lock was given back"


async def test_a_migration_that_fails_leaves_nothing_of_itself(owner: asyncpg.Connection) -> None:
    broken = Migration(2, "broken", "CREATE TABLE half (id int); SELECT no_such_function()")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate.migrate(owner, "mine", [ONE, broken])
    assert await migrate.version(owner, "mine") == 1
    assert await owner.fetchval("SELECT to_regclass('mine.half')") is None
    assert await migrate.migrate(owner, "mine", [ONE, TWO]) == [TWO]


async def test_two_that_migrate_at_once_apply_each_once(database: Postgres) -> None:
    async def one() -> int:
        connection = await asyncpg.connect(**database.connection())
        try:
            return len(await migrate.migrate(connection, "mine", [ONE, TWO]))
        finally:
            await connection.close()

    assert sorted(await asyncio.gather(*(one() for _ in range(4)))) == [0, 0, 0, 2]


async def test_a_schema_that_is_too_old_is_refused(owner: asyncpg.Connection) -> None:
    for found in (0, 2):
        fault = f"schema mine is at version {found}, this program needs {found + 1}: run `gewu migrate`"
        with pytest.raises(SchemaFault, match=fault):
            await migrate.check(owner, "mine", found + 1, 9)
        await migrate.migrate(owner, "mine", [ONE, TWO])
    await migrate.check(owner, "mine", 1, 2)
    await migrate.check(owner, "mine", 2, 9)


async def test_a_newer_schema_is_good_until_a_migration_says_for_whom(owner: asyncpg.Connection) -> None:
    await migrate.migrate(owner, "mine", [ONE, TWO])
    await migrate.check(owner, "mine", 1, 1)
    three = Migration(3, "uncounted", "-- readers: 2\nALTER TABLE thing DROP COLUMN n")
    await migrate.migrate(owner, "mine", [ONE, TWO, three, Migration(4, "more", "ALTER TABLE thing ADD COLUMN m int")])
    await migrate.check(owner, "mine", 1, 2)
    with pytest.raises(SchemaFault, match="at version 4, for programs that know 2 or newer; this one knows 1: deploy"):
        await migrate.check(owner, "mine", 1, 1)


async def test_a_migration_for_new_programs_alone_waits_until_no_relay_is_at_work(
    owner: asyncpg.Connection, database: Postgres
) -> None:
    await migrate.migrate(owner, "mine", [ONE])
    two = Migration(2, "uncounted", "-- readers: 2\nALTER TABLE thing DROP COLUMN name")
    relay = await asyncpg.connect(**database.connection())
    try:
        await relay.execute("SELECT pg_advisory_lock($1, $2)", outbox.LOCK_SPACE, outbox.SHARDS - 1)
        pid = relay.get_server_pid()
        # It alone: by then this session holds the other shards itself.
        with pytest.raises(
            SchemaFault, match=rf"0002 is not for .* at work \(PostgreSQL process {pid}( from [^,]*)?\): end every"
        ):
            await migrate.migrate(owner, "mine", [ONE, two])
        assert await migrate.version(owner, "mine") == 1
    finally:
        await relay.close()
    assert await migrate.migrate(owner, "mine", [ONE, two]) == [two]


async def test_a_table_of_an_older_migrate_is_read_and_brought_up_to_date(owner: asyncpg.Connection) -> None:
    await migrate.migrate(owner, "mine", [ONE])
    await owner.execute("ALTER TABLE mine.migration DROP COLUMN readers")
    await migrate.check(owner, "mine", 1, 1)
    await migrate.migrate(owner, "mine", [ONE, TWO])
    assert await owner.fetch("SELECT version, readers FROM mine.migration ORDER BY version") == [(1, 1), (2, 1)]


async def test_the_services_role_reads_and_changes_its_own_rows_and_sees_its_version(role: asyncpg.Connection) -> None:
    await role.execute("INSERT INTO thing (id, name) VALUES (2, 'new')")
    await role.execute("UPDATE thing SET name = 'changed' WHERE id = 2")
    assert await role.fetchval("DELETE FROM thing WHERE id = 2 RETURNING name") == "changed"
    await migrate.check(role, "mine", 2, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id int)", "CREATE TABLE public.more (id int)", "CREATE SCHEMA more",
        "ALTER TABLE thing ADD COLUMN x int", "DROP TABLE thing", "TRUNCATE thing", "CREATE INDEX ON thing (name)",
        "DROP SCHEMA mine CASCADE",
        "UPDATE migration SET version = 9", "DELETE FROM migration", "INSERT INTO migration VALUES (9, '', '')",
        "SELECT * FROM theirs.secret", "SELECT * FROM theirs.migration", "INSERT INTO theirs.secret VALUES (1)",
        "SELECT * FROM dispatch.cases", "CREATE ROLE other", "SELECT pg_read_file('/etc/passwd')",
        "COPY thing TO PROGRAM 'cat'",
    ],
)  # fmt: skip
async def test_the_services_role_may_not(role: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await role.execute(statement)


async def test_the_services_role_is_in_no_other_and_may_not_log_in(role: asyncpg.Connection) -> None:
    assert not await role.fetchval("SELECT pg_has_role('gewu_mine', 'gewu_theirs', 'member')")
    row = await role.fetchrow("SELECT * FROM pg_roles WHERE rolname = 'gewu_mine'")
    assert not any(row[may] for may in ("rolcanlogin", "rolsuper", "rolcreatedb", "rolcreaterole", "rolbypassrls"))


def _package(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, **files: str) -> str:
    schema = folder / name / "schema"
    schema.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    for file, text in files.items():
        (schema / f"{file}.sql").write_text(text)
    monkeypatch.syspath_prepend(folder)
    return name


def test_a_packages_files_are_its_migrations_and_other_files_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"0002_two": "SELECT 2", "0001_one": "SELECT 1", "10_ten": "no", "0003_Three": "no", "notes": "no"}
    found = migrate.migrations(_package(tmp_path, "gewu_test_files", monkeypatch, **files))
    assert [(m.version, m.name, m.sql) for m in found] == [(1, "one", "SELECT 1"), (2, "two", "SELECT 2")]


def test_a_table_of_the_runtime_is_put_in_as_it_was_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "CREATE TABLE a ();\n-- include position_1\n-- a comment that mentions -- include outbox_1 stays\n"
    found = migrate.migrations(_package(tmp_path, "gewu_test_include", monkeypatch, **{"0001_one": text}))
    assert "CREATE TABLE position" in found[0].sql and "CREATE TABLE outbox" not in found[0].sql


def test_every_installed_service_numbers_its_migrations_without_gaps() -> None:
    for schema, package in migrate.schemas().items():
        assert [m.version for m in migrate.migrations(package)] == list(
            range(1, len(migrate.migrations(package)) + 1)
        ), schema


async def test_what_dispatch_has_installed_is_what_it_reads(owner: asyncpg.Connection) -> None:
    from gewu_dispatch import consumers

    await migrate.check(owner, consumers.SCHEMA, *consumers.SCHEMA_VERSIONS)
    newest = migrate.migrations(migrate.schemas()[consumers.SCHEMA])[-1].version
    assert newest == consumers.SCHEMA_VERSIONS[1]


async def test_events_that_wait_are_taken_over_by_the_row_for_a_partition(owner: asyncpg.Connection) -> None:
    known = migrate.migrations("gewu_dispatch")
    await owner.execute("DROP SCHEMA IF EXISTS dispatch CASCADE")
    await migrate.migrate(owner, "dispatch", known[:3])
    await owner.execute("SET search_path TO dispatch")
    case, value, at = uuid4(), bytes(range(256)), datetime(2026, 11, 22, 8, 0, 0, 123456, UTC)
    waits = [("dispatch.water", 1, Lane.P2), ("cases.changed", 1, Lane.P2), ("cases.changed", 2, Lane.P0)]
    for n, (topic, version, lane) in enumerate(waits):
        await owner.execute(
            """INSERT INTO outbox (subject, incarnation, version, topic, partition, key, shard, lane, event_id, type, value,
               cause, received_at, created_at)
               VALUES ($1, 1, $2, $3, 1, $4, 7, $9, $5, 'gewu.v1.assignment', $6, NULL, $7, $8)""",
            case, version, topic, str(case), uuid4(), value, None if n else at, at, lane,
        )  # fmt: skip
    await migrate.migrate(owner, "dispatch", known)
    rows = await outbox.take(owner, sorted({outbox.shard_of(t, 1) for t, *_ in waits}), 10, [])
    # The case was raised while it waited: its first version goes before the second, and both before what is not urgent.
    assert [(w.topic, w.events[0].version, w.lane) for w in rows] == [waits[1], waits[2], waits[0]]
    (first,) = rows[2].events
    assert (first.value, first.key, first.received_text, rows[2].created_at) == (value, str(case), at.isoformat(), at)
    assert rows[0].events[0].received_text is rows[0].events[0].cause is first.received_at is None
    with pytest.raises(SchemaFault, match="for programs that know 4 or newer"):
        await migrate.check(owner, "dispatch", 3, 3)
