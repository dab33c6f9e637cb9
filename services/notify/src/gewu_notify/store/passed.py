"""Which version of each case was taken in."""

from collections.abc import Mapping, Sequence

from gewu.runtime.postgres import Connection

Version = tuple[int, int]  # incarnation, version

_READ = "SELECT case_id::text, incarnation, version FROM passed WHERE case_id = ANY($1::uuid[])"
_WRITE = """
INSERT INTO passed (case_id, incarnation, version, at)
SELECT *, $4 FROM unnest($1::uuid[], $2::int[], $3::int[])
ON CONFLICT (case_id) DO UPDATE SET incarnation = excluded.incarnation, version = excluded.version, at = excluded.at"""


async def read(transaction: Connection, case_ids: Sequence[str]) -> dict[str, Version]:
    """The versions of those that were heard of. A case has one partition, so nobody else changes them meanwhile."""
    rows = await transaction.fetch(_READ, list(set(case_ids)))
    return {r["case_id"]: (r["incarnation"], r["version"]) for r in rows}


async def write(transaction: Connection, versions: Mapping[str, Version], now: int) -> None:
    """Remember these."""
    if versions:
        rows = sorted((case_id, *version) for case_id, version in versions.items())
        await transaction.execute(_WRITE, *(list(c) for c in zip(*rows, strict=True)), now)
