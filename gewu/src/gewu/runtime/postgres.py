"""PostgreSQL: pools with bounds on every wait, and what an error of the database means for a batch."""

from typing import Any

import asyncpg

from gewu.clock import SECOND
from gewu.runtime import arrays
from gewu.runtime.settings import Postgres

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

# SQLSTATE classes (PostgreSQL manual, appendix A) under which the same rows may work a little later: connection, roll
# back, resources, locks and time-outs, operator intervention, a server that is starting or stopping, a system error.
_LATER = ("08", "25", "28", "3D", "3F", "40", "53", "55", "57", "58")
# A table or a column is not there: the schema went on beneath a running program. No record is at fault, so none is parked.
_MOVED = ("42P01", "42703")
# Data exceptions and violated constraints: these rows will never work.
_REFUSED = ("22", "23")

# A peer that is gone without a word is noticed within some 15 s, on both sides.
KEEPALIVE = {
    "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "3", "tcp_keepalives_count": "3", "tcp_user_timeout": "15000",
}  # fmt: skip

_OF_POSTGRES = 946_684_800 * SECOND  # its times count from the beginning of 2000

ACQUIRE_S = 5.0
COMMAND_S = 15.0


async def pool(postgres: Postgres, *, schema: str, size: int, name: str, in_micros: bool = False) -> asyncpg.Pool:
    """A pool of at most `size` connections that see one service's schema. No wait in it is without a bound.

    in_micros: as the function of this name, on every connection.

    A connection stays, and knows the types of arrays from its start: a batch that comes after a quiet hour would wait for it,
    and hold its locks while the library asks for one type after another.
    """
    arrays.install()
    return await asyncpg.create_pool(
        min_size=1, max_size=size, command_timeout=COMMAND_S, timeout=ACQUIRE_S,
        max_inactive_connection_lifetime=0, init=_learn_in_micros if in_micros else arrays.learn, reset=_as_it_is,
        server_settings={
            "application_name": name, "search_path": schema, "timezone": "UTC", "synchronous_commit": "on",
            "role": f"gewu_{schema}",
            "statement_timeout": "15s", "lock_timeout": "5s", "idle_in_transaction_session_timeout": "20s",
            **KEEPALIVE, "jit": "off",  # the statements are short and run often
        },
        **postgres.connection(),
    )  # fmt: skip


async def in_micros(connection: Connection) -> None:
    """From now on timestamptz goes in and comes out as whole microseconds since 1970, in arrays that come later too."""
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple",
        encoder=lambda at: (at - _OF_POSTGRES,), decoder=lambda at: at[0] + _OF_POSTGRES,
    )  # fmt: skip


async def _learn_in_micros(connection: Connection) -> None:
    await in_micros(connection)
    await arrays.learn(connection)


async def _as_it_is(_: Connection) -> None:
    """Nothing that we do to a pool's connection outlives its transaction. The library's own reset is a round trip after each."""


class Reader:
    """A pool for single questions; unlike the pool's own methods it never waits without a bound for a connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch(self, question: str, *words: Any) -> list[asyncpg.Record]:
        """Every row; TimeoutError when no connection is free in time."""
        async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
            return await connection.fetch(question, *words)

    async def fetchrow(self, question: str, *words: Any) -> asyncpg.Record | None:
        """The first row, if there is one."""
        async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
            return await connection.fetchrow(question, *words)

    async def fetchval(self, question: str, *words: Any) -> Any:
        """The first value of the first row."""
        async with self._pool.acquire(timeout=ACQUIRE_S) as connection:
            return await connection.fetchval(question, *words)


def is_refused(fault: BaseException) -> bool:
    """Whether the database will never take these rows: bisect to find which one."""
    if isinstance(fault, asyncpg.PostgresError):
        return (fault.sqlstate or "")[:2] in _REFUSED
    # asyncpg found an argument that does not fit its type, before it sent anything.
    return isinstance(fault, asyncpg.InterfaceError) and isinstance(fault, ValueError)


def is_taken(fault: BaseException) -> bool:
    """Whether a row with this key is there already: perhaps written by another transaction since we looked."""
    return isinstance(fault, asyncpg.UniqueViolationError)


def is_later(fault: BaseException) -> bool:
    """Whether the database is away, busy or going down: the whole batch again, later."""
    if isinstance(fault, asyncpg.PostgresError):
        if isinstance(fault, asyncpg.InvalidCachedStatementError):
            return True  # a plan of before a migration: the library makes a new one next time
        return (fault.sqlstate or "")[:2] in _LATER or fault.sqlstate in _MOVED
    if isinstance(fault, asyncpg.InterfaceError):
        return not isinstance(fault, ValueError)
    # The client library's own state machine, when a connection ends under a statement: nothing that a record could do.
    return isinstance(fault, OSError | TimeoutError | asyncpg.InternalClientError)


async def check_locks(connection: Connection, needed: int) -> str | None:
    """What is wrong if the server's lock table cannot hold `needed` advisory locks at once, else None."""
    show: dict[str, Any] = {}
    for name in ("max_locks_per_transaction", "max_connections", "max_prepared_transactions"):
        show[name] = int(await connection.fetchval(f"SHOW {name}"))
    room = show["max_locks_per_transaction"] * (show["max_connections"] + show["max_prepared_transactions"])
    if room >= needed:
        return None
    least = -(-needed // (show["max_connections"] + show["max_prepared_transactions"]))
    return f"the lock table holds {room} locks and {needed} may be needed: set max_locks_per_transaction to {least} or more"
