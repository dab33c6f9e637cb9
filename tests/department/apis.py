"""What a login may try on a broker: every API that a client has, and what Kafka's documentation says each one needs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.protocol import admin, commit, coordination, fetch, group, metadata, offset, produce, transaction
from aiokafka.protocol.api import Request
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    Float64,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    TaggedFields,
)  # fmt: skip
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from tests.department.messages import COMPACT, FIRST_ERROR, TEXT, flexible, made

TOPIC, GROUP, CLUSTER, TRANSACTION = 2, 3, 4, 5
READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE = 3, 4, 5, 6, 7, 8
CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS = 9, 10, 11
DENIED = {29, 30, 31, 53, 65}  # of a topic, a group, the cluster, a transaction, a token

Need = tuple[int, str, int]  # resource, name, operation
THE_CLUSTER = "kafka-cluster"


@dataclass(frozen=True)
class Attempt:
    """A request, what it is called, and every right that it needs."""

    name: str
    request: Callable[[], Request[Any]]
    needs: tuple[Need, ...]


def of_topic(t: str) -> Iterator[Attempt]:
    """What can be tried on a topic."""
    asked: dict[str, tuple[int, Callable[[], Request[Any]]]] = {
        "Produce": (WRITE, lambda: produce.ProduceRequest(None, 1, 5000, [(t, [(0, _batch())])])),
        "Fetch": (READ, lambda: fetch.FetchRequest(0, 0, 1024, 0, [(t, [(0, 0, 1024)])])),
        "ListOffsets": (DESCRIBE, lambda: offset.OffsetRequest(-1, 0, [(t, [(0, -1)])])),
        "Metadata": (DESCRIBE, lambda: metadata.MetadataRequest([t], False)),
        "OffsetForLeaderEpoch": (DESCRIBE, lambda: _epoch(t)),
        "CreateTopics": (CREATE, lambda: admin.CreateTopicsRequest([(t, 1, 1, [], [])], 5000, True)),
        "DeleteTopics": (DELETE, lambda: admin.DeleteTopicsRequest([t], 5000)),
        "DeleteRecords": (DELETE, lambda: admin.DeleteRecordsRequest([(t, [(0, 0)])], 5000)),
        "CreatePartitions": (ALTER, lambda: admin.CreatePartitionsRequest([(t, (20, None))], 5000, True)),
        "DescribeConfigs": (DESCRIBE_CONFIGS, lambda: admin.DescribeConfigsRequest([(2, t, None)])),
        "AlterConfigs": (ALTER_CONFIGS, lambda: admin.AlterConfigsRequest([(2, t, [("retention.ms", "1")])], True)),
        "IncrementalAlterConfigs": (ALTER_CONFIGS, lambda: _incremental(2, t)),
        "DescribeProducers": (READ, lambda: _producers(t)),
        "DescribeTopicPartitions": (DESCRIBE, lambda: _topic_partitions(t)),
    }
    for name, (operation, request) in asked.items():
        yield Attempt(name, request, ((TOPIC, t, operation),))
    of_the_cluster: dict[str, Callable[[], Request[Any]]] = {
        "ElectLeaders": lambda: _elect(t),
        "AlterPartitionReassignments": lambda: admin.AlterPartitionReassignmentsRequest(
            5000, [(t, [(0, [1], {})], {})], {}
        ),
        "AlterReplicaLogDirs": lambda: _log_dirs(t),
    }
    for name, request in of_the_cluster.items():
        yield Attempt(f"{name} {t}", request, ((CLUSTER, THE_CLUSTER, ALTER),))
    transactional = ((TRANSACTION, "t", WRITE), (TOPIC, t, WRITE))
    yield Attempt(
        "AddPartitionsToTxn", lambda: transaction.AddPartitionsToTxnRequest("t", 1, 0, [(t, [0])]), transactional
    )
    yield Attempt(
        "Produce in a transaction",
        lambda: produce.ProduceRequest("t", -1, 5000, [(t, [(0, _batch(True))])]),
        transactional,
    )


def of_group(g: str, topics: Sequence[str]) -> Iterator[Attempt]:
    """What can be tried on a consumer group."""
    asked: dict[str, tuple[int, Callable[[], Request[Any]]]] = {
        "FindCoordinator": (DESCRIBE, lambda: coordination.FindCoordinatorRequest(g, 0)),
        "JoinGroup": (READ, lambda: group.JoinGroupRequest(g, 10000, 10000, "nobody", None, "consumer", [("x", b"")])),
        "SyncGroup": (READ, lambda: group.SyncGroupRequest(g, 1, "nobody", None, [])),
        "Heartbeat": (READ, lambda: group.HeartbeatRequest(g, 1, "nobody")),
        "LeaveGroup": (READ, lambda: group.LeaveGroupRequest(g, "nobody")),
        "DescribeGroups": (DESCRIBE, lambda: admin.DescribeGroupsRequest([g])),
        "DeleteGroups": (DELETE, lambda: admin.DeleteGroupsRequest([g])),
        "OffsetFetch": (DESCRIBE, lambda: commit.OffsetFetchRequest(g, None)),
        "ConsumerGroupDescribe": (DESCRIBE, lambda: _describe_group(g)),
    }
    for name, (operation, request) in asked.items():
        yield Attempt(name, request, ((GROUP, g, operation),))
    for t in topics:
        yield from _of_group_and_topic(g, t)
    inside = ((TRANSACTION, "t", WRITE), (GROUP, g, READ))
    yield Attempt("AddOffsetsToTxn", lambda: transaction.AddOffsetsToTxnRequest("t", 1, 0, g), inside)


def _of_group_and_topic(g: str, t: str) -> Iterator[Attempt]:
    own = (GROUP, g, READ), (TOPIC, t, READ)
    yield Attempt("OffsetCommit", lambda: commit.OffsetCommitRequest(g, -1, "", -1, [(t, [(0, 0, "")])]), own)
    yield Attempt("OffsetFetch of a topic", lambda: commit.OffsetFetchRequest(g, [(t, [0])]), (
        (GROUP, g, DESCRIBE), (TOPIC, t, DESCRIBE),
    ))  # fmt: skip
    yield Attempt("OffsetDelete", lambda: _offset_delete(g, t), ((GROUP, g, DELETE), (TOPIC, t, READ)))
    yield Attempt("ConsumerGroupHeartbeat", lambda: _group_heartbeat(g, t), ((GROUP, g, READ), (TOPIC, t, DESCRIBE)))
    yield Attempt(
        "TxnOffsetCommit", lambda: transaction.TxnOffsetCommitRequest("t", g, 1, 0, [(t, [(0, 0, "")])]),
        ((TRANSACTION, "t", WRITE), *own),
    )  # fmt: skip


def of_cluster(own_acl: tuple[int, str, int, str, str, int, int]) -> Iterator[Attempt]:
    """What can be tried on the cluster and on transactional ids; own_acl: a grant that the login makes for itself."""
    asked: dict[str, tuple[int, Callable[[], Request[Any]]]] = {
        "DescribeAcls": (DESCRIBE, lambda: admin.DescribeAclsRequest(1, None, 1, None, None, 1, 1)),
        "CreateAcls": (ALTER, lambda: admin.CreateAclsRequest(*own_acl)),
        "DeleteAcls": (ALTER, lambda: admin.DeleteAclsRequest(2, None, 1, None, None, 1, 1)),
        "DescribeConfigs of a broker": (DESCRIBE_CONFIGS, lambda: admin.DescribeConfigsRequest([(4, "1", None)])),
        "AlterConfigs of a broker": (
            ALTER_CONFIGS,
            lambda: admin.AlterConfigsRequest([(4, "1", [("log.retention.ms", "1")])]),
        ),
        "IncrementalAlterConfigs of a broker": (ALTER_CONFIGS, lambda: _incremental(4, "1")),
        "ListPartitionReassignments": (DESCRIBE, lambda: admin.ListPartitionReassignmentsRequest(5000, None, {})),
        "DescribeClientQuotas": (DESCRIBE_CONFIGS, lambda: admin.DescribeClientQuotasRequest([], False)),
        "AlterClientQuotas": (ALTER_CONFIGS, _quotas),
        "DescribeUserScramCredentials": (DESCRIBE, _describe_scram),
        "AlterUserScramCredentials": (ALTER, _delete_scram),
        "UpdateFeatures": (ALTER, _features),
        "UnregisterBroker": (ALTER, _unregister),
        "ListConfigResources": (DESCRIBE_CONFIGS, _config_resources),
    }
    for name, (operation, request) in asked.items():
        yield Attempt(name, request, ((CLUSTER, THE_CLUSTER, operation),))
    write, look = ((TRANSACTION, "t", WRITE),), ((TRANSACTION, "t", DESCRIBE),)
    yield Attempt("FindCoordinator of a transaction", lambda: coordination.FindCoordinatorRequest("t", 1), look)
    yield Attempt("InitProducerId of a transaction", lambda: transaction.InitProducerIdRequest("t", 5000), write)
    yield Attempt("DescribeTransactions", lambda: _transactions("t"), look)
    yield Attempt("EndTxn", lambda: transaction.EndTxnRequest("t", 1, 0, True), write)


def _batch(transactional: bool = False) -> bytes:
    made = DefaultRecordBatchBuilder(2, 0, 1 if transactional else 0, 1 if transactional else -1, 0, 0, 1024)
    made.append(0, int(time.time() * 1000), b"k", b"v", [])  # of now: retention would cut an older one
    return bytes(made.build())


def _epoch(t: str) -> Request[Any]:
    asks = Schema(
        ("topics", Array(("topic", TEXT), ("partitions", Array(("p", Int32), ("own", Int32), ("epoch", Int32)))))
    )
    answers = Schema(("throttle", Int32), ("topics", Array(("topic", TEXT), (
        "partitions", Array(("error_code", Int16), ("p", Int32), ("epoch", Int32), ("end", Int64)),
    ))))  # fmt: skip
    return made(23, 2, asks, answers, [(t, [(0, -1, 0)])])


def _incremental(kind: int, name: str) -> Request[Any]:
    asks = Schema(("resources", Array(("type", Int8), ("name", TEXT), (
        "configs", Array(("name", TEXT), ("operation", Int8), ("value", TEXT)),
    ))), ("validate_only", Boolean))  # fmt: skip
    answers = Schema(("throttle", Int32), ("resources", Array(
        ("error_code", Int16), ("message", TEXT), ("type", Int8), ("name", TEXT),
    )))  # fmt: skip
    return made(44, 0, asks, answers, [(kind, name, [("retention.ms", 0, "1")])], True)


def _elect(t: str) -> Request[Any]:
    asks = Schema(("type", Int8), ("topics", Array(("topic", TEXT), ("partitions", Array(Int32)))), ("timeout", Int32))
    answers = Schema(("throttle", Int32), ("error_code", Int16), ("topics", Array(("topic", TEXT), (
        "partitions", Array(("p", Int32), ("partition_error", Int16), ("message", TEXT)),
    ))))  # fmt: skip
    return made(43, 1, asks, answers, 0, [(t, [0])], 5000)


def _log_dirs(t: str) -> Request[Any]:
    asks = Schema(("dirs", Array(("path", TEXT), ("topics", Array(("topic", TEXT), ("partitions", Array(Int32)))))))
    answers = Schema(("throttle", Int32), ("results", Array(("topic", TEXT), (
        "partitions", Array(("p", Int32), ("error_code", Int16)),
    ))))  # fmt: skip
    return made(34, 1, asks, answers, [("/nowhere", [(t, [0])])])


def _offset_delete(g: str, t: str) -> Request[Any]:
    asks = Schema(("group", TEXT), ("topics", Array(("topic", TEXT), ("partitions", Array(Int32)))))
    answers = Schema(("error_code", Int16), ("throttle", Int32), ("topics", Array(("topic", TEXT), (
        "partitions", Array(("p", Int32), ("error_code", Int16)),
    ))))  # fmt: skip
    return made(47, 0, asks, answers, g, [(t, [0])])


def _quotas() -> Request[Any]:
    entity = Array(("type", TEXT), ("name", TEXT))
    asks = Schema(("entries", Array(("entity", entity), (
        "ops", Array(("key", TEXT), ("value", Float64), ("remove", Boolean)),
    ))), ("validate_only", Boolean))  # fmt: skip
    answers = Schema(
        ("throttle", Int32), ("entries", Array(("error_code", Int16), ("message", TEXT), ("entity", entity)))
    )
    return made(49, 0, asks, answers, [([("user", "x")], [("producer_byte_rate", 1.0, False)])], True)


def _describe_scram() -> Request[Any]:
    asks = Schema(("users", CompactArray(("name", COMPACT), ("tags", TaggedFields))), ("tags", TaggedFields))
    return flexible(50, 0, asks, FIRST_ERROR, [("department-fire", {})], {})


def _delete_scram() -> Request[Any]:
    deletions = CompactArray(("name", COMPACT), ("mechanism", Int8), ("tags", TaggedFields))
    upsertions = CompactArray(("name", COMPACT), ("tags", TaggedFields))
    asks = Schema(("deletions", deletions), ("upsertions", upsertions), ("tags", TaggedFields))
    results = CompactArray(("user", COMPACT), ("error_code", Int16), ("message", COMPACT), ("tags", TaggedFields))
    answers = Schema(("throttle", Int32), ("results", results), ("tags", TaggedFields))
    return flexible(51, 0, asks, answers, [("department-fire", 2, {})], [], {})


def _features() -> Request[Any]:
    updates = CompactArray(("name", COMPACT), ("level", Int16), ("allow", Boolean), ("tags", TaggedFields))
    return flexible(57, 0, Schema(("timeout", Int32), ("updates", updates), ("tags", TaggedFields)), FIRST_ERROR,
                     5000, [("metadata.version", 1, True, {})], {})  # fmt: skip


def _unregister() -> Request[Any]:
    return flexible(64, 0, Schema(("broker", Int32), ("tags", TaggedFields)), FIRST_ERROR, 99, {})


def _config_resources() -> Request[Any]:
    return flexible(74, 0, Schema(("tags", TaggedFields)), FIRST_ERROR, {})


def _transactions(t: str) -> Request[Any]:
    asks = Schema(("ids", CompactArray(COMPACT)), ("tags", TaggedFields))
    return flexible(65, 0, asks, Schema(("throttle", Int32), ("count", Int8), ("error_code", Int16)), [t], {})


def _producers(t: str) -> Request[Any]:
    asks = CompactArray(("name", COMPACT), ("partitions", CompactArray(Int32)), ("tags", TaggedFields))
    states = CompactArray(
        ("id", Int64), ("epoch", Int32), ("sequence", Int32), ("at", Int64), ("coordinator", Int32), ("start", Int64),
        ("tags", TaggedFields),
    )  # fmt: skip
    partitions = CompactArray(
        ("p", Int32), ("error_code", Int16), ("message", COMPACT), ("states", states), ("tags", TaggedFields)
    )
    answers = CompactArray(("name", COMPACT), ("partitions", partitions), ("tags", TaggedFields))
    return flexible(
        61, 0, Schema(("topics", asks), ("tags", TaggedFields)),
        Schema(("throttle", Int32), ("topics", answers), ("tags", TaggedFields)), [(t, [0], {})], {},
    )  # fmt: skip


def _topic_partitions(t: str) -> Request[Any]:
    asks = Schema(
        ("topics", CompactArray(("name", COMPACT), ("tags", TaggedFields))), ("limit", Int32), ("cursor", Int8),
        ("tags", TaggedFields),
    )  # fmt: skip
    # Of each topic the error comes first: one topic is asked for, and the rest of the answer is left unread.
    return flexible(
        75, 0, asks, Schema(("throttle", Int32), ("count", Int8), ("error_code", Int16)), [(t, {})], 10, -1, {}
    )


def _describe_group(g: str) -> Request[Any]:
    asks = Schema(("groups", CompactArray(COMPACT)), ("operations", Boolean), ("tags", TaggedFields))
    return flexible(69, 0, asks, Schema(("throttle", Int32), ("count", Int8), ("error_code", Int16)), [g], False, {})


def _group_heartbeat(g: str, t: str) -> Request[Any]:
    asks = Schema(
        ("group", COMPACT), ("member", COMPACT), ("epoch", Int32), ("instance", COMPACT), ("rack", COMPACT),
        ("rebalance", Int32), ("topics", CompactArray(COMPACT)), ("assignor", COMPACT), ("owned", Int8),
        ("tags", TaggedFields),
    )  # fmt: skip
    # A member that nobody knows, of an epoch above 0: refused, for this or that reason, and nothing is made.
    return flexible(68, 0, asks, FIRST_ERROR, g, "nobody", 7, None, None, 10_000, [t], None, 0, {})
