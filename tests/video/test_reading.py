"""Plates are read in their grammar: against brute force, and against photographs where they are there."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.city.plate import FORMS, is_plate
from gewu.vision.models import known
from gewu_video.reading import grammar
from gewu_video.reading.grammar import BLANK, CHARACTERS, Alphabet
from gewu_video.reading.reader import Reading, characters
from gewu_video.reading.votes import vote
from tests.plates.__main__ import BAD, GOOD
from tests.support.wheels import wheel
from tests.video import plates

FORM = ("皖苏", "A0", "A0B")
_SMALL = "皖苏A0B"


def column(character: str) -> int:
    """Where a character stands."""
    return CHARACTERS.index(character) + 1


@st.composite
def lattices(draw: st.DrawFn) -> np.ndarray:
    """Logarithms of a few steps over a handful of characters; everything else is next to impossible."""
    steps = draw(st.integers(3, 6))
    small = [BLANK, *map(column, _SMALL)]
    raw = draw(st.lists(st.lists(st.integers(1, 1000), min_size=6, max_size=6), min_size=steps, max_size=steps))
    log = np.full((steps, len(CHARACTERS) + 1), -50.0)
    log[:, small] = np.log(np.array(raw) / np.sum(raw, axis=1, keepdims=True))
    return log


def by_force(log: np.ndarray) -> tuple[str, float]:
    """Every path of every length, spelled as CTC spells."""
    best = ("", -np.inf)
    for path in product("-" + _SMALL, repeat=len(log)):
        text = "".join(c for n, c in enumerate(path) if c != "-" and (n == 0 or path[n - 1] != c))
        if len(text) == len(FORM) and all(c in place for c, place in zip(text, FORM, strict=True)):
            log_p = sum(log[t, BLANK if c == "-" else column(c)] for t, c in enumerate(path))
            best = max(best, (text, log_p), key=lambda found: found[1])
    return best


@settings(max_examples=25, deadline=None)
@given(lattices())
def test_the_best_path_is_the_one_that_brute_force_finds(log: np.ndarray) -> None:
    found = grammar.best(log, FORM)
    text, log_p = by_force(log)
    assert found.log_p == pytest.approx(log_p) and len(found.text) == len(FORM)
    # Two texts may be equally likely; what was spelled has the probability that it claims.
    assert grammar.best(log, tuple(found.text)).log_p == pytest.approx(log_p) and text


def test_too_few_steps_spell_nothing() -> None:
    assert grammar.best(np.zeros((2, len(CHARACTERS) + 1)), FORM).text == ""


def written(text: str, *, listed: list[str]) -> np.ndarray:
    """Probabilities of a reader that is sure of these characters, with blanks between."""
    rows = []
    for c in text:
        for n in (listed.index(c) + 1, 0):
            row = np.full(len(listed) + 1, 0.001, np.float32)
            row[n] = 1.0
            rows.append(row)
    return np.array(rows)


LISTED = [*"皖苏AID0123456789OB学", "·", " ", "的"]


@pytest.mark.parametrize(
    ("seen", "plate"),
    [("皖A·O124", ""), ("皖A·O1234", "皖A01234"), ("皖O12345", "皖O12345"), ("皖AI2345", "皖A12345"), ("皖A1234学", "皖A1234学"),
     ("皖AD12345", "皖AD12345"), ("皖A12345D", "皖A12345D"), ("皖AO12I5", "皖A01215")],
)  # fmt: skip
def test_a_reader_that_says_o_for_nought_and_i_for_one_is_understood(seen: str, plate: str) -> None:
    found = grammar.spell(Alphabet(LISTED).log(written(seen, listed=LISTED)))
    if plate:
        assert found.text == plate and found.confidence > 0.9
    else:
        assert found.confidence < 0.7, "six characters are no plate"


def test_whatever_is_spelled_is_a_plate() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        log = np.log(rng.dirichlet(np.ones(len(CHARACTERS) + 1), 20))
        for form in FORMS:
            assert is_plate(grammar.best(log, form).text)


def test_a_green_ground_prefers_eight_places_without_forcing_them() -> None:
    sure = Alphabet(LISTED).log(written("皖A12345", listed=LISTED))
    assert grammar.spell(sure, green=True).text == "皖A12345"


def test_lists_of_classes_with_and_without_their_blank_are_told_apart() -> None:
    assert characters(["blank", "A", "B"], 3) == ["A", "B"]
    assert characters(["A", "B"], 4) == ["A", "B", " "]


def test_pictures_vote_place_by_place() -> None:
    said = [Reading("皖A12345", 0.9), Reading("皖A12845", 0.8), Reading("皖A12345", 0.7), Reading("皖A1234", 0.2)]
    found = vote(said)
    assert found.text == "皖A12345" and found.confidence == pytest.approx(0.9 * 1.6 / 2.4)
    assert vote([Reading("皖A12345", 0.9)]) == Reading("皖A12345", 0.9)
    with pytest.raises(ValueError):
        vote([])


def test_votes_that_make_no_plate_fall_back_on_the_surest() -> None:
    # Place by place 皖AD12345 and 皖A12345D would give something with two letters.
    said = [Reading("皖AD12345", 0.8), Reading("皖A12345D", 0.9), Reading("皖AD1234D", 0.85)]
    assert is_plate(vote(said[:2]).text) and vote(said).confidence <= 0.9


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
def test_labelled_plates_are_read_as_well_as_they_must_be() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.plates", "--models", plates.models()], capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["by_colour"]["blue"]["exact_rate"] >= 0.97 and said["by_colour"]["blue"]["crops"] > 300
    assert said["frames"] == said["found"] == 7 and said["false_plates"] == 0


def test_the_wheel_that_is_tried_is_the_one_that_the_extra_brings() -> None:
    root = Path(__file__).parents[2]
    extras = tomllib.loads((root / "services/video/pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["read"] == [(root / "requirements/read.txt").read_text().splitlines()[-1].split()[0]]


@pytest.mark.skipif(not plates.are_there(), reason=plates.NEEDS)
@pytest.mark.parametrize(("by_hand", "is_enough"), [("", False), ("plate_read_ppocrv6s", True)])
def test_the_extra_reads_well_enough_with_the_second_reader_only(tmp_path: Path, by_hand: str, is_enough: bool) -> None:
    """As `gewu models fetch` and `pip install 'gewu-video[read]'` leave it, without and with what is published nowhere.

    The package lies where Python finds it; only its model is used.
    """
    models, packages = tmp_path / "models", tmp_path / "packages"
    models.mkdir()
    for model in known().values():
        if model.url or model.name == by_hand:
            (models / model.file).symlink_to(Path(plates.models()) / model.file)
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    command = [sys.executable, "-m", "tests.plates", "--models", str(models)]
    place = {"capture_output": True, "text": True, "cwd": Path(__file__).parents[2], "env": environment}
    lacks = subprocess.run(command, **place)
    assert lacks.returncode != 0 and "pip install 'gewu-video[read]'" in lacks.stderr + lacks.stdout
    zipfile.ZipFile(wheel("read", "nobody sees whether its reader reads")).extractall(packages)
    done = subprocess.run(command, **place)
    assert done.returncode == (GOOD if is_enough else BAD), done.stderr
    assert "read by plate_read_rapidocr" in done.stdout
    blue = json.loads(done.stdout.splitlines()[-1])["by_colour"]["blue"]
    assert (blue["exact_rate"] >= 0.97) is is_enough and blue["exact_rate"] > 0.96 and blue["crops"] > 300
    readme = (Path(__file__).parents[2] / "services/video/README.md").read_text()
    assert f"{blue['exact_rate']:.1%}".replace("%", " %") in readme, "and it says so"


def test_a_folder_that_cannot_be_judged_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.plates", "--data", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 2 and "labels.csv cannot be read" in done.stderr
