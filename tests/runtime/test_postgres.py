"""What an error of the database means for a batch."""

import asyncio

import asyncpg
import pytest

from gewu.runtime.postgres import is_later, pool
from gewu.runtime.settings import Postgres


def test_a_connection_that_ends_under_a_statement_is_no_records_fault() -> None:
    assert is_later(asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"))
    assert is_later(ConnectionResetError()) and is_later(TimeoutError())
    # The schema went on beneath a running program.
    assert is_later(asyncpg.UndefinedColumnError("no column")) and is_later(asyncpg.UndefinedTableError("no table"))
    assert is_later(asyncpg.InvalidCachedStatementError("a plan"))
    assert not is_later(asyncpg.FeatureNotSupportedError("no")) and not is_later(asyncpg.PostgresSyntaxError("a slip"))
    assert not is_later(asyncpg.CheckViolationError("a row")) and not is_later(ZeroDivisionError())


async def test_a_frozen_owners_transaction_is_ended_by_the_server_and_that_is_no_records_fault(
    database: Postgres,
) -> None:
    connections = await pool(database, schema="dispatch", size=1, name="test")
    connection = await connections.acquire()
    assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "20s"
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)) as ended:
        async with connection.transaction():
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
            await asyncio.sleep(0.5)
            await connection.execute("SELECT 1")
    assert is_later(ended.value)
    connections.terminate()


async def test_an_array_is_a_list_and_nothing_else(database: Postgres) -> None:
    connections = await pool(database, schema="dispatch", size=1, name="test")
    async with connections.acquire() as connection:
        assert await connection.fetchval("SELECT $1::int[]", [1, None, 2]) == [1, None, 2]
        assert await connection.fetchval("SELECT $1::text[]", ["many", "lists"]) == ["many", "lists"]
        # The library by itself takes these too, after it has asked each element what it is: gewu.runtime.arrays.
        for said in ((1, 2), {1, 2}, {1: "", 2: ""}.keys()):
            with pytest.raises(asyncpg.DataError):
                await connection.fetchval("SELECT $1::int[]", said)
    await connections.close()
