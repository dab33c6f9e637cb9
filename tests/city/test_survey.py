"""Gaps and overlaps of the ground are named with place, area and the grids concerned."""

from pathlib import Path

import pytest

from gewu.city import load
from gewu.city.check import Finding, survey

from .packages import OBJECTS, collection, grid, grids, place, square, write


def found(folder: Path, **changed: str) -> list[Finding]:
    return survey(load(write(folder, **changed)))


def test_ground_that_fits_together_gives_no_finding(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_an_overlap_is_named_with_its_area_and_both_ids(tmp_path: Path) -> None:
    more = [*grids(), grid("over", "top", 2, square(83.0005, 39.0015, 0.0008))]
    (overlap,) = found(tmp_path, grids=collection(more))
    assert (overlap.kind, overlap.between) == ("overlap", ("north", "over"))
    # 0.0005 x 0.0005 degrees at 39 north: 43.27 m x 55.51 m.
    assert overlap.area_m2 == pytest.approx(2402, rel=0.002)
    assert 83.0005 < overlap.lon < 83.001 and 39.0015 < overlap.lat < 39.002
    assert "the smaller grid owns it" in str(overlap)


def test_a_hole_between_grids_is_named_with_its_neighbours_and_an_island_in_it_is_not_counted(tmp_path: Path) -> None:
    around = [
        grid(f"r{i}{j}", "top", 2, square(83.0 + i * 0.001, 39.0 + j * 0.001))
        for i in range(3)
        for j in range(3)
        if (i, j) != (1, 1)
    ]
    island = grid("island", "top", 2, square(83.0012, 39.0012, 0.0002))
    features = [grid("top", None, 1), grid("south", "top", 2, square(83.0, 38.999)), *around, island]
    rules = "id,category,kind_of_place,grid,owner,department,note\nall,*,*,*,*,desk,\n"
    (gap,) = found(tmp_path, grids=collection(features), routing=rules)
    assert gap.kind == "gap" and "island" in gap.between and "r01" in gap.between and "south" not in gap.between
    # 0.001 x 0.001 less 0.0002 x 0.0002 degrees.
    assert gap.area_m2 == pytest.approx(86.54 * 111.02 * 0.96, rel=0.002)
    assert "points in it have no grid" in str(gap)


def test_less_than_a_square_metre_is_no_finding(tmp_path: Path) -> None:
    more = [*grids(), grid("over", "top", 2, square(83.001, 39.0))]
    more[-1]["geometry"]["coordinates"][0][0][0] -= 1e-9
    more[-1]["geometry"]["coordinates"][0][-1][0] -= 1e-9
    assert found(tmp_path, grids=collection(more)) == []


def test_an_outline_that_its_leaves_do_not_fill_is_named(tmp_path: Path) -> None:
    features = grids()
    features[0]["geometry"] = square(83.0, 39.0, 0.002)
    (rest,) = found(tmp_path, grids=collection(features))
    assert (rest.kind, rest.between) == ("uncovered", ("top",))
    assert rest.area_m2 == pytest.approx(2 * 86.54 * 111.02, rel=0.002)


def test_objects_and_places_outside_every_grid_are_named(tmp_path: Path) -> None:
    places = [place("s1", "school", square(83.0002, 39.0002, 0.0004)), place("p1", "park", square(84.0, 39.0))]
    strays = found(
        tmp_path,
        objects=OBJECTS + "T2,component:01001,83.5,39.5,water,water\n",
        places=collection(places),
    )
    assert [(stray.kind, stray.between) for stray in strays] == [("stray", ("object T2",)), ("stray", ("place p1",))]
    assert str(strays[0]) == "object T2 is in no grid, at 83.500000 39.500000"
