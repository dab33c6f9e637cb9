"""Small floods and backlogs; `python -m tests.overload` has the large ones, with times."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gewu.dev.stack import Stack
from gewu.runtime import keys
from gewu.runtime.settings import Kafka
from tests.api.conftest import new_key, reporter
from tests.overload.backlog import overtake
from tests.overload.flood import MEMORY_MIB, flood

__all__ = ["new_key", "reporter"]


async def test_a_bound_is_kept_under_ten_times_as_much_and_what_saves_lives_is_taken(
    stack: Stack, new_key: Callable[..., Any], tmp_path: Path
) -> None:
    secret = await new_key("report")
    source = next(k.id for k in keys.read(stack.data / "secrets" / "keys.json") if k.sha256 == keys.digest(secret))
    found = await flood(stack, tmp_path, f"key:{source}", secret, bound=300, offered=3000, seconds=5.0)
    assert 0.9 * 300 <= found.goodput <= 1.3 * 300, "the bound, a burst and p0 beside it"
    assert found.refused > 5 * 300 and found.urgent_refused == 0
    assert found.memory < MEMORY_MIB
    assert found.share_after == 1.0, "a tenth of the bound, two seconds later"


async def test_a_fire_overtakes_a_backlog_of_ordinary_reports(stack: Stack, reporter: str) -> None:
    settings = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    found = await overtake(stack, settings, reporter, 6000)
    assert found.waiting > 1000, "the fire reached its department while ordinary reports still waited"
