"""Areas and distances on the ground from degrees, good to a part in a thousand at the size of a city."""

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray


def metres_per_degree(lat: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the metres of a degree of longitude and of latitude at a latitude on the WGS 84 ellipsoid."""
    phi = np.radians(np.asarray(lat, dtype=np.float64))
    east = 111412.84 * np.cos(phi) - 93.5 * np.cos(3 * phi) + 0.118 * np.cos(5 * phi)
    north = 111132.954 - 559.822 * np.cos(2 * phi) + 1.175 * np.cos(4 * phi)
    return east, north


def areas_m2(shapes: ArrayLike) -> NDArray[np.float64]:
    """Give the area in m2 of polygons in degrees, each with the scale of its own middle latitude."""
    shapes = np.asarray(shapes, dtype=object)
    if not shapes.size:
        return np.empty(0)
    bounds = shapely.bounds(shapes)
    east, north = metres_per_degree((bounds[:, 1] + bounds[:, 3]) / 2)
    return np.nan_to_num(shapely.area(shapes) * east * north)
