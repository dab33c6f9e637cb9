"""What a light asks of the tables, and `gewu lights preview` over them."""

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gewu import ids
from gewu.clock import HOUR
from gewu.runtime import postgres
from gewu.runtime.settings import Postgres
from gewu_dispatch.domain.action import Kind
from gewu_dispatch.domain.light import Spell
from gewu_dispatch.store import spells
from tests.cli.running import Gewu, env_file
from tests.dispatch.conftest import Desk
from tests.support.building import FALLBACK, HERE, NOW_US, a_signal, an_action, moved

COVER = "component:01001"


Asked = Callable[[str], Awaitable[Spell]]


@pytest.fixture
async def spell(database: Postgres) -> AsyncIterator[Asked]:
    """What the API would hear of a case, over connections like its own."""
    pool = await postgres.pool(database, schema="dispatch", size=1, name="t")

    async def asked(case_id: str) -> Spell:
        return (await spells.of(postgres.Reader(pool), [case_id]))[case_id]

    yield asked
    await pool.close()


async def test_a_case_that_is_open_has_begun_and_not_ended(desk: Desk, spell: Asked) -> None:
    signal = a_signal(said="water manhole", received_at=NOW_US - HOUR)
    await desk.take(signal)
    assert await spell(ids.case_id(signal.signal_id)) == Spell(COVER, NOW_US - HOUR, NOW_US + HOUR, None)


async def test_a_case_without_a_limit_begins_when_it_is_opened(desk: Desk, spell: Asked) -> None:
    signal = a_signal(said="nobody knows this word")
    await desk.take(signal)
    assert await spell(ids.case_id(signal.signal_id)) == Spell("unknown", NOW_US, None, None)


async def test_returns_are_counted_and_work_that_is_done_has_ended(desk: Desk, spell: Asked) -> None:
    signal = a_signal(said="water manhole")
    await desk.take(signal)
    case_id = ids.case_id(signal.signal_id)
    await desk.act(an_action(case_id, Kind.RETURN, department="water", note="not ours"))
    assert (await spell(case_id)).returns == 1
    desk.clock.at += HOUR
    await desk.act(an_action(case_id, Kind.ACCEPT, department=FALLBACK))
    assert (await spell(case_id)).ended is None
    desk.clock.at += 3 * HOUR
    await desk.act(an_action(case_id, Kind.DONE, department=FALLBACK))
    desk.clock.at += 5 * HOUR
    assert await spell(case_id) == Spell(COVER, NOW_US, NOW_US + 2 * HOUR, NOW_US + 4 * HOUR, 1)


async def test_nothing_is_asked_for_no_case(desk: Desk) -> None:
    assert await spells.of(postgres.Reader(desk.pool), []) == {}


@pytest.fixture
def preview(capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Postgres, demo: Path) -> Gewu:
    """`gewu lights preview` over this test's database; the desk's clock stands still, ours does not."""
    words = ("--env-file", str(env_file(tmp_path, postgres=database, CITY=demo)), "lights", "preview", "--days", "3650")
    return Gewu(capsys, words)


async def test_a_preview_names_the_cases_whose_light_another_package_would_change(
    desk: Desk, preview: Gewu, demo: Path, tmp_path: Path
) -> None:
    late, done = a_signal(said="water manhole"), a_signal(moved(*HERE, 300), said="water manhole")
    drill = a_signal(moved(*HERE, 600), said="water manhole", exercise=True)
    await desk.take(late, done, drill)
    done_id = ids.case_id(done.signal_id)
    await desk.act(
        an_action(done_id, Kind.ACCEPT, department="water"), an_action(done_id, Kind.DONE, department="water")
    )
    other = shutil.copytree(demo, tmp_path / "other")
    (other / "lights.csv").write_text(
        (other / "lights.csv").read_text().replace("done_in_time,green,", "done_in_time,none,")
    )
    alone = await preview.there("--json")
    assert alone.code == 0 and json.loads(alone.out) == {
        "cases": 2,
        "lights": [
            {"light": "red", "situation": "stuck", "cases": 1}, {"light": "green", "situation": "done_in_time", "cases": 1},
        ],
    }  # fmt: skip
    said = json.loads((ended := await preview.there("--against", other, "--json")).out)
    assert ended.code == 1 and said["differ"] == [
        {
            "case": done_id, "class": COVER, "is": {"light": "green", "situation": "done_in_time", "follows": []},
            "would_be": {"light": "none", "situation": "done_in_time", "follows": []},
        }
    ]  # fmt: skip
    ended = await preview.there("--against", other)
    assert "1 of 2 cases would have another light" in ended.out and done_id in ended.out
    assert (await preview.there("--against", demo)).code == 0


async def test_a_package_without_lights_is_told_so(desk: Desk, preview: Gewu, demo: Path, tmp_path: Path) -> None:
    other = shutil.copytree(demo, tmp_path / "other")
    (other / "lights.csv").unlink()
    toml = (other / "city.toml").read_text()
    (other / "city.toml").write_text(toml[: toml.index("[lights]")])
    ended = await preview.there("--against", other)
    assert ended.code == 2 and "no lights.csv" in ended.err
