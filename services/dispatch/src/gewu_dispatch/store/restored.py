"""Rows that a restore writes and asks for; batches never do, but for `still_to_read`."""

from collections.abc import Sequence

from gewu.runtime.postgres import Connection
from gewu_dispatch.store.columns import columns

_TO_READ = """
SELECT coalesce(sum(r.until - coalesce(p.next_offset, 0)), 0)::bigint
FROM reread r LEFT JOIN position p USING (topic, partition)
WHERE coalesce(p.next_offset, 0) < r.until AND ($1::text[] IS NULL OR r.topic = ANY($1))"""


async def hold_still(transaction: Connection) -> None:
    """Let no batch begin until this transaction ends, and wait for those that have: each locks its position first."""
    await transaction.execute("LOCK TABLE position IN EXCLUSIVE MODE")


async def raise_incarnation(transaction: Connection, above: int) -> tuple[int, int]:
    """Raise it above its own value and this one; returns it as it was and as it is."""
    before = await transaction.fetchval("SELECT incarnation FROM deployment FOR UPDATE")
    after = max(before, above) + 1
    await transaction.execute("UPDATE deployment SET incarnation = $1", after)
    return before, after


async def incarnation(connection: Connection) -> int:
    """This deployment's incarnation."""
    return int(await connection.fetchval("SELECT incarnation FROM deployment"))


async def positions(connection: Connection) -> dict[tuple[str, int], int]:
    """Where to read on, of every partition that was ever read."""
    rows = await connection.fetch("SELECT topic, partition, next_offset FROM position")
    return {(r["topic"], r["partition"]): r["next_offset"] for r in rows}


async def read_again(transaction: Connection, ends: Sequence[tuple[str, int, int]]) -> None:
    """Remember up to where of each (topic, partition) there is something to read again."""
    await transaction.execute("DELETE FROM reread")
    if ends:
        await transaction.execute(
            "INSERT INTO reread SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])", *columns(ends)
        )


async def still_to_read(connection: Connection, topics: Sequence[str] | None = None) -> int:
    """How many records are left of those that must be read again, of these topics or of all."""
    return int(await connection.fetchval(_TO_READ, topics))


async def unsaid(connection: Connection) -> int:
    """How many events wait to be said."""
    return int(await connection.fetchval("SELECT coalesce(sum(count), 0) FROM outbox"))


async def standing(connection: Connection) -> dict[str, tuple[tuple[int, int], str]]:
    """Every case by id: its (incarnation, version) and its department."""
    rows = await connection.fetch("SELECT case_id, incarnation, version, department FROM cases")
    return {str(r["case_id"]): ((r["incarnation"], r["version"]), r["department"]) for r in rows}


async def homes(connection: Connection, signal_ids: Sequence[str]) -> dict[str, str]:
    """The case of each of these signals."""
    rows = await connection.fetch(
        "SELECT signal_id, case_id FROM signals WHERE signal_id = ANY($1::uuid[])", list(signal_ids)
    )
    return {str(r["signal_id"]): str(r["case_id"]) for r in rows}
