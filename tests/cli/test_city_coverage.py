"""`gewu city coverage`: who is there, where nobody is, and what is wrong with the ground, in words and as a picture."""

import json
from pathlib import Path
from xml.etree import ElementTree

from gewu.city.coverage_picture import _DEPUTY, _DOUBT, _NOBODY, _THERE
from tests.city.packages import collection, grid, grids, square, write
from tests.cli.running import Gewu

PEOPLE = "id,label_zh,label_en,department,deputy\nann,甲,Ann,water,\nbob,乙,Bob,desk,ann\n"
DUTIES = "grid,role,person,valid_from,valid_to\nsouth,worker,ann,,\nnorth,worker,bob,,\n"
ON = ("--on", "2026-11-24")


def away(*people: str) -> str:
    """These people are away on that day."""
    return "person,first,last\n" + "".join(f"{who},2026-11-24,2026-11-24\n" for who in people)


def fills(picture: Path) -> list[str]:
    """The colours of the grids, and of the marks."""
    tree = ElementTree.fromstring(picture.read_text())
    svg = "{http://www.w3.org/2000/svg}"
    grids_ = [path.get("fill", "") for path in tree.iter(f"{svg}path") if path.find(f"{svg}title") is not None]
    return sorted([*grids_, *(circle.get("stroke", "") for circle in tree.iter(f"{svg}circle"))])


def test_the_demo_city_has_somebody_everywhere(gewu: Gewu, demo: Path) -> None:
    ended = gewu("city", "coverage", "--city", demo, *ON, "--json")
    said = json.loads(ended.out)
    assert ended.code == 0 and (said["grids"], said["nobody"], said["doubts"]) == (204, [], [])
    assert len(said["deputies"]) == 8 and {who for (who,) in said["deputies"].values()} == {"worker-03b"}


def test_a_deputy_and_nobody_are_told_apart_in_words_and_colours(gewu: Gewu, tmp_path: Path) -> None:
    folder, picture = tmp_path / "city", tmp_path / "c.svg"
    folder.mkdir()
    for absent, code, wanted in (
        ((), 0, [_THERE, _THERE]), (("bob",), 0, [_DEPUTY, _THERE]), (("ann", "bob"), 1, [_NOBODY, _NOBODY]),
        (("ann",), 1, [_NOBODY, _THERE]),
    ):  # fmt: skip
        write(folder, people=PEOPLE, duties=DUTIES, absences=away(*absent))
        ended = gewu("city", "coverage", "--city", folder, *ON, "--picture", picture)
        assert ended.code == code and fills(picture) == sorted(wanted), absent
    assert "nobody 无人          1: south" in ended.out


def test_ground_with_two_grids_is_marked(gewu: Gewu, tmp_path: Path) -> None:
    over = collection([*grids(), grid("over", "top", 2, square(83.0005, 39.0015, 0.0008))])
    duties = f"{DUTIES}over,worker,bob,,\n"
    folder, picture = write(tmp_path, grids=over, people=PEOPLE, duties=duties), tmp_path / "c.svg"
    ended = gewu("city", "coverage", "--city", folder, *ON, "--picture", picture)
    assert ended.code == 1 and "overlap of" in ended.out and fills(picture).count(_DOUBT) == 1


def test_a_role_that_nobody_has_and_a_package_without_a_roster_are_told(gewu: Gewu, demo: Path, tmp_path: Path) -> None:
    ended = gewu("city", "coverage", "--city", demo, "--role", "pilot")
    assert ended.code == 2 and "it has chief, worker" in ended.err
    ended = gewu("city", "coverage", "--city", write(tmp_path))
    assert ended.code == 2 and "no duties.csv" in ended.err
    assert gewu("city", "coverage", "--city", demo, "--on", "24.11.2026").code == 2


def test_who_is_there_is_named_in_the_picture_only_where_that_is_asked_for(gewu: Gewu, tmp_path: Path) -> None:
    folder, picture = write(tmp_path, people=PEOPLE, duties=DUTIES), tmp_path / "c.svg"
    for names, named in (((), False), (("--names",), True)):
        gewu("city", "coverage", "--city", folder, *ON, "--picture", picture, *names)
        assert ("甲" in picture.read_text()) == named
