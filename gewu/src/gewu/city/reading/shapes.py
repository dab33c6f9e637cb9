"""A GeoJSON geometry as a valid polygon, or the reason why it is none."""

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gewu.city.reading.values import Say


def to_shape(geometry: Any, say: Say) -> shapely.Geometry | None:
    """Build a Polygon or MultiPolygon; None for no geometry, and after a fault."""
    if geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind not in ("Polygon", "MultiPolygon"):
        say(f"geometry is {kind!r}; it must be a Polygon, a MultiPolygon or null")
        return None
    coordinates = geometry.get("coordinates")
    try:
        parts = [_polygon(part) for part in ([coordinates] if kind == "Polygon" else coordinates)]
        if not parts:
            raise _Crooked("a MultiPolygon has no polygon")
        shape = parts[0] if kind == "Polygon" else shapely.multipolygons(parts)
    except (_Crooked, TypeError, shapely.errors.GEOSException) as failure:
        say(f"geometry: {failure if isinstance(failure, _Crooked) else 'coordinates are not nested as GeoJSON says'}")
        return None
    if not shapely.is_valid(shape):
        say(f"polygon is invalid: {shapely.is_valid_reason(shape)} (longitude latitude)")
        return None
    return shape


class _Crooked(Exception):
    """A ring that no polygon can have."""


def _polygon(part: Any) -> shapely.Polygon:
    rings = [_ring(ring) for ring in part]
    if not rings:
        raise _Crooked("a polygon has no ring")
    return shapely.polygons(rings[0], holes=rings[1:]) if rings[1:] else shapely.polygons(rings[0])


def _ring(ring: Any) -> NDArray[np.float64]:
    for position in ring:
        if len(position) < 2 or not all(type(axis) in (float, int) for axis in position):
            raise _Crooked(f"position {position!r} must be two numbers, longitude and latitude")
    spots = np.array([position[:2] for position in ring], dtype=np.float64)
    if len(spots) < 4 or (spots[0] != spots[-1]).any():
        raise _Crooked("a ring needs at least 4 positions, and its last must equal its first")
    # Written so that NaN, for which every comparison is false, is out of range too.
    out = ~((np.abs(spots[:, 0]) <= 180) & (np.abs(spots[:, 1]) <= 90))
    if out.any():
        lon, lat = spots[np.argmax(out)].tolist()
        raise _Crooked(f"position [{lon}, {lat}] is outside longitude -180..180, latitude -90..90 (in this order)")
    return spots
