"""Which cells of a raster the edges of polygons touch."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

Degrees = TypeVar("Degrees", float, NDArray)

# In cell widths. Rounding in point → cell stays below 1e-7 of a cell (see SMALLEST_CELL), so an edge this near a cell
# is counted as touching it, and a cell left untouched holds no point whose owner differs from its centre's.
MARGIN = 1e-4
# In degrees (11 cm): keeps the rounding of a longitude small against a cell.
SMALLEST_CELL = 1e-6


@dataclass(frozen=True, slots=True)
class Frame:
    """A raster over a box of degrees: cell (column, row) starts at west + column * wide, south + row * high."""

    west: float
    south: float
    wide: float
    high: float
    columns: int
    rows: int

    @classmethod
    def over(cls, bounds: NDArray[np.float64], cells: int) -> "Frame":
        """Lay about that many cells over the bounds, with one empty cell around them on every side."""
        west, south, east, north = (float(b) for b in bounds)
        span_x, span_y = max(east - west, SMALLEST_CELL), max(north - south, SMALLEST_CELL)
        columns = int(np.clip(np.sqrt(cells * span_x / span_y), 1, cells))
        rows = max(1, cells // columns)
        wide, high = max(span_x / columns, SMALLEST_CELL), max(span_y / rows, SMALLEST_CELL)
        columns, rows = int(np.ceil(span_x / wide)) + 3, int(np.ceil(span_y / high)) + 3
        return cls(west - wide, south - high, wide, high, columns, rows)

    def spots(self, lons: Degrees, lats: Degrees) -> tuple[Degrees, Degrees]:
        """Give the position of points, or of one, in cell widths from the corner of the raster."""
        return (lons - self.west) / self.wide, (lats - self.south) / self.high

    def centres(self, cells: NDArray) -> tuple[NDArray, NDArray]:
        """Give longitude and latitude of the centres of cells numbered row by row."""
        rows, columns = np.divmod(cells, self.columns)
        return self.west + (columns + 0.5) * self.wide, self.south + (rows + 0.5) * self.high


def touched(frame: Frame, shapes: NDArray) -> tuple[NDArray, NDArray]:
    """Give pairs (cell, index of shape), each once and sorted, for every cell that an edge of a shape touches."""
    x0, y0, x1, y1, shape = _edges(frame, shapes)
    left, right = np.floor(np.minimum(x0, x1) - MARGIN), np.floor(np.maximum(x0, x1) + MARGIN)
    edge, column = _spread(left.astype(np.int64), right.astype(np.int64))
    low, high = _rows_within(x0[edge], y0[edge], x1[edge], y1[edge], column)
    piece, row = _spread(low, high)
    pairs = (row * frame.columns + column[piece]) * len(shapes) + shape[edge[piece]]
    return np.divmod(np.unique(pairs), len(shapes))


def _edges(frame: Frame, shapes: NDArray) -> tuple[NDArray, ...]:
    rings, ring_shape = shapely.get_rings(shapely.get_parts(shapes)), _ring_owners(shapes)
    spots, of_ring = shapely.get_coordinates(rings, return_index=True)
    x, y = frame.spots(spots[:, 0], spots[:, 1])
    same = of_ring[:-1] == of_ring[1:]
    return x[:-1][same], y[:-1][same], x[1:][same], y[1:][same], ring_shape[of_ring[:-1][same]]


def _ring_owners(shapes: NDArray) -> NDArray:
    parts, of_part = shapely.get_parts(shapes, return_index=True)
    _, of_ring = shapely.get_rings(parts, return_index=True)
    return of_part[of_ring]


def _rows_within(x0: NDArray, y0: NDArray, x1: NDArray, y1: NDArray, column: NDArray) -> tuple[NDArray, NDArray]:
    """Give the first and last row that the part of each edge inside a column (and its margin) reaches."""
    run = x1 - x0
    upright = np.abs(run) < MARGIN
    slope = np.divide(y1 - y0, run, out=np.zeros_like(run), where=~upright)
    at_left = y0 + slope * (np.clip(column - MARGIN, np.minimum(x0, x1), np.maximum(x0, x1)) - x0)
    at_right = y0 + slope * (np.clip(column + 1 + MARGIN, np.minimum(x0, x1), np.maximum(x0, x1)) - x0)
    low = np.where(upright, np.minimum(y0, y1), np.minimum(at_left, at_right))
    high = np.where(upright, np.maximum(y0, y1), np.maximum(at_left, at_right))
    return np.floor(low - MARGIN).astype(np.int64), np.floor(high + MARGIN).astype(np.int64)


def _spread(first: NDArray, last: NDArray) -> tuple[NDArray, NDArray]:
    """Give for each range first..last (both included) its index and every number in it."""
    lengths = last - first + 1
    index = np.repeat(np.arange(len(first)), lengths)
    start = np.cumsum(lengths) - lengths
    return index, np.arange(len(index)) - start[index] + first[index]
