"""Which version of each case was taken in, and by which package it was decided who hears of it."""

from collections.abc import Mapping, Sequence

from gewu.runtime.postgres import Connection

Version = tuple[int, int]  # incarnation, version

_READ = "SELECT case_id::text, incarnation, version FROM passed WHERE case_id = ANY($1::uuid[])"
_WRITE = """
INSERT INTO passed (case_id, incarnation, version, at)
SELECT *, $4 FROM unnest($1::uuid[], $2::int[], $3::int[])
ON CONFLICT (case_id) DO UPDATE SET incarnation = excluded.incarnation, version = excluded.version, at = excluded.at"""

_DIRECTORY = """
INSERT INTO directories (partition, first_offset, package, oldest_s) SELECT $1::int, $2::bigint, $3::text, $4::bigint
WHERE NOT EXISTS (
    SELECT FROM (SELECT * FROM directories WHERE partition = $1 ORDER BY first_offset DESC LIMIT 1) AS last
    WHERE package = $3 AND oldest_s = $4)"""


async def directory(transaction: Connection, partition: int, offset: int, package: str, oldest_s: int) -> None:
    """From this offset on this package decides; written where another one did before. For the audit, which decides again."""
    await transaction.execute(_DIRECTORY, partition, offset, package, oldest_s)


async def read(transaction: Connection, case_ids: Sequence[str]) -> dict[str, Version]:
    """The versions of those that were heard of. A case has one partition, so nobody else changes them meanwhile."""
    rows = await transaction.fetch(_READ, list(set(case_ids)))
    return {r["case_id"]: (r["incarnation"], r["version"]) for r in rows}


async def write(transaction: Connection, versions: Mapping[str, Version], now: int) -> None:
    """Remember these."""
    if versions:
        rows = sorted((case_id, *version) for case_id, version in versions.items())
        await transaction.execute(_WRITE, *(list(c) for c in zip(*rows, strict=True)), now)
