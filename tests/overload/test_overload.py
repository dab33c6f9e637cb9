"""Small floods and backlogs; `python -m tests.overload` has the large ones, with times."""

from argparse import Namespace
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gewu.dev.kafka_files import QUICK_RETURN
from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka
from tests.overload import page
from tests.overload.backlog import Overtook, overtake
from tests.overload.bounds import bounds
from tests.overload.flood import MEMORY_MIB, Fared, flood


@pytest.fixture(scope="module")
async def crowd(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> AsyncIterator[Stack]:
    """A Gewu of its own: thousands of reports all over the city would be joined by what other tests report."""
    async with Stack(tmp_path_factory.mktemp("crowd"), demo, kafka_settings=QUICK_RETURN) as stack:
        yield stack


async def test_a_fire_overtakes_a_backlog_of_ordinary_reports(crowd: Stack) -> None:
    settings = Kafka(crowd.kafka.bootstrap, None, None, None, 1, 1, "")
    found = await overtake(crowd, settings, crowd.report_key, 50_000)
    assert found.waiting > found.behind / 4, "most of them still waited when the first fire was at its department"
    assert found.seconds < 10


async def test_a_bound_is_kept_under_ten_times_as_much_and_what_saves_lives_is_taken(
    crowd: Stack, tmp_path: Path
) -> None:
    found = await flood(crowd, tmp_path, "key:replay", crowd.report_key, bound=300, offered=3000, seconds=5.0, warm=4.0)
    assert 0.9 * 300 <= found.goodput <= 1.3 * 300, "the bound, a burst and p0 beside it"
    assert found.refused > 5 * 300 and found.urgent_refused == 0
    assert found.memory < MEMORY_MIB
    # How quick they are is measured by `make overload`, with a machine of its own; here only a stall would show.
    assert max(found.refusals_p99, found.p99_after) < 2.0
    assert found.share_after == 1.0, "four fifths of the bound, two seconds later"


def test_a_fire_that_was_quick_because_nothing_waited_any_more_misses_its_bound() -> None:
    fared = Fared(2000.0, 1, 0.001, 0.001, 0, 80.0, 1.0, 0.001)
    quick = Overtook(fires=3, seconds=0.2, median=0.1, behind=20_000, waiting=0, overtook=0)
    found = bounds(fared, quick, 2000)
    assert [bound.measured for bound in found if not bound.held] == ["0 of 20,000"]
    words = Namespace(bound=2000, offered=20_000, seconds=20.0, warm=40.0, waiting=20_000)
    text = page.text(words, fared, quick, found)
    assert text.count("**missed**") == 1 and "Of 3 fires 0 were heard of" in text
