"""`gewu routing dry-run`: past cases under other rules, from real tables."""

import json
import shutil
from pathlib import Path

import pytest

from gewu import ids
from gewu.runtime.settings import Postgres
from tests.cli.running import Gewu, env_file
from tests.dispatch.conftest import Desk
from tests.support.building import HERE, a_signal, moved

_AGES = ("--days", 3650)  # the desk's clock stands still, ours does not


@pytest.fixture
def gewu(capsys: pytest.CaptureFixture[str], tmp_path: Path, database: Postgres) -> Gewu:
    """`gewu routing dry-run` over this test's database."""
    return Gewu(capsys, ("--env-file", str(env_file(tmp_path, postgres=database)), "routing", "dry-run"))


@pytest.fixture
def other(demo: Path, tmp_path: Path) -> Path:
    """The demo city, in which the power company has the water covers."""
    folder = shutil.copytree(demo, tmp_path / "other")
    rules = folder / "routing.csv"
    rules.write_text(
        rules.read_text().replace(
            "cover-water,component:01001,*,*,*,water,", "cover-water,component:01001,*,*,*,power,"
        )
    )
    return folder


async def test_only_what_the_other_rules_would_send_elsewhere_is_told(gewu: Gewu, desk: Desk, other: Path) -> None:
    cover, sewer = a_signal(said="water manhole"), a_signal(moved(*HERE, 200), said="sewer manhole")
    again = a_signal(said="water manhole")  # joins: no case of its own
    drill = a_signal(moved(*HERE, 400), said="water manhole", exercise=True)
    await desk.take(cover, sewer, again, drill)
    ended = await gewu.there(other, *_AGES, "--json")
    said = json.loads(ended.out)
    assert ended.code == 1 and (said["cases"], said["elsewhere"]) == (2, 1)
    (one,) = said["moved"]
    assert one["case"] == ids.case_id(cover.signal_id)
    assert one["was"] == {"department": "water", "because": "rule", "rule": "cover-water"}
    assert one["would"] == {"department": "power", "because": "rule", "rule": "cover-water"}
    assert "cover-water" not in said["idle_rules"] and "gas-leak" in said["idle_rules"]


async def test_the_same_rules_change_nothing(gewu: Gewu, desk: Desk, demo: Path) -> None:
    await desk.take(a_signal(said="water manhole"), a_signal(None, said="nobody knows this word"))
    ended = await gewu.there(demo, *_AGES)
    assert ended.code == 0 and "2 cases" in ended.out and "0 would go elsewhere" in ended.out


async def test_a_person_sees_from_whom_to_whom(gewu: Gewu, desk: Desk, other: Path) -> None:
    await desk.take(*(a_signal(moved(*HERE, 200 * n), said="water manhole") for n in range(4)))
    ended = await gewu.there(other, *_AGES)
    assert ended.code == 1 and "4 would go elsewhere (100.0%)" in ended.out
    (row,) = [line.split() for line in ended.out.splitlines() if line.startswith("water")]
    assert row == ["water", "power", "component:01001", "cover-water", "4"]


async def test_what_no_case_was_opened_by_in_these_days_is_left_out(gewu: Gewu, desk: Desk, other: Path) -> None:
    await desk.take(a_signal(said="water manhole"))
    ended = await gewu.there(other, "--days", 1, "--json")
    assert ended.code == 0 and json.loads(ended.out)["cases"] == 0


async def test_a_package_with_faults_is_sent_to_its_check(gewu: Gewu, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = await gewu.there(tmp_path / "empty")
    assert ended.code == 2 and "gewu city check" in ended.err
    assert (await gewu.there(tmp_path / "none")).code == 2
