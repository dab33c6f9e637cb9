"""A dump came back under a running city: what of it concerns those who are told. `gewu restore` calls this.

Nothing is written. Position, ledger and `passed` are of one moment, and from there the log is read again: a notice that was
sent since the dump is planned again and goes again, under the webhook-id that it had, because that comes from event and
receiver alone. What dispatch decides anew carries a higher incarnation, and is told as the newer version that it is.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from gewu import topics
from gewu_notify.store import asked


@dataclass(frozen=True, slots=True)
class Again:
    """records: changes that will be read again; gone: partitions whose log does not hold the position, in words."""

    records: int
    gone: list[str]


async def again(connection: asyncpg.Connection, log: Any) -> Again:
    """Hold notify's positions against the log (gewu.audit.log). Where nothing was ever read there is nothing to read again."""
    stands = await asked.positions(connection)
    records, gone = 0, []
    for span in await log.spans(log.places([topics.CASES])):
        position = stands.get(span.partition)
        if position is None:
            continue
        records += max(0, span.end - position)
        if not span.first <= position <= span.end:
            words = f"notify's position {position}, the log holds {span.first} to {span.end}"
            gone.append(f"{span.topic}[{span.partition}]: {words}")
    return Again(records, gone)
