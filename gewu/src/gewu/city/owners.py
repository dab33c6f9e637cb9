"""The owner grid: which leaf grid owns a point, exactly, at the cost of an array look-up for most points."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

from gewu.city.measure import areas_m2
from gewu.city.raster import Frame, touched

# Raster cells per polygon: more cells mean fewer mixed ones, but a raster that no longer fits the processor's cache.
_CELLS_EACH, _FEWEST, _MOST = 200, 1 << 18, 1 << 21


class OwnerGrid:
    """Leaf polygons under a raster: a cell that no edge touches knows its owner, a mixed one knows its candidates.

    The rule for overlaps and borders: the smallest polygon (to the square metre) owns the point, ties by id.
    """

    def __init__(self, ids: Sequence[str], shapes: Sequence[shapely.Geometry], indices: Sequence[int]) -> None:
        areas = np.rint(areas_m2(shapes))
        order = sorted(range(len(ids)), key=lambda i: (areas[i], ids[i]))
        # In the order of the rule: the lowest number that holds a point wins, so a minimum decides.
        self.shapes = np.array([shapes[i] for i in order], dtype=object)
        self.indices = np.array([indices[i] for i in order] + [-1], dtype=np.int32)
        self._tree = shapely.STRtree(self.shapes)
        cells = int(np.clip(_CELLS_EACH * len(ids), _FEWEST, _MOST))
        self._frame = Frame.over(shapely.total_bounds(self.shapes), cells)
        self._warm()
        self._fill(*touched(self._frame, self.shapes))

    def locate(self, lons: ArrayLike, lats: ArrayLike) -> NDArray[np.int32]:
        """Give for each point the index that its owner was given at the start, -1 outside all and for NaN."""
        lons, lats = _same_length(lons, lats)
        x, y = self._frame.spots(lons, lats)
        inside = (x >= 0) & (x < self._frame.columns) & (y >= 0) & (y < self._frame.rows)
        if not inside.all():
            x, y = np.where(inside, x, 0), np.where(inside, y, 0)
        owner = self._cells[y.astype(np.intp), x.astype(np.intp)]
        mixed = np.flatnonzero(owner < -1)
        if mixed.size:
            owner[mixed] = self._decide(lons[mixed], lats[mixed], -2 - owner[mixed])
        return self.indices[owner]

    def at(self, lon: float, lat: float) -> int:
        """As `locate`, of one point: an array of one costs ten times this."""
        x, y = self._frame.spots(lon, lat)
        if not (0 <= x < self._frame.columns and 0 <= y < self._frame.rows):  # NaN as well
            return -1
        owner = self._read[int(y), int(x)]
        if owner >= -1:
            return self._numbers[owner]
        first, last = self._starts[-2 - owner], self._starts[-1 - owner]
        for shape in self._candidates[first:last].tolist():
            if shapely.intersects_xy(self.shapes[shape], lon, lat):
                return self._numbers[shape]
        return -1

    def claimants(self, lon: float, lat: float) -> list[int]:
        """Give the indices of all that hold one point, its owner first."""
        _, held = self._holding(np.array([lon]), np.array([lat]))
        return self.indices[np.sort(held)].tolist()

    def _fill(self, cells: NDArray, shapes: NDArray) -> None:
        """Write the owner of each untouched cell, and for each touched one the list of who may own a point in it."""
        frame = self._frame
        mixed = np.zeros(frame.rows * frame.columns, dtype=bool)
        mixed[cells] = True
        flat = np.full(mixed.size, -1, dtype=np.int32)
        # Untouched neighbours in a row have no edge between them, so the first of a run speaks for all of it.
        starts = np.flatnonzero(~mixed & np.r_[True, mixed[:-1] | (np.arange(1, mixed.size) % frame.columns == 0)])
        where, held = self._holding(*frame.centres(starts))
        first = np.full(len(starts), len(self.shapes), dtype=np.int32)
        np.minimum.at(first, where, held.astype(np.int32))
        first[first == len(self.shapes)] = -1
        clear = np.flatnonzero(~mixed)
        flat[clear] = first[np.searchsorted(starts, clear, side="right") - 1]
        numbers = np.flatnonzero(mixed)
        flat[numbers] = -2 - np.arange(len(numbers), dtype=np.int32)
        self._cells = flat.reshape(frame.rows, frame.columns)
        self._read, self._numbers = memoryview(self._cells), self.indices.tolist()  # the same for one point at a time
        self._list_candidates(numbers, cells, shapes)

    def _list_candidates(self, numbers: NDArray, cells: NDArray, shapes: NDArray) -> None:
        """Keep for each mixed cell the polygons with an edge in it or with all of it inside (then its centre too)."""
        at_centre, around = self._holding(*self._frame.centres(numbers))
        number = np.r_[np.searchsorted(numbers, cells), at_centre]
        pairs = np.unique(number * len(self.shapes) + np.r_[shapes, around])
        number, self._candidates = np.divmod(pairs, len(self.shapes))
        self._starts = np.searchsorted(number, np.arange(len(numbers) + 1))

    def _decide(self, lons: NDArray, lats: NDArray, numbers: NDArray) -> NDArray:
        """Test points of mixed cells against the candidates of their cell; the lowest that holds one wins."""
        starts = self._starts[numbers]
        lengths = self._starts[numbers + 1] - starts
        ends = np.cumsum(lengths)
        point = np.repeat(np.arange(len(lons)), lengths)
        shape = self._candidates[np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)]
        held = shapely.intersects_xy(self.shapes[shape], lons[point], lats[point])
        best = np.minimum.reduceat(np.where(held, shape, len(self.shapes)), ends - lengths)
        return np.where(best == len(self.shapes), -1, best)

    def _holding(self, lons: NDArray, lats: NDArray) -> tuple[NDArray, NDArray]:
        usable = np.flatnonzero(np.isfinite(lons) & np.isfinite(lats))
        points, held = self._tree.query(shapely.points(lons[usable], lats[usable]), predicate="intersects")
        return usable[points], held

    def _warm(self) -> None:
        """Have GEOS build the index of each polygon now: it does so at first use, which threads must not share."""
        shapely.prepare(self.shapes)
        middle = shapely.get_coordinates(shapely.point_on_surface(self.shapes))
        shapely.intersects_xy(self.shapes, middle[:, 0], middle[:, 1])


def _same_length(lons: ArrayLike, lats: ArrayLike) -> tuple[NDArray, NDArray]:
    lons, lats = np.asarray(lons, dtype=np.float64), np.asarray(lats, dtype=np.float64)
    if lons.ndim != 1 or lons.shape != lats.shape:
        raise ValueError(f"lons and lats must be two lists of one length, not {lons.shape} and {lats.shape}")
    return lons, lats
