"""Ground to grow on: irregular polygons that share every border point, and a city that is many copies of another."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import shapely

WEST, SOUTH, STEP = 83.0, 39.0, 0.0024
_PIECES = 6  # of each border: a polygon has four times as many vertices
_GAP = 0.001  # degrees between two copies of a city


def tessellation(columns: int, rows: int, seed: int = 1) -> np.ndarray:
    """So many irregular polygons without gap or overlap, row by row."""
    chance = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(columns + 1, dtype=float), np.arange(rows + 1, dtype=float))
    x += chance.uniform(-0.25, 0.25, x.shape)
    y += chance.uniform(-0.25, 0.25, y.shape)
    nodes = np.stack([WEST + x * STEP, SOUTH + y * STEP], axis=-1)
    across = _borders(nodes[:, :-1], nodes[:, 1:], chance)
    up = _borders(nodes[:-1], nodes[1:], chance)
    rings = np.concatenate(
        [across[:-1, :, :-1], up[:, 1:, :-1], across[1:, :, :0:-1], up[:, :-1, :0:-1]], axis=2
    ).reshape(columns * rows, -1, 2)  # fmt: skip
    return shapely.polygons(np.round(rings, 6))


def _borders(start: np.ndarray, end: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Crooked lines between nodes; the last point is the next line's first, so that neighbours share it."""
    along = np.linspace(0, 1, _PIECES + 1)[:, None]
    aside = chance.uniform(-0.05, 0.05, (*start.shape[:2], _PIECES + 1, 1))
    aside[..., (0, -1), :] = 0
    run = (end - start)[:, :, None, :]
    return start[:, :, None, :] + run * along + run[..., ::-1] * np.array([-1.0, 1.0]) * aside


def larger(like: Path, folder: Path, side: int) -> Path:
    """A city of side × side copies of another one, beside each other: grids, places and objects grow alike, and all that
    is decided by them stays as it is. The first copy keeps its ids."""
    shutil.copytree(like, folder, ignore=shutil.ignore_patterns("*.md"))
    grids = _read(like / "grids.geojson")
    bounds = shapely.total_bounds([shapely.from_geojson(json.dumps(f["geometry"])) for f in grids if f["geometry"]])
    wide, high = bounds[2] - bounds[0] + _GAP, bounds[3] - bounds[1] + _GAP
    steps = [(n, n % side * wide, n // side * high) for n in range(side**2)]
    for name in ("grids.geojson", "places.geojson"):
        features = [_moved(feature, *step) for step in steps for feature in _read(like / name)]
        text = ",\n".join(json.dumps(feature, ensure_ascii=False) for feature in features)
        (folder / name).write_text(f'{{"type":"FeatureCollection","features":[\n{text}\n]}}\n')
    head, *rows = (like / "objects.csv").read_text().splitlines()
    (folder / "objects.csv").write_text(
        "\n".join([head, *(_object(row, *step) for step in steps for row in rows)]) + "\n"
    )
    return folder


def _read(file: Path) -> list[dict[str, Any]]:
    return list(json.loads(file.read_text())["features"])


def _id(n: int, id_: str) -> str:
    return f"{n:02d}-{id_}" if n else id_


def _moved(feature: dict[str, Any], n: int, east: float, north: float) -> dict[str, Any]:
    said, shape = dict(feature["properties"]), feature["geometry"]
    said["id"] = _id(n, said["id"])
    if said.get("parent"):
        said["parent"] = _id(n, said["parent"])
    if shape:
        rings = [[(round(x + east, 6), round(y + north, 6)) for x, y in ring] for ring in shape["coordinates"]]
        shape = {**shape, "coordinates": rings}
    return {**feature, "properties": said, "geometry": shape}


def _object(row: str, n: int, east: float, north: float) -> str:
    id_, category, lon, lat, rest = row.split(",", 4)
    return f"{_id(n, id_)},{category},{float(lon) + east:.6f},{float(lat) + north:.6f},{rest}"
