"""The owner grid gives the same answer as trying every polygon, for any point."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely
from shapely import affinity

from gewu.city.owners import OwnerGrid

from .tessellation import by_force, names, tessellate


def build(shapes: np.ndarray) -> tuple[list[str], OwnerGrid]:
    ids = names(len(shapes))
    return ids, OwnerGrid(ids, shapes, range(len(shapes)))


def agree(shapes: np.ndarray, lons: np.ndarray, lats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ids, owners = build(shapes)
    owner, count = by_force(ids, shapes, lons, lats)
    np.testing.assert_array_equal(owners.locate(lons, lats), owner)
    some = slice(None, None, max(1, len(owner) // 3000))
    one_by_one = [owners.at(*spot) for spot in zip(lons[some].tolist(), lats[some].tolist(), strict=True)]
    assert one_by_one == owner[some].tolist(), "one point alone has the same owner"
    return owner, count


def scatter(shapes: np.ndarray, number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    west, south, east, north = shapely.total_bounds(shapes)
    chance = np.random.default_rng(seed)
    wide, high = east - west, north - south
    return (
        chance.uniform(west - wide / 10, east + wide / 10, number),
        chance.uniform(south - high / 10, north + high / 10, number),
    )


def on_borders(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give all vertices, the points next to them that a float can name, and points on (or a rounding off) the edges."""
    spots = np.unique(shapely.get_coordinates(shapes), axis=0)
    beside = [
        np.c_[np.nextafter(spots[:, 0], x), np.nextafter(spots[:, 1], y)] for x in (-999, 999) for y in (-999, 999)
    ]
    edges = shapely.get_coordinates(shapes)
    between = edges[:-1] + (edges[1:] - edges[:-1]) * np.random.default_rng(3).uniform(0, 1, (len(edges) - 1, 1))
    spots = np.concatenate([spots, *beside, between])
    return spots[:, 0], spots[:, 1]


@pytest.mark.parametrize(("columns", "rows", "seed"), [(20, 10, 1), (25, 30, 2)])
def test_an_irregular_tessellation_is_answered_as_by_brute_force(columns: int, rows: int, seed: int) -> None:
    shapes = tessellate(columns, rows, seed)
    owner, _ = agree(shapes, *scatter(shapes, 20_000, seed))
    assert (owner >= 0).mean() > 0.6


@pytest.mark.parametrize(("columns", "rows", "seed"), [(20, 10, 1), (12, 15, 2)])
def test_points_on_borders_and_corners_and_one_float_beside_them_are_answered_exactly(
    columns: int, rows: int, seed: int
) -> None:
    shapes = tessellate(columns, rows, seed)
    _, count = agree(shapes, *on_borders(shapes))
    assert count.max() == 4 and (count == 2).sum() > 1000


def test_points_on_the_lines_of_the_raster_itself_are_answered_exactly() -> None:
    shapes = tessellate(20, 10, 4)
    frame = build(shapes)[1]._frame
    lons = frame.west + np.arange(frame.columns) * frame.wide
    lats = frame.south + np.arange(frame.rows) * frame.high
    chance = np.random.default_rng(4)
    agree(shapes, chance.choice(lons, 10_000), chance.choice(lats, 10_000))
    agree(shapes, chance.choice(lons, 10_000), chance.uniform(lats[0], lats[-1], 10_000))


def test_edges_that_run_along_the_lines_of_the_raster_are_answered_exactly() -> None:
    frame = build(tessellate(20, 10, 4))[1]._frame
    west, south, wide, high = frame.west, frame.south, frame.wide, frame.high
    boxes = [
        shapely.box(west + i * 8 * wide, south + j * 8 * high, west + (i + 1) * 8 * wide, south + (j + 1) * 8 * high)
        for i in range(20)
        for j in range(20)
    ]
    shapes = np.array(boxes)
    agree(shapes, *on_borders(shapes))
    agree(shapes, *scatter(shapes, 10_000, 4))


def test_overlaps_holes_and_several_parts_follow_the_rule_of_the_smallest() -> None:
    chance = np.random.default_rng(5)
    spots = shapely.points(83 + chance.uniform(0, 0.02, 60), 39 + chance.uniform(0, 0.02, 60))
    rounds = shapely.buffer(spots, chance.uniform(0.0005, 0.006, 60))
    rings = shapely.difference(rounds[:15], shapely.buffer(spots[:15], 0.0004))
    pairs = shapely.union(rounds[15:30], affinity.translate(rounds[20], 0.05, 0.01))
    shapes = np.concatenate([rings, pairs, rounds[30:], [shapely.box(82.9, 38.9, 83.2, 39.2)]])
    assert shapely.is_valid(shapes).all()
    _, count = agree(shapes, *scatter(shapes, 20_000, 5))
    assert count.max() > 5
    agree(shapes, *on_borders(shapes))


def test_slivers_thinner_than_a_raster_cell_are_found() -> None:
    base = [shapely.box(83 + i * 0.01, 39, 83 + (i + 1) * 0.01, 39.1) for i in range(10)]
    needles = [
        shapely.Polygon([(83, y), (83.1, y + 0.00001), (83.1, y + 0.0000101)]) for y in np.linspace(39, 39.09, 9)
    ]
    shapes = np.array(base + needles)
    tips = shapely.get_coordinates(shapely.point_on_surface(np.array(needles)))
    owner, _ = agree(shapes, tips[:, 0], tips[:, 1])
    assert (owner >= len(base)).all()
    agree(shapes, *on_borders(shapes))


def test_equal_squares_over_each_other_go_to_the_lower_id() -> None:
    square = shapely.box(83, 39, 83.01, 39.01)
    owners = OwnerGrid(["b", "a", "c"], [square] * 3, [10, 11, 12])
    assert owners.locate([83.005, 83.01], [39.005, 39.01]).tolist() == [11, 11]
    assert owners.claimants(83.005, 39.005) == [11, 10, 12]


@pytest.mark.parametrize("origin", [(-179.99, -33.0), (179.9, 70.0), (0.0, 0.0), (-0.00001, 51.5)])
@pytest.mark.parametrize("scale", [1.0, 0.001])
def test_any_corner_of_the_world_and_a_city_of_a_few_metres_are_exact(
    origin: tuple[float, float], scale: float
) -> None:
    moved = affinity.translate(shapely.geometrycollections(tessellate(5, 4, 6)), origin[0] - 83, origin[1] - 39)
    shapes = shapely.get_parts(affinity.scale(moved, scale, scale, origin=(*origin, 0)))
    shapes = shapes[shapely.is_valid(shapes)]
    agree(shapes, *scatter(shapes, 3_000, 6))
    agree(shapes, *on_borders(shapes))


def test_a_city_with_a_far_exclave_is_exact() -> None:
    near = tessellate(10, 10, 7)
    shapes = np.array([*near, *(affinity.translate(shape, 1.5, 0.7) for shape in near[:20])])
    agree(shapes, *on_borders(shapes))
    agree(shapes, *scatter(near, 5_000, 7))


def test_empty_batches_single_points_nan_and_far_away() -> None:
    shapes = tessellate(5, 5, 8)
    ids, owners = build(shapes)
    inside = shapely.point_on_surface(shapes[7])
    assert owners.locate([], []).tolist() == []
    assert owners.locate([inside.x], [inside.y]).tolist() == [7]
    assert owners.locate([inside.x], [inside.y]).dtype == np.int32
    odd = [np.nan, inside.x, np.inf, -np.inf, 0.0, 1e300, inside.x]
    assert owners.locate(odd, [inside.y, np.nan, 39.0, 39.0, 0.0, -1e300, inside.y]).tolist() == [-1] * 6 + [7]
    assert [owners.at(*p) for p in zip(odd, [inside.y, np.nan, 39.0, 39.0, 0.0, -1e300, inside.y], strict=True)] == [
        -1
    ] * 6 + [7]
    assert OwnerGrid(ids[:1], shapes[:1], [0]).locate([inside.x], [inside.y]).tolist() == [-1]


def test_lists_of_different_length_are_refused() -> None:
    _, owners = build(tessellate(2, 2, 8))
    with pytest.raises(ValueError, match="two lists of one length"):
        owners.locate([83.0], [39.0, 39.1])
    with pytest.raises(ValueError, match="two lists of one length"):
        owners.locate(np.zeros((2, 2)), np.zeros((2, 2)))


def test_threads_that_ask_at_once_get_the_same_answers() -> None:
    shapes = tessellate(20, 20, 9)
    ids, owners = build(shapes)
    lons, lats = scatter(shapes, 4_000, 9)
    expected, _ = by_force(ids, shapes, lons, lats)
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: owners.locate(lons, lats), range(64)):
            np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize(("columns", "rows"), [(20, 10), (100, 100)])
def test_building_costs_some_hundred_questions_a_shape_at_most_and_asking_beats_the_tree(
    columns: int, rows: int
) -> None:
    shapes = tessellate(columns, rows, 10)
    tree = shapely.STRtree(shapes)
    west, south, east, north = shapely.total_bounds(shapes)
    chance = np.random.default_rng(10)
    # In computing time of one run, and at least as many points as can be measured: other programs do not count.
    many = max(50_000, 20 * len(shapes))
    points = shapely.points(chance.uniform(west, east, many), chance.uniform(south, north, many))
    start = time.process_time()
    tree.query(points, predicate="intersects")
    asked = time.process_time() - start
    start = time.process_time()
    _, owners = build(shapes)
    assert time.process_time() - start < 15 * asked
    lons, lats = chance.uniform(west, east, (40, 500)), chance.uniform(south, north, (40, 500))

    def timed(ask) -> float:
        start = time.perf_counter()
        for k in range(len(lons)):
            ask(lons[k], lats[k])
        return time.perf_counter() - start

    rounds = [
        (timed(lambda x, y: tree.query(shapely.points(x, y), predicate="intersects")), timed(owners.locate))
        for _ in range(5)
    ]
    assert np.median([tree_s / grid_s for tree_s, grid_s in rounds]) > 1.5
