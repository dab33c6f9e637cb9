"""Irregular ground to test with: polygons that share every border point, and the plain way to find an owner."""

import numpy as np
import shapely

from gewu.city.measure import areas_m2


def tessellate(columns: int, rows: int, seed: int, step: float = 0.002, pieces: int = 6) -> np.ndarray:
    """Give columns x rows irregular polygons without gap or overlap, each with 4 x pieces vertices."""
    chance = np.random.default_rng(seed)
    at_x, at_y = np.meshgrid(np.arange(columns + 1), np.arange(rows + 1))
    x = 83 + (at_x + chance.uniform(-0.25, 0.25, at_x.shape)) * step
    y = 39 + (at_y + chance.uniform(-0.25, 0.25, at_x.shape)) * step

    def border(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        along = np.linspace(0, 1, pieces + 1)
        aside = chance.uniform(-0.05, 0.05, pieces + 1)
        aside[[0, -1]] = 0
        line = np.c_[x0 + (x1 - x0) * along - (y1 - y0) * aside, y0 + (y1 - y0) * along + (x1 - x0) * aside]
        line[0], line[-1] = (x0, y0), (x1, y1)
        return line

    across = [[border(x[j, i], y[j, i], x[j, i + 1], y[j, i + 1]) for i in range(columns)] for j in range(rows + 1)]
    up = [[border(x[j, i], y[j, i], x[j + 1, i], y[j + 1, i]) for i in range(columns + 1)] for j in range(rows)]
    return np.array(
        [
            shapely.Polygon(
                np.r_[across[j][i][:-1], up[j][i + 1][:-1], across[j + 1][i][:0:-1], up[j][i][::-1]],
            )
            for j in range(rows)
            for i in range(columns)
        ]
    )


def names(count: int) -> list[str]:
    """Give ids whose order is not that of the list."""
    return [f"g{(index * 7919) % 100_003:06d}" for index in range(count)]


def by_force(ids: list[str], shapes: np.ndarray, lons: np.ndarray, lats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Try every polygon on every point: the owner by the documented rule, and how many hold the point."""
    areas = np.rint(areas_m2(shapes))
    points = shapely.points(lons, lats)
    owner, count = np.full(len(lons), -1), np.zeros(len(lons), dtype=int)
    # Largest first, so that the smallest is written last.
    for index in sorted(range(len(ids)), key=lambda i: (areas[i], ids[i]), reverse=True):
        held = shapely.covers(shapes[index], points)
        owner[held] = index
        count += held
    return owner, count
