"""The log as a stranger reads it."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient

from gewu.audit import log
from gewu.runtime.settings import Kafka
from tests.conftest import make_topics


async def test_the_ends_of_many_topics_are_found_at_once(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [made.name for _ in range(6) for made in await make_topics(kafka, 1)]
    asked, ask = [], AIOKafkaClient.force_metadata_update

    def counted(client: AIOKafkaClient) -> Any:
        asked.append(client)
        return ask(client)

    monkeypatch.setattr(AIOKafkaClient, "force_metadata_update", counted)
    async with log.connected(kafka) as logs:
        asked.clear()
        ends = await logs.ends(logs.places(names))
        assert ends == {TopicPartition(name, 0): 0 for name in names} and len(asked) <= 2
