"""One car is one car, whatever pictures are dropped: on plates that were found and read of two made-up scenes."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from gewu_video.reading.reader import KEEP, Reading
from gewu_video.seeing.passing import Passing, Spot, Told
from tests.video.record import FILE, RATE

SCENES = json.loads(Path(FILE).read_text())
CARS = ["皖A195K9", "皖AG2R28"]
Pictures = list[tuple[float, list[list]]]


def scene(name: str) -> Pictures:
    """Its pictures, each with its time."""
    return [(n / RATE, spots) for n, spots in enumerate(SCENES[name])]


def spots(rows: list[list]) -> Iterator[Spot]:
    """Of one picture."""
    for x, y, width, text, confidence in rows:
        yield Spot((x, y), width, lambda text=text, confidence=confidence: Reading(text, confidence))


def told(pictures: Iterable[tuple[float, list[list]]]) -> list[Told]:
    """What is decided of them, the end included."""
    passing = Passing()
    return [one for at, rows in pictures for one in passing.see(list(spots(rows)), at)] + passing.end()


def left(pictures: Pictures) -> Iterator[tuple[str, Pictures]]:
    """What is left of them where every nth is dropped, and where only every nth is not, from each start."""
    for n in (2, 3, 4, 5):
        for start in range(n):
            yield f"without {n}, {start}", [p for k, p in enumerate(pictures) if k % n != start]
            yield f"only {n}, {start}", [p for k, p in enumerate(pictures) if k % n == start]


@pytest.mark.parametrize("name", SCENES)
def test_two_cars_are_two_and_no_picture_that_is_dropped_makes_more(name: str) -> None:
    assert sorted(one.reading.text for one in told(scene(name))) == CARS
    whole = 0
    for what, pictures in left(scene(name)):
        # Who was read well in no picture that is left cannot be told.
        readable = sorted({r[3] for _, rows in pictures for r in rows if r[4] >= KEEP})
        assert sorted(one.reading.text for one in told(pictures)) == readable, what
        whole += readable == CARS
    assert whole >= 25, "of 28 ways to drop pictures"


def test_the_scene_asks_for_it_cars_are_further_than_a_plate_and_some_are_read_wrong() -> None:
    rows = [spots for _, spots in scene("driving")]
    assert any(len(r) == 2 for r in rows) and any(r[3] not in CARS for row in rows for r in row)
    ways = [abs(b[0][0] - a[0][0]) for a, b in itertools.pairwise(rows) if len(a) == len(b) == 1]
    assert min(ways) > 1.1 * max(r[2] for row in rows for r in row)


def test_pictures_that_nobody_looked_at_say_nothing_of_who_is_gone() -> None:
    standing = [["皖A12345", 0.99]] * 4
    times = (0.0, 4.0, 8.0, 12.0)  # a machine that looks at a picture in four seconds
    found = told((at, [[300, 500, 170.0, *what]]) for at, what in zip(times, standing, strict=True))
    assert [one.reading.text for one in found] == ["皖A12345"]


def test_another_car_at_the_same_place_is_another_one_however_few_pictures_lie_between() -> None:
    seen = [(0.0, "皖A12345"), (0.25, "皖A12345"), (1.5, "皖B98765"), (1.75, "皖B98765")]
    found = told((at, [[300, 500, 170.0, text, 0.99]]) for at, text in seen)
    assert sorted(one.reading.text for one in found) == ["皖A12345", "皖B98765"]


def test_two_plates_of_a_fleet_in_one_picture_are_two_cars_and_one_place_misread_is_none() -> None:
    both = [[100, 500, 80.0, "皖A12345", 0.99], [700, 500, 80.0, "皖A12346", 0.99]]
    assert len(told((n / RATE, both) for n in range(8))) == 2
    misread = [[[100 + 150 * n, 500, 80.0, "皖A12345" if n != 3 else "皖A12B45", 0.9]] for n in range(7)]
    assert [one.reading.text for one in told((n / RATE, rows) for n, rows in enumerate(misread))] == ["皖A12345"]


def test_a_car_that_stays_is_counted_once_and_told_again_each_minute() -> None:
    stays = told((n / RATE, [[300, 500, 170.0, "皖A12345", 0.99]]) for n in range(150 * RATE))
    assert [one.is_first for one in stays] == [True, False, False]


def test_who_was_told_and_did_not_move_is_not_read_again() -> None:
    passing, read = Passing(), []

    def reading() -> Reading:
        read.append(1)
        return Reading("皖A12345", 0.99)

    for n in range(40):
        passing.see([Spot((300, 500), 170.0, reading)], n / RATE)
    assert len(read) == 5
