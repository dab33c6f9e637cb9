"""A connection to the broker that is closed already. Under uvloop a write to it raises RuntimeError, which aiokafka does
not expect: its metadata task ended over it without a word, and that client never learnt again who leads a partition. Its
consumer could not look up an offset for ever, and a producer would have waited for a leader that had moved.
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

_send = AIOKafkaConnection.send


def install() -> None:
    """Have every client of this process take it for what it is; harmless when done again."""
    AIOKafkaConnection.send = _told


def _told(connection: AIOKafkaConnection, *words: Any, **named: Any) -> Any:
    try:
        return _send(connection, *words, **named)
    except KafkaError:  # a RuntimeError too, by aiokafka's choice
        raise
    except RuntimeError as fault:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"the connection is closed: {fault}") from fault
