"""Positions and books in PostgreSQL: where to read on, and what became of every record before that.

The position moves inside the transaction of the batch's effects, by compare and set: two owners of a partition (one of
them a zombie) cannot both commit. A missing row is position 0, so that a position lost with its table shows as "below
the log's start" and is never skipped over.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gewu.runtime.postgres import Connection

# The counters of sql/position_1.sql; next_offset - first_offset is their sum, in every row, always.
OUTCOMES = ("opened", "joined", "duplicate", "conflict", "measured", "applied", "refused", "parked")

_ADVANCE = f"""
UPDATE position SET next_offset = $4, skipped = skipped + $5,
    {", ".join(f"{name} = {name} + ${i}" for i, name in enumerate(OUTCOMES, start=6))}
WHERE topic = $1 AND partition = $2 AND next_offset = $3"""


@dataclass(frozen=True, slots=True)
class Books:
    """One partition's row."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    skipped: int
    outcomes: Mapping[str, int]


async def read(connection: Connection, topic: str, partition: int) -> int:
    """Where to read on; a partition that was never read starts at 0."""
    found = await connection.fetchval(
        "SELECT next_offset FROM position WHERE topic = $1 AND partition = $2", topic, partition
    )
    if found is None:
        await connection.execute(
            "INSERT INTO position (topic, partition, first_offset, next_offset) VALUES ($1, $2, 0, 0) ON CONFLICT DO NOTHING",
            topic, partition,
        )  # fmt: skip
        return await read(connection, topic, partition)
    return int(found)


async def hold(connection: Connection, topic: str, partition: int, expected: int) -> bool:
    """Lock the position's row until the transaction ends; False when another owner has moved it."""
    found = await connection.fetchval(
        "SELECT next_offset FROM position WHERE topic = $1 AND partition = $2 FOR UPDATE", topic, partition
    )
    return bool(found == expected)


async def advance(
    connection: Connection, topic: str, partition: int, expected: int, following: int, outcomes: Mapping[str, int],
    records: int,
) -> None:  # fmt: skip
    """Move from `expected` to `following` and book the outcomes of so many records.

    Offsets that hold no record (a transaction's marker) are booked as skipped. What was told as outcomes and what was
    read as records must agree, or the check of the table refuses the row and the batch with it.
    """
    counts = [outcomes.get(name, 0) for name in OUTCOMES]
    skipped = following - expected - records
    done = await connection.execute(_ADVANCE, topic, partition, expected, following, skipped, *counts)
    assert done == "UPDATE 1", "hold() comes first"


async def books(connection: Connection) -> list[Books]:
    """Every partition's row, by topic and partition."""
    rows = await connection.fetch("SELECT * FROM position ORDER BY topic, partition")
    return [
        Books(
            r["topic"], r["partition"], r["first_offset"], r["next_offset"], r["skipped"], {n: r[n] for n in OUTCOMES}
        )
        for r in rows
    ]
