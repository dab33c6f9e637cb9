"""The same rows as dispatch wrote, by asyncpg's COPY, one transaction a batch: PostgreSQL's own ceiling."""

import time
from itertools import pairwise
from typing import Any

import asyncpg

from bench import databases
from bench.processes.words import Words, answer

Slices = list[list[tuple[Any, ...]]]


async def work(words: Words) -> Words:
    """Reports a second, counted as the reports behind the rows."""
    batches = -(-words["reports"] // words["batch"])
    source, target = await databases.connect(words["source"]), await databases.connect(words["target"])
    rows = {table: await _rows(source, table, batches) for table in words["tables"]}
    await target.execute("CHECKPOINT")
    started = time.perf_counter()
    for n in range(batches):
        async with target.transaction():
            for table, (columns, slices) in rows.items():
                if slices[n]:
                    await target.copy_records_to_table(table, records=slices[n], columns=columns)
    took = time.perf_counter() - started
    for table, (_, slices) in rows.items():
        assert await target.fetchval(f"SELECT count(*) FROM {table}") == sum(map(len, slices)), table
    return {"rate": words["reports"] / took, "rows_per_report": _count(rows) / words["reports"]}


async def _rows(source: asyncpg.Connection, table: str, batches: int) -> tuple[list[str], Slices]:
    """The table's columns and its rows in as many slices as there are batches, in the order in which they were written."""
    found = await source.fetch(f"SELECT * FROM {'said' if table == 'outbox' else table}")
    columns = [name for name in (found[0].keys() if found else ()) if name != "seq"]  # the table counts itself
    rows = [tuple(row[name] for name in columns) for row in found]
    edges = [round(n * len(rows) / batches) for n in range(batches + 1)]
    return columns, [rows[a:b] for a, b in pairwise(edges)]


def _count(rows: dict[str, tuple[list[str], Slices]]) -> int:
    return sum(len(one) for _, slices in rows.values() for one in slices)


if __name__ == "__main__":
    raise SystemExit(answer(work))
