"""lights.csv and [lights]: every situation has its light, and what is wrong with one is named by line."""

from pathlib import Path

import pytest

from gewu.city import load
from gewu.city.model import SITUATIONS, Shown
from tests.city.packages import TOML, faults, write

ROWS = {
    "done_in_time": "green,", "done_late": "yellow,explanation", "not_near": "none,", "near": "yellow,", "overdue": "red,",
    "stuck": "red,check|explanation",
}  # fmt: skip


def lights(**changed: str | None) -> str:
    """The file, with these rows changed or left out."""
    rows = {**ROWS, **changed}
    return "situation,light,follows\n" + "".join(f"{s},{said}\n" for s, said in rows.items() if said is not None)


def policy(said: str) -> str:
    """city.toml with this line under [lights]."""
    return f"{TOML}\n[lights]\n{said}\n"


def test_a_package_says_which_light_each_situation_has(tmp_path: Path) -> None:
    toml = policy("near = 0.5\nstuck_after_h = 12.5\nstuck_returns = 3")
    found = load(write(tmp_path, lights=lights(), city=toml)).lights
    assert found and (found.near, found.stuck_after_h, found.stuck_returns) == (0.5, 12.5, 3)
    assert found.shown["stuck"] == Shown("red", ("check", "explanation")) and found.shown["not_near"] == Shown("none")
    assert set(found.shown) == set(SITUATIONS)


def test_without_a_word_near_is_four_fifths_and_nothing_is_ever_stuck(tmp_path: Path) -> None:
    found = load(write(tmp_path, lights=lights())).lights
    assert found and (found.near, found.stuck_after_h, found.stuck_returns) == (0.8, 0, 0)


def test_a_package_without_the_file_has_no_lights(tmp_path: Path) -> None:
    assert load(write(tmp_path)).lights is None


@pytest.mark.parametrize("left_out", SITUATIONS)
def test_a_situation_without_a_light_is_refused(tmp_path: Path, left_out: str) -> None:
    assert faults(tmp_path, lights=lights(**{left_out: None})) == [
        f"lights.csv:1: situation {left_out!r} has no row: the package must say which light it has"
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"near": "amber,"}, "lights.csv:5: light 'amber' is none of green yellow red none"),
        ({"stuck": "red,check|shame"}, "lights.csv:7: follows 'shame' is none of check explanation dossier"),
        (
            {"late": "red,"},
            "lights.csv:8: situation 'late' is none of done_in_time done_late not_near near overdue stuck",
        ),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, changed: dict[str, str], expected: str) -> None:
    assert expected in faults(tmp_path, lights=lights(**changed))


def test_a_situation_that_stands_twice_is_named(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, lights=lights() + "near,red,\n")
    assert fault == "lights.csv:8: situation 'near' is already on line 5"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("near = 1", "near 1 must be a share between 0 and 1"), ('near = "80%"', "near '80%' must be a share"),
        ("near = 0", "near 0 must be a share"), ("stuck_after_h = -1", "stuck_after_h -1 must be a number from 0"),
        ("stuck_returns = 1.5", "stuck_returns 1.5 must be a whole number from 0"),
        ("stuck_after_h = inf", "stuck_after_h inf must be a number"), ("stuck_after_h = nan", "stuck_after_h nan must be"),
        ("stuck_returns = true", "stuck_returns True must be a whole number"), ("far = 1", "key 'far' is unknown here"),
    ],
)  # fmt: skip
def test_a_wrong_policy_is_named_with_its_line(tmp_path: Path, said: str, expected: str) -> None:
    (fault,) = faults(tmp_path, lights=lights(), city=policy(said))
    assert fault.startswith(f"city.toml:16: {expected}")


def test_a_policy_without_lights_is_refused(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path, city=policy("near = 0.5"))
    assert fault.startswith("city.toml:15: [lights] says when, and lights.csv, which is missing,")
