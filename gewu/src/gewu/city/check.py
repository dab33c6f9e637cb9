"""What is doubtful in a package that can be used: gaps and overlaps of its grids, things outside all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gewu.city.city import City
from gewu.city.measure import areas_m2

# Digitised borders never meet to the millimetre; less than this no surveyor walks out for.
SMALLEST_M2 = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One doubt: `kind` is gap, overlap, uncovered or stray; the place is in degrees, `between` names the ids."""

    kind: str
    between: tuple[str, ...]
    lon: float
    lat: float
    area_m2: float = 0.0

    def __str__(self) -> str:
        ids, spot = ", ".join(self.between), f"at {self.lon:.6f} {self.lat:.6f}"
        area = f"{self.area_m2:.1f} m2"
        return {
            "gap": f"gap of {area} between grids {ids} {spot}: points in it have no grid",
            "overlap": f"overlap of {area} between grids {ids} {spot}: the smaller grid owns it",
            "uncovered": f"{area} of grid {ids} are in no grid below it, {spot}",
            "stray": f"{ids} is in no grid, {spot}",
        }[self.kind]


def survey(city: City) -> list[Finding]:
    """List overlaps and gaps above 1 m2, outlines not covered by leaves, objects and places in no grid."""
    shapes = city.owners.shapes
    ids = np.array([city.grids[index].id for index in city.owners.indices[:-1]], dtype=object)
    tree, ground = shapely.STRtree(shapes), shapely.union_all(shapes)
    return [
        *_overlaps(tree, shapes, ids),
        *_gaps(tree, ground, ids),
        *_uncovered(city, ground),
        *_strays(city, tree),
    ]


def _overlaps(tree: shapely.STRtree, shapes: NDArray, ids: NDArray) -> Iterator[Finding]:
    one, other = tree.query(shapes, predicate="intersects")
    one, other = one[one < other], other[one < other]
    common = shapely.intersection(shapes[one], shapes[other])
    areas = areas_m2(common)
    for k in np.flatnonzero(areas > SMALLEST_M2):
        yield Finding("overlap", tuple(sorted((ids[one[k]], ids[other[k]]))), *_spot(common[k]), float(areas[k]))


def _gaps(tree: shapely.STRtree, ground: shapely.Geometry, ids: NDArray) -> Iterator[Finding]:
    parts = shapely.get_parts(ground)
    holes = [shapely.polygons(ring) for part in parts for ring in part.interiors]
    # What stands inside a hole, such as a town within a ring of towns, is no gap.
    gaps = shapely.get_parts(shapely.difference(shapely.union_all(holes), ground))
    for gap, area in zip(gaps, areas_m2(gaps), strict=True):
        if area > SMALLEST_M2:
            yield Finding("gap", tuple(sorted(ids[tree.query(gap, predicate="intersects")])), *_spot(gap), float(area))


def _uncovered(city: City, ground: shapely.Geometry) -> Iterator[Finding]:
    for id, outline in city.outlines.items():
        rest = shapely.difference(outline, ground)
        if (area := float(areas_m2([rest])[0])) > SMALLEST_M2:
            yield Finding("uncovered", (id,), *_spot(rest), area)


def _strays(city: City, tree: shapely.STRtree) -> Iterator[Finding]:
    things = list(city.objects.values())
    owner = city.locate([thing.lon for thing in things], [thing.lat for thing in things])
    for thing in (things[k] for k in np.flatnonzero(owner < 0)):
        yield Finding("stray", (f"object {thing.id}",), thing.lon, thing.lat)
    touching = set(tree.query(city.standing.shapes, predicate="intersects")[0].tolist())
    for k, place in enumerate(city.standing.places):
        if k not in touching:
            yield Finding("stray", (f"place {place.id}",), *_spot(city.standing.shapes[k]))


def _spot(shape: shapely.Geometry) -> tuple[float, float]:
    """Give a point inside the largest part, so that whoever looks there sees the thing itself."""
    parts = shapely.get_parts(shape)
    point = shapely.point_on_surface(parts[np.argmax(shapely.area(parts))])
    return float(point.x), float(point.y)
