"""Small floods and backlogs; `python -m tests.overload` has the large ones, with times."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka
from tests.overload.backlog import overtake
from tests.overload.flood import MEMORY_MIB, flood


@pytest.fixture(scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Stack]:
    """A Gewu of its own: thousands of reports all over the city would be joined by what other tests report."""
    async with Stack(tmp_path_factory.mktemp("crowd"), demo, kafka_settings=QUICK_RETURN) as stack:
        yield stack


async def test_a_fire_overtakes_a_backlog_of_ordinary_reports(crowd: Stack) -> None:
    settings = Kafka(crowd.kafka.bootstrap, None, None, None, 1, 1, "")
    found = await overtake(crowd, settings, crowd.report_key, 20_000)
    assert found.waiting > 1000, "the fire reached its department while ordinary reports still waited"


async def test_a_bound_is_kept_under_ten_times_as_much_and_what_saves_lives_is_taken(
    crowd: Stack, tmp_path: Path
) -> None:
    found = await flood(crowd, tmp_path, "key:replay", crowd.report_key, bound=300, offered=3000, seconds=5.0)
    assert 0.9 * 300 <= found.goodput <= 1.3 * 300, "the bound, a burst and p0 beside it"
    assert found.refused > 5 * 300 and found.urgent_refused == 0
    assert found.memory < MEMORY_MIB
    assert found.share_after == 1.0, "four fifths of the bound, two seconds later"
