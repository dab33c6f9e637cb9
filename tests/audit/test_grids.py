"""The judge's own search for grids agrees with the services' index, and says so by another road."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import shapely

from gewu.audit.package import Package
from gewu.city import CityFaults, load
from tests.audit.world import opened
from tests.city import packages, tessellation


def searched(folder: Path, points: Iterable[tuple[float | None, float | None]]) -> list[str]:
    """The grids that the judge's own search finds."""
    return [wanted.grid for wanted in Package(folder).wanted([opened(lon, lat) for lon, lat in points])]


def test_the_search_agrees_with_the_index_on_random_points_and_corners(demo: Path) -> None:
    city = load(demo)
    assert Package(demo).version == city.version
    west, south, east, north = 82.99, 38.98, 83.06, 39.03
    random = np.random.default_rng(7)
    lons, lats = random.uniform(west, east, 20_000), random.uniform(south, north, 20_000)
    corners = np.concatenate([np.asarray(shape.exterior.coords) for shape in city.owners.shapes])
    lons, lats = np.r_[lons, corners[:, 0]], np.r_[lats, corners[:, 1]]
    found = searched(demo, zip(lons.tolist(), lats.tolist(), strict=True))
    indexed = [city.grids[i].id if i >= 0 else "" for i in city.locate(lons, lats)]
    assert found == indexed
    assert 0 < found.count("") < len(found)


def test_a_case_without_a_place_is_in_the_grid_that_the_package_names(demo: Path) -> None:
    assert searched(demo, [(None, None), (0.0, 0.0)]) == ["990101", ""]


def package(folder: Path, shapes: dict[str, shapely.Geometry]) -> Path:
    """A package whose leaves have these outlines."""
    leaves = [packages.grid(id_, "top", 2, shapely.geometry.mapping(shape)) for id_, shape in shapes.items()]
    grids = packages.collection([packages.grid("top", None, 1), *leaves])
    routing = "id,category,kind_of_place,grid,owner,department,note\nall,*,*,*,*,desk,\n"
    return packages.write(folder, grids=grids, routing=routing, places=None, objects=None)


def test_where_leaves_overlap_or_touch_the_smallest_owns_the_point_and_ties_go_by_id(tmp_path: Path) -> None:
    def box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
        return shapely.box(83 + west, 39 + south, 83 + east, 39 + north)

    shapes = {
        "d-large": box(0.0, 0.0, 0.010, 0.010),
        "z-small": box(0.002, 0.002, 0.004, 0.004),
        "b-beside": box(0.010, 0.0, 0.020, 0.010),
        "x-above": box(0.010, 0.010, 0.020, 0.020),  # nearer to the pole, so that it is smaller
    }
    points = {
        (1, 1): "d-large",
        (3, 3): "z-small",
        (4, 3): "z-small",
        (10, 5): "b-beside",
        (15, 10): "x-above",
        (21, 1): "",
    }
    found = searched(package(tmp_path, shapes), [(83 + x / 1000, 39 + y / 1000) for x, y in points])
    assert found == list(points.values())


def test_the_search_agrees_with_the_index_on_every_border_of_irregular_ground(tmp_path: Path) -> None:
    shapes = tessellation.tessellate(12, 15, 5)
    folder = package(tmp_path, dict(zip(tessellation.names(len(shapes)), shapes, strict=True)))
    city, spots = load(folder), np.unique(shapely.get_coordinates(shapes), axis=0)
    indexed = [city.grids[i].id for i in city.locate(spots[:, 0], spots[:, 1])]
    assert searched(folder, spots.tolist()) == indexed
    holding = sum(shapely.intersects_xy(shape, spots[:, 0], spots[:, 1]).astype(int) for shape in shapes)
    assert (holding > 1).sum() > 1000, "somebody had to choose"


def test_a_package_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CityFaults, match=r"city.toml: is missing"):
        Package(packages.write(tmp_path, city=None))
