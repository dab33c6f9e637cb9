"""The package: of made-up polygons always, of the city's own where the shared folder is there."""

import json
from pathlib import Path
from typing import Any

import pytest

from gewu.city import City, load
from tests.la311 import package, tables
from tests.la311.ground import Ground, Why

SHARED = Path(__file__).resolve().parents[3] / "shared" / "eval" / "la311"


def square(west: float, south: float, side: float) -> list[list[float]]:
    """A ring."""
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def write(file: Path, rings: dict[str, list[list[float]]]) -> Path:
    """Polygons in the form of the city's file."""
    features: list[dict[str, Any]] = [
        {
            "type": "Feature",
            "properties": {"grid": grid, "name": f"GRID {grid} NC", "region": "REGION 1 - NORTH"},
            "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
        }
        for grid, ring in rings.items()
    ]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    return file


@pytest.fixture
def small(tmp_path: Path) -> City:
    """Grid 2 lies within grid 1; grid 3 is a neighbour of 1."""
    rings = {"1": square(0, 0, 0.1), "2": square(0.04, 0.04, 0.02), "3": square(0.1, 0, 0.1)}
    assert package.build(write(tmp_path / "grids.geojson", rings), tmp_path / "city") == []
    return load(tmp_path / "city")


def test_the_smallest_of_overlapping_grids_owns_the_point(small: City) -> None:
    found = small.locate([0.05, 0.01, 0.15, 0.3], [0.05, 0.01, 0.05, 0.3])
    assert [small.grids[i].id if i >= 0 else None for i in found] == ["2", "1", "3", None]
    assert small.grid("2").path == ("region-1-north", "2")


def test_why_a_grid_differs(small: City) -> None:
    ground = Ground(small)
    assert ground.why(0.05, 0.05, "1") is Why.OVERLAP
    assert ground.why(0.0999, 0.05, "3") is Why.BORDER
    assert ground.why(0.05, 0.01, "3") is Why.ELSEWHERE
    assert ground.why(0.5, 0.5, "3") is Why.OUTSIDE
    assert ground.why(0.05, 0.05, "99") is Why.NO_POLYGON
    assert ground.why(0.05, 0.05, "2") is Why.NOT_TAKEN


def test_a_crossed_outline_is_repaired_and_named(tmp_path: Path) -> None:
    bow = [[0.0, 0.0], [0.1, 0.1], [0.1, 0.0], [0.0, 0.1], [0.0, 0.0]]
    said = package.build(write(tmp_path / "grids.geojson", {"7": bow}), tmp_path / "city")
    assert len(said) == 1
    assert said[0].startswith("grid 7 (GRID 7 NC): Self-intersection")
    city = load(tmp_path / "city")
    assert city.locate([0.01, 0.05], [0.05, 0.01])[0] >= 0


def test_every_category_of_the_table_has_its_department_and_no_other_has_one(small: City) -> None:
    by_key = {rule.category: rule.department for rule in small.rules}
    for row in tables.categories():
        found = small.category(row.category)
        assert found is not None
        assert by_key[found.key] == row.department
    assert small.category("Pothole") is None
    assert small.fallback.id == package.FALLBACK
    assert not small.anonymous_reports
    assert small.no_position_grid is None


def test_the_citys_own_polygons(tmp_path: Path) -> None:
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: the city's polygons are not part of this project")
    package.build(SHARED / "grids.geojson", tmp_path)
    city = load(tmp_path)
    assert sum(grid.level == 2 for grid in city.grids) == 99
    assert sum(grid.level == 1 for grid in city.grids) == 12
    assert str(city.timezone) == "America/Los_Angeles"
    assert city.locate([-118.2427], [34.0537])[0] >= 0  # City Hall
