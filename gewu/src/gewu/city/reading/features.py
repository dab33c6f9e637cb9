"""GeoJSON files: features with checked properties and valid polygons in WGS 84 longitude and latitude."""

import json
from dataclasses import dataclass
from typing import Any

import shapely

from gewu.city.faults import Notes
from gewu.city.reading.shapes import to_shape
from gewu.city.reading.values import Say, identifier

# CGCS2000 (4490) agrees with WGS 84 to centimetres, so both may be named.
_FRAMES = ("CRS84", "EPSG::4326", "EPSG:4326", "EPSG::4490", "EPSG:4490")


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature with the voice that notes its faults; `drawn` when the file gives a geometry, be it faulty."""

    id: str
    cells: dict[str, Any]
    drawn: bool
    shape: shapely.Geometry | None
    say: Say


def read_features(source: str, must: tuple[str, ...], may: tuple[str, ...], notes: Notes) -> list[Feature] | None:
    """Read the features of a collection, each id once; None when the file is no such thing."""
    items = _items(source, notes)
    if items is None:
        return None
    features: dict[str, Feature] = {}
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        feature = _feature(index, item, must, may, notes)
        if feature is None:
            continue
        if feature.id in features:
            feature.say(f"id {feature.id!r} is already that of features[{first[feature.id]}]")
        else:
            features[feature.id], first[feature.id] = feature, index
    return list(features.values())


def _items(source: str, notes: Notes) -> list[Any] | None:
    try:
        data = json.loads(source)
    except json.JSONDecodeError as failure:
        notes.line(failure.lineno, f"is no JSON: {failure.msg} (column {failure.colno})")
        return None
    except (RecursionError, ValueError) as failure:
        notes.line(1, f"is no JSON that can be read: {failure}")
        return None
    items = data.get("features") if isinstance(data, dict) else None
    if not isinstance(items, list) or data.get("type") != "FeatureCollection":
        notes.line(1, "must be a GeoJSON FeatureCollection with a list of features")
        return None
    if "crs" in data and not json.dumps(data["crs"]).rstrip('"}').endswith(_FRAMES):
        notes.line(1, f"names the frame {json.dumps(data['crs'])}; coordinates must be WGS 84 longitude and latitude")
    return items


def _feature(index: int, item: Any, must: tuple[str, ...], may: tuple[str, ...], notes: Notes) -> Feature | None:
    cells = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(cells, dict) or item.get("type") != "Feature":
        notes.feature(index, None, "must be a GeoJSON Feature with properties")
        return None
    named = cells.get("id") if isinstance(cells.get("id"), str) else None

    def say(reason: str) -> None:
        notes.feature(index, named, reason)

    wanted = ", ".join((*must, *may))
    for key in must:
        if key not in cells:
            say(f"property {key!r} is missing; the properties are {wanted}")
    for key in cells:
        if key not in must + may:
            say(f"property {key!r} is unknown; the properties are {wanted}")
    taken = identifier(cells.get("id"), "id", say) if "id" in cells else f"features[{index}]"
    geometry = item.get("geometry")
    return Feature(taken, cells, geometry is not None, to_shape(geometry, say), say)
