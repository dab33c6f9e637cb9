"""A city package from the city's own polygons and our two tables. Nothing of it is committed."""

import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import shapely

from tests.la311 import tables

KIND = "service"
FALLBACK = "information-technology"  # who runs the city's 311 line answers for what no table names

_MANIFEST = f"""\
id = "la311"
version = "1.0"
timezone = "America/Los_Angeles"

[name]
zh = "洛杉矶"
en = "Los Angeles"

[intake]
anonymous = false

[routing]
fallback = "{FALLBACK}"
"""


class NoPackage(Exception):
    """The polygons cannot be made into a package; the text says why."""


def build(polygons: Path, folder: Path) -> list[str]:
    """Write the package into `folder` (made, or written over); returns what had to be repaired, in words."""
    folder.mkdir(parents=True, exist_ok=True)
    features, repairs = _grids(json.loads(polygons.read_text("utf-8"))["features"])
    (folder / "city.toml").write_text(_MANIFEST, "utf-8")
    (folder / "grids.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}), "utf-8")
    _write(folder / "departments.csv", ("id", "label_zh", "label_en", "owner"), _departments())
    columns = ("kind", "code", "label_zh", "label_en", "lane", "join_radius_m", "join_within_h", "aliases")
    _write(folder / "codebook.csv", columns, _codebook())
    _write(
        folder / "routing.csv", ("id", "category", "kind_of_place", "grid", "owner", "department", "note"), _routing()
    )
    return repairs


def code(category: str) -> str:
    """The code under which a category of the city stands in the code book."""
    return re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-")


def repaired(geometry: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The geometry as a valid polygon, and why it was none; a valid one comes back untouched, with ""."""
    shape = shapely.from_geojson(json.dumps(geometry))
    if shapely.is_valid(shape):
        return geometry, ""
    why = shapely.is_valid_reason(shape)
    # make_valid may leave lines and points where the outline crossed itself; only ground is a grid.
    parts = [p for p in shapely.get_parts(shapely.make_valid(shape)).tolist() if not isinstance(p, _NO_GROUND)]
    ground = shapely.union_all(parts) if parts else shapely.buffer(shape, 0)
    if shapely.is_empty(ground):
        raise NoPackage(f"a polygon covers no ground: {why}")
    return json.loads(shapely.to_geojson(ground)), why


_NO_GROUND = shapely.Point | shapely.LineString | shapely.MultiPoint | shapely.MultiLineString


def _grids(found: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Regions as containers above, the city's grids below them."""
    regions = sorted({feature["properties"]["region"] for feature in found})
    features = [_feature(code(region), None, 1, region, "region", None) for region in regions]
    repairs = []
    for feature in found:
        said = feature["properties"]
        geometry, why = repaired(feature["geometry"])
        if why:
            repairs.append(f"grid {said['grid']} ({said['name']}): {why}")
        features.append(
            _feature(str(said["grid"]), code(said["region"]), 2, said["name"], "neighbourhood-council", geometry)
        )
    return features, repairs


def _feature(
    id: str, parent: str | None, level: int, name: str, klass: str, geometry: dict[str, Any] | None
) -> dict[str, Any]:
    said = {"id": id, "parent": parent, "level": level, "label_zh": name, "label_en": name, "class": klass}
    return {"type": "Feature", "properties": said, "geometry": geometry}


def _departments() -> Iterable[Sequence[str]]:
    once = {row.department: row for row in reversed(tables.names())}
    return [(row.department, row.label_zh, row.label_en, row.owner) for row in reversed(once.values())]


def _codebook() -> Iterable[Sequence[str]]:
    for row in tables.categories():
        yield (
            KIND, code(row.category), row.label_zh, row.category, row.lane, row.join_radius_m, row.join_within_h, "",
        )  # fmt: skip


def _routing() -> Iterable[Sequence[str]]:
    for row in tables.categories():
        yield code(row.category), f"{KIND}:{code(row.category)}", "*", "*", "*", row.department, ""


def _write(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([columns, *rows])
