"""What a service may ask of a producer, and the four ways in which a record is not acknowledged."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from gewu.codec import Header

Record = tuple[bytes, bytes, list[Header]]  # key, value, headers
Done = Callable[[int, int, "Fault | None"], None]


class Fault(Exception):
    """Why a record was not acknowledged."""


class TooLarge(Fault):
    """The record is over its topic's limit; it was not sent."""


class Overloaded(Fault):
    """The buffer is at its bound, or the record could not be sent before the deadline; it was not sent."""


class Unknown(Fault):
    """The record was sent and no ack came: it may be in the log or not. A repeat under the same id is harmless."""


class Producer(Protocol):
    """Two methods, so that another client can take aiokafka's place."""

    def append(self, topic: str, partition: int, records: Sequence[Record], done: Done) -> None:
        """Take records of one partition, in their order.

        `done(first, end, None)` follows the ack of records[first:end], `done(first, end, Fault)` their failure; each record
        is in one of these answers. Those that are not even taken have theirs before this returns: one that is TooLarge by
        itself; one for which there is no room, with all behind it, Overloaded. Whatever is raised, none was taken.
        """

    async def flush(self) -> None:
        """Return when every record taken so far has its answer."""


class Failed(Unknown):
    """The record was in the very batch that ended its producer: its topic may refuse it again."""


async def say(producer: Producer, topic: str, partition: int, record: Record) -> None:
    """Append one record and wait for its ack; raises its Fault."""
    acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def done(_first: int, _end: int, fault: Fault | None) -> None:
        if not acked.done():
            acked.set_exception(fault) if fault else acked.set_result(None)

    producer.append(topic, partition, [record], done)
    await acked
