"""What a service may ask of a producer, and the four ways in which a record is not acknowledged."""

from collections.abc import Callable
from typing import Protocol

from gewu.codec import Header

Done = Callable[["Fault | None"], None]


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

    def append(self, topic: str, partition: int, key: bytes, value: bytes, headers: list[Header], done: Done) -> None:
        """Take a record; `done(None)` follows its ack, `done(Fault)` its failure. Raises TooLarge or Overloaded."""

    async def flush(self) -> None:
        """Return when every record taken so far has its answer."""


class Failed(Unknown):
    """The record was in the very batch that ended its producer: its topic may refuse it again."""
