"""Arrays of a statement: asyncpg asks every element whether it is an array itself, by two abstract classes.

A batch hands over some sixty elements a report, and the asking took as long as putting them on the wire. Every array of
ours is a list, and that is asked in no time: of three more types it would take half as long again.
"""

from asyncpg import Connection
from asyncpg.protocol import protocol

_TYPES = ("uuid", "smallint", "int", "bigint", "real", "float8", "boolean", "text", "bytea", "timestamptz")


def install() -> None:
    """Have asyncpg take lists for arrays, and nothing else; harmless when done again."""
    protocol.IterableABC = list


async def learn(connection: Connection) -> None:
    """Have a new connection ask once for all types of arrays; by itself it asks for those of each statement."""
    await connection.prepare(f"SELECT {', '.join(f'${n}::{name}[]' for n, name in enumerate(_TYPES, 1))}")
