"""By which package it was decided who hears of what: for `gewu audit`, which decides again."""

from gewu.runtime.postgres import Connection

_DECIDES = """
INSERT INTO directories (partition, first_offset, package) SELECT $1::int, $2::bigint, $3::text
WHERE $3 IS DISTINCT FROM (SELECT package FROM directories WHERE partition = $1 ORDER BY first_offset DESC LIMIT 1)"""
_TOO_OLD = """
INSERT INTO too_old (partition, next_offset) VALUES ($1, $2)
ON CONFLICT (partition) DO UPDATE SET next_offset = greatest(too_old.next_offset, excluded.next_offset)"""


async def decides(transaction: Connection, partition: int, offset: int, package: str) -> None:
    """From this offset on this version of the city package decides; written only where another one did before."""
    await transaction.execute(_DECIDES, partition, offset, package)


async def too_old(transaction: Connection, partition: int, offset: int) -> None:
    """The change at this offset was told to nobody because of its age."""
    await transaction.execute(_TOO_OLD, partition, offset + 1)
