"""What a login may try of the younger kinds of groups: share groups (KIP-932) and streams groups (KIP-1071)."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiokafka.protocol.api import Request
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)

from tests.department.apis import (
    CLUSTER,
    CLUSTER_ACTION,
    DELETE,
    DESCRIBE,
    GROUP,
    READ,
    THE_CLUSTER,
    TOPIC,
    Attempt,
)
from tests.department.messages import COMPACT, FIRST_ERROR, flexible

_TAGS = ("tags", TaggedFields)
_ID = (("high", Int64), ("low", Int64))  # of a topic: 128 bits
_FIRST_OF_MANY = Schema(("throttle", Int32), ("count", Int8), ("error_code", Int16))
# Of the first partition of the first topic; what follows is left unread.
_FIRST_OF_STATE = Schema(("topics", Int8), *_ID, ("partitions", Int8), ("p", Int32), ("error_code", Int16))
_NOBODY = (
    "nobody"  # a member that nobody knows, of an epoch above 0: refused, for this or that reason, and nothing is made
)


def of_group(g: str, topics: Sequence[str]) -> Iterator[Attempt]:
    """What can be tried on a share group or a streams group of this name.

    Records are fetched by a topic's id, in a session that a member opens; without one the group is asked about, and no more.
    Each kind has a name of its own: of a group of another kind the broker says that it is not there, and not who may.
    """
    g, streams = f"{g}.shared", f"{g}.streams"
    asked: dict[str, tuple[int, Callable[[], Request[Any]]]] = {
        "ShareFetch": (READ, lambda: _fetch(g)),
        "ShareAcknowledge": (READ, lambda: _acknowledge(g)),
        "ShareGroupDescribe": (DESCRIBE, lambda: _describe(77, 1, g)),
    }
    for name, (operation, request) in asked.items():
        yield Attempt(name, request, ((GROUP, g, operation),))
    yield Attempt("StreamsGroupHeartbeat", lambda: _streams(streams), ((GROUP, streams, READ),))
    yield Attempt("StreamsGroupDescribe", lambda: _describe(89, 0, streams), ((GROUP, streams, DESCRIBE),))
    for t in topics:
        yield Attempt("ShareGroupHeartbeat", lambda t=t: _heartbeat(g, t), ((GROUP, g, READ), (TOPIC, t, DESCRIBE)))
        yield Attempt(
            "DescribeShareGroupOffsets", lambda t=t: _offsets(g, t), ((GROUP, g, DESCRIBE), (TOPIC, t, DESCRIBE))
        )
        yield Attempt("AlterShareGroupOffsets", lambda t=t: _alter(g, t), ((GROUP, g, READ), (TOPIC, t, READ)))
        yield Attempt("DeleteShareGroupOffsets", lambda t=t: _delete(g, t), ((GROUP, g, DELETE), (TOPIC, t, READ)))


def of_cluster() -> Iterator[Attempt]:
    """What brokers tell each other about the state of share groups."""
    epoch, start = ("epoch", Int32), ("start", Int64)
    asked = {
        "InitializeShareGroupState": (83, (epoch, start), (1, 0)),
        "ReadShareGroupState": (84, (epoch,), (0,)),
        "WriteShareGroupState": (85, (epoch, ("leader", Int32), start, ("batches", Int8)), (1, 0, 0, 1)),
        "DeleteShareGroupState": (86, (), ()),
        "ReadShareGroupStateSummary": (87, (epoch,), (0,)),
    }
    for name, (key, more, words) in asked.items():
        yield Attempt(
            name,
            lambda key=key, more=more, words=words: _state(key, more, words),
            ((CLUSTER, THE_CLUSTER, CLUSTER_ACTION),),
        )


def _heartbeat(g: str, t: str) -> Request[Any]:
    asks = Schema(
        ("group", COMPACT),
        ("member", COMPACT),
        ("epoch", Int32),
        ("rack", COMPACT),
        ("topics", CompactArray(COMPACT)),
        _TAGS,
    )
    return flexible(76, 1, asks, FIRST_ERROR, g, _NOBODY, 7, None, [t], {})


def _describe(key: int, version: int, g: str) -> Request[Any]:
    asks = Schema(("groups", CompactArray(COMPACT)), ("operations", Boolean), _TAGS)
    return flexible(key, version, asks, _FIRST_OF_MANY, [g], False, {})


def _fetch(g: str) -> Request[Any]:
    numbers = ("epoch", "wait", "least", "most", "records", "batch")
    asks = Schema(
        ("group", COMPACT),
        ("member", COMPACT),
        *((name, Int32) for name in numbers),
        ("topics", Int8),
        ("forgotten", Int8),
        _TAGS,
    )
    return flexible(78, 1, asks, FIRST_ERROR, g, _NOBODY, 7, 0, 0, 1024, 1, 1, 1, 1, {})


def _acknowledge(g: str) -> Request[Any]:
    asks = Schema(("group", COMPACT), ("member", COMPACT), ("epoch", Int32), ("topics", Int8), _TAGS)
    return flexible(79, 1, asks, FIRST_ERROR, g, _NOBODY, 7, 1, {})


def _streams(g: str) -> Request[Any]:
    asks = Schema(
        ("group", COMPACT), ("member", COMPACT), ("epoch", Int32), ("endpoint_epoch", Int32), ("instance", COMPACT),
        ("rack", COMPACT), ("rebalance", Int32), ("topology", Int8), ("active", Int8), ("standby", Int8), ("warmup", Int8),
        ("process", COMPACT), ("endpoint", Int8), ("client_tags", Int8), ("offsets", Int8), ("ends", Int8), ("shutdown", Boolean),
        _TAGS,
    )  # fmt: skip
    words = (g, _NOBODY, 7, 0, None, None, 10_000, -1, 0, 0, 0, None, -1, 0, 0, 0, False, {})
    return flexible(88, 0, asks, FIRST_ERROR, *words)


def _offsets(g: str, t: str) -> Request[Any]:
    topics = CompactArray(("name", COMPACT), ("partitions", CompactArray(Int32)), _TAGS)
    asks = Schema(("groups", CompactArray(("group", COMPACT), ("topics", topics), _TAGS)), _TAGS)
    partitions = CompactArray(
        ("p", Int32), ("start", Int64), ("epoch", Int32), ("error_code", Int16), ("message", COMPACT), _TAGS
    )
    found = CompactArray(("name", COMPACT), *_ID, ("partitions", partitions), _TAGS)
    groups = CompactArray(("group", COMPACT), ("topics", found), ("error_code", Int16), ("message", COMPACT), _TAGS)
    return flexible(90, 0, asks, Schema(("throttle", Int32), ("groups", groups), _TAGS), [(g, [(t, [0], {})], {})], {})


def _alter(g: str, t: str) -> Request[Any]:
    partitions = CompactArray(("p", Int32), ("start", Int64), _TAGS)
    asks = Schema(
        ("group", COMPACT), ("topics", CompactArray(("name", COMPACT), ("partitions", partitions), _TAGS)), _TAGS
    )
    found = CompactArray(("p", Int32), ("error_code", Int16), ("message", COMPACT), _TAGS)
    return flexible(91, 0, asks, _of_topics(("partitions", found)), g, [(t, [(0, 0, {})], {})], {})


def _delete(g: str, t: str) -> Request[Any]:
    asks = Schema(("group", COMPACT), ("topics", CompactArray(("name", COMPACT), _TAGS)), _TAGS)
    return flexible(92, 0, asks, _of_topics(("error_code", Int16), ("message", COMPACT)), g, [(t, {})], {})


def _of_topics(*found: tuple[str, Any]) -> Schema:
    topics = CompactArray(("name", COMPACT), *_ID, *found, _TAGS)
    return Schema(("throttle", Int32), ("error_code", Int16), ("message", COMPACT), ("topics", topics), _TAGS)


def _state(key: int, more: Sequence[tuple[str, Any]], words: Sequence[int]) -> Request[Any]:
    partitions = CompactArray(("p", Int32), *more, _TAGS)
    asks = Schema(("group", COMPACT), ("topics", CompactArray(*_ID, ("partitions", partitions), _TAGS)), _TAGS)
    return flexible(key, 0, asks, _FIRST_OF_STATE, "somebodys", [(1, 1, [(0, *words, {})], {})], {})
