"""A ground for notify: the run's Kafka, a database of the test's own, a tiny city."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gewu.runtime.settings import Kafka, Postgres
from tests.notify.world import City, Ground


@pytest.fixture
async def ground(kafka: Kafka, database: Postgres, tmp_path: Path) -> AsyncIterator[Ground]:
    """Nothing runs on it yet."""
    made = Ground(kafka, database, City(tmp_path), tmp_path)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
