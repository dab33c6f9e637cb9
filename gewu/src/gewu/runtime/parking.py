"""Parking: a record that can never be handled is kept with its bytes, key, headers, reason and place, then passed over.

An entry is known by (topic, partition, offset) of the parked record: parked twice (a crash between the ack and the
commit), it is still one entry. The original's headers travel under a prefix, so that a binary or null one survives.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiokafka import ConsumerRecord

from gewu import topics
from gewu.codec import Header
from gewu.errors import Never, NotNow, Why
from gewu.runtime.producer import Fault, Producer, TooLarge, say
from gewu.runtime.record import Record

_ORIGINAL = "original."
_NULL = "original-null."
REPLAYED = "gewu.replayed"


@dataclass(frozen=True, slots=True)
class Parked:
    """One entry as read back."""

    topic: str
    partition: int
    offset: int
    why: str
    detail: str
    parked_at_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    replayed: bool = False

    @property
    def id(self) -> str:
        """topic:partition:offset, the entry's name on the command line."""
        return f"{self.topic}:{self.partition}:{self.offset}"


async def park(producer: Producer, reader: str, record: Record, reason: Never) -> None:
    """Park a record that this reader gave up on and wait for the ack; NotNow when the broker does not take it."""
    key, place = f"{record.topic}:{record.partition}:{record.offset}".encode(), topics.parked(reader, record.topic)
    try:
        try:
            await say(producer, place, 0, (key, record.value or b"", _headers(record, reason)))
        except TooLarge:
            # It still stands in the log at its own offset; what is kept here says where and what it was.
            await say(producer, place, 0, (key, b"", _cut(record, reason)))
    except Fault as fault:
        raise NotNow(Why.BROKER_AWAY, f"parking: {fault!r}") from None


def _cut(record: Record, reason: Never) -> list[Header]:
    value = record.value or b""
    text = (
        f"{reason.detail[:500]} (too large to be parked whole: {len(value)} bytes, sha256 {sha256(value).hexdigest()})"
    )
    key = b"null" if record.key is None else b"=" + record.key[:1000]
    return [
        ("gewu.why", reason.why.encode()),
        ("gewu.detail", text.encode()),
        ("gewu.key", key),
        ("gewu.value", b"cut"),
    ]


def _headers(record: Record, reason: Never) -> list[Header]:
    own: list[Header] = [
        ("gewu.why", reason.why.encode()),
        ("gewu.detail", reason.detail[:1000].encode("utf-8", "replace")),
        ("gewu.timestamp", b"%d" % record.timestamp),  # milliseconds: when the record itself was written
        ("gewu.key", b"null" if record.key is None else b"=" + record.key),
        ("gewu.value", b"null" if record.value is None else b"bytes"),
    ]
    own += [(_NULL + k, b"") if v is None else (_ORIGINAL + k, v) for k, v in record.headers]
    return own


def read(record: ConsumerRecord[Any, Any]) -> Parked:
    """The entry in a record of a parking topic."""
    topic, partition, offset = record.key.decode().rsplit(":", 2)
    own = {k: v for k, v in record.headers if k.startswith("gewu.") and v is not None}
    key = own.get("gewu.key", b"null")
    return Parked(
        topic=topic, partition=int(partition), offset=int(offset), parked_at_ms=record.timestamp,
        why=own.get("gewu.why", b"").decode(), detail=own.get("gewu.detail", b"").decode(),
        key=None if key == b"null" else key[1:],
        value=None if own.get("gewu.value") in (b"null", b"cut") else record.value,
        headers=tuple(_original(record.headers)), replayed=REPLAYED in own,
    )  # fmt: skip


def replayed(entry: Parked) -> tuple[bytes, list[Header]]:
    """Key and headers of the marker that closes an entry after its record was said again."""
    return entry.id.encode(), [("gewu.why", entry.why.encode()), (REPLAYED, b"yes")]


def latest(records: Iterable[ConsumerRecord[Any, Any]]) -> list[Parked]:
    """The entries, each once; a replay marker closes the entry it names."""
    found: dict[str, Parked] = {}
    for entry in map(read, records):
        known = found.get(entry.id)
        if entry.replayed:
            if known:
                found[entry.id] = _closed(known)
        elif known is None or known.replayed:
            found[entry.id] = entry
    return list(found.values())


def _closed(entry: Parked) -> Parked:
    return Parked(
        entry.topic, entry.partition, entry.offset, entry.why, entry.detail, entry.parked_at_ms, entry.key,
        entry.value, entry.headers, replayed=True,
    )  # fmt: skip


def _original(headers: Iterable[tuple[str, bytes | None]]) -> Iterable[tuple[str, bytes | None]]:
    for name, value in headers:
        if name.startswith(_ORIGINAL):
            yield name[len(_ORIGINAL) :], value
        elif name.startswith(_NULL):
            yield name[len(_NULL) :], None
