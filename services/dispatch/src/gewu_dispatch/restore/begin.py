"""The beginning: the incarnation is raised before anybody works on the restored database."""

from dataclasses import dataclass

import asyncpg

from gewu import topics
from gewu_dispatch.restore.readers import Log, Readers, departments
from gewu_dispatch.store import restored


@dataclass(frozen=True, slots=True)
class Begun:
    """The incarnation before and after; records that will be read again; partitions whose log does not hold the
    position (records are gone, and dispatch will stop there)."""

    before: int
    after: int
    again: int
    gone: list[str]


async def begin(connection: asyncpg.Connection, log: Log) -> Begun:
    """Raise the incarnation above every one that was ever announced, and note up to where the log is read again.

    A dump that is restored a second time holds the incarnation of its own day: only the log knows those that came since.
    """
    readers = Readers()
    async for records in log.read(await log.spans(log.places([topics.CASES]))):
        for record in records:
            readers.hear(record)
    heard = [t.name for t in topics.registry(departments(log)) if "dispatch" in t.hears and t.name in log.partitions]
    async with connection.transaction():
        await restored.hold_still(connection)
        before, after = await restored.raise_incarnation(connection, readers.highest)
        stands, spans = await restored.positions(connection), await log.spans(log.places(heard))
        await restored.read_again(connection, [(s.topic, s.partition, s.end) for s in spans])
        again = await restored.still_to_read(connection)
    gone = []
    for span in spans:
        position = stands.get((span.topic, span.partition), 0)
        if not span.first <= position <= span.end:
            gone.append(
                f"{span.topic}[{span.partition}]: position {position}, the log holds {span.first} to {span.end}"
            )
    return Begun(before, after, again, gone)
