"""FastStream wiring: one batch subscriber a lane, feeding a Delivery. It makes no topic and commits nothing by itself."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from gewu.runtime import lenient
from gewu.runtime.delivery import Delivery
from gewu.runtime.record import Polled
from gewu.runtime.settings import Kafka


def broker(kafka: Kafka, client_id: str) -> KafkaBroker:
    """A broker for subscribers only; producers are bare aiokafka, because FastStream never rebuilds its own."""
    lenient.install()
    return KafkaBroker(
        client_id=client_id, consumer_only=True, allow_auto_create_topics=False, apply_types=False,
        logger=logging.getLogger("gewu.faststream"), graceful_timeout=5.0, bootstrap_servers=kafka.bootstrap, **_security(kafka),
    )  # fmt: skip


def subscribe(
    broker: KafkaBroker, kafka: Kafka, delivery: Delivery[Any], *, group: str, topics: Sequence[str], max_records: int
) -> None:
    """Subscribe a delivery to topics as a member of `group`; it takes effect when the broker starts."""
    subscriber = broker.subscriber(
        *topics, group_id=group, group_instance_id=f"{kafka.instance}.{group}" if kafka.instance else None,
        batch=True, max_records=max_records, batch_timeout_ms=10,
        # 'none' raises instead of skipping when a position is unknown; 'latest', the default, would lose records.
        auto_offset_reset="none", ack_policy=AckPolicy.MANUAL, isolation_level="read_committed",
        session_timeout_ms=10_000, heartbeat_interval_ms=3_000, rebalance_timeout_ms=30_000, max_poll_interval_ms=300_000,
        fetch_max_wait_ms=100, parser=_parse, decoder=_decode, listener=delivery, no_reply=True,
    )  # fmt: skip
    subscriber(delivery.on_batch)
    delivery.consumer_of = lambda: subscriber.consumer


async def start(broker: KafkaBroker) -> None:
    """Connect and join every group at once; the first fault of any, when all have ended.

    The library's own start joins one group after another, and each waits for a heartbeat of those that are in it already: a
    second process of five groups would take up to five heartbeats to come.
    """
    await broker.connect()
    found = await asyncio.gather(*(s.start() for s in broker.subscribers), return_exceptions=True)
    broker.running = True
    for fault in found:
        if isinstance(fault, BaseException):
            raise fault


async def _parse(polled: tuple[Polled, ...]) -> KafkaMessage:
    """One message object a batch. The library's own parser decodes every header as UTF-8 and builds a dictionary for
    each record; a binary or null header then loses the record before any middleware sees it."""
    return KafkaMessage(
        body=polled, headers={}, batch_headers=[], reply_to="", content_type=None, message_id="", correlation_id="",
        raw_message=polled, path={}, consumer=FAKE_CONSUMER,
    )  # fmt: skip


async def _decode(message: KafkaMessage) -> Sequence[Polled]:
    return message.raw_message


def _security(kafka: Kafka) -> dict[str, Any]:
    """FastStream takes its own security object instead of aiokafka's keyword arguments."""
    words = kafka.connection()
    if "ssl_context" not in words:
        return {}
    from faststream.security import BaseSecurity, SASLScram512

    if "sasl_mechanism" in words:
        return {
            "security": SASLScram512(
                username=words["sasl_plain_username"], password=words["sasl_plain_password"],
                ssl_context=words["ssl_context"], use_ssl=True,
            )
        }  # fmt: skip
    return {"security": BaseSecurity(ssl_context=words["ssl_context"], use_ssl=True)}
