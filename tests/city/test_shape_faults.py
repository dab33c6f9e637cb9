"""Each fault of a GeoJSON file is named with the feature's index and id."""

from pathlib import Path
from typing import Any

import pytest

from .packages import collection, faults, feature, grid, grids, place, square

BOWTIE = {"type": "Polygon", "coordinates": [[[83, 39], [83.001, 39.001], [83.001, 39], [83, 39.001], [83, 39]]]}


def ring(*spots: Any) -> dict:
    return {"type": "Polygon", "coordinates": [list(spots)]}


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        (BOWTIE, "polygon is invalid: Self-intersection[83.0005 39.0005] (longitude latitude)"),
        (None, "has no grid below it and no polygon, so no point can be in it"),
        ({"type": "Point", "coordinates": [83, 39]}, "geometry is 'Point'; it must be a Polygon, a MultiPolygon or nu"),
        (ring([83, 39], [84, 39], [83, 39]), "geometry: a ring needs at least 4 positions, and its last must equal"),
        (ring([83, 39], [84, 39], [84, 40], [83, 40]), "geometry: a ring needs at least 4 positions, and its last mus"),
        (square(39.0, 183.0), "geometry: position [39.0, 183.0] is outside longitude -180..180, latitude -90..90 (in "),
        (ring([83, 39], [float("nan"), 39], [84, 40], [83, 39]), "geometry: position [nan, 39.0] is outside longitude"),
        (ring([83, 39], ["84", 39], [84, 40], [83, 39]), "geometry: position ['84', 39] must be two numbers, longitud"),
        (ring([83, 39], [True, 39], [84, 40], [83, 39]), "geometry: position [True, 39] must be two numbers, longitud"),
        (ring([83, 39], [84], [84, 40], [83, 39]), "geometry: position [84] must be two numbers, longitude and latitu"),
        ({"type": "Polygon", "coordinates": []}, "geometry: a polygon has no ring"),
        ({"type": "Polygon", "coordinates": 5}, "geometry: coordinates are not nested as GeoJSON says"),
        ({"type": "Polygon"}, "geometry: coordinates are not nested as GeoJSON says"),
        ({"type": "MultiPolygon", "coordinates": []}, "geometry: a MultiPolygon has no polygon"),
    ],
)
def test_a_faulty_geometry_is_named_with_its_feature(tmp_path: Path, geometry: dict | None, expected: str) -> None:
    found = faults(tmp_path, grids=collection([*grids(), grid("odd", "top", 2, geometry)]))
    assert len(found) == 1 and found[0].startswith(f"grids.geojson:features[3] (id 'odd'): {expected}"), found


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"parent": "tip"}, "parent 'tip' is not in grids.geojson; it must be a grid's id, or null at the top"),
        ({"parent": "odd"}, "is above itself: odd -> odd; a tree of grids has no cycle"),
        ({"level": 3}, "level 3 must be 2, one below its parent 'top'"),
        ({"level": True}, "level True must be a whole number from 1 (the top) to 20"),
        ({"level": 2, "parent": None}, "level 2 must be 1, since it has no parent"),
        ({"label_zh": None}, "label_zh is missing; it is a text"),
        ({"label_en": "a\x00b"}, "label_en 'a\\x00b' holds a control character"),
        ({"label_en": "a\ud800"}, "label_en 'a\\ud800' holds a control character"),
        ({"klass": "unit"}, "property 'klass' is unknown; the properties are id, parent, level, label_zh, label_en, c"),
        ({"id": "south"}, "id 'south' is already that of features[1]"),
        ({"id": "so uth"}, "id 'so uth' must be a text of 1 to 64 characters without blanks"),
    ],
)
def test_a_faulty_property_is_named_with_its_feature(tmp_path: Path, changed: dict, expected: str) -> None:
    odd = grid("odd", "top", 2, square(83.0, 39.002))
    odd["properties"] |= changed
    text = collection([*grids(), odd]).replace("\ud800", "\\ud800")
    found = faults(tmp_path, grids=text)
    named = changed.get("id", "odd")
    assert len(found) == 1 and found[0].startswith(f"grids.geojson:features[3] (id {named!r}): {expected}"), found


def test_a_missing_property_is_named(tmp_path: Path) -> None:
    odd = grid("odd", "top", 2, square(83.0, 39.002))
    del odd["properties"]["class"]
    found = faults(tmp_path, grids=collection([*grids(), odd]))
    assert found[0].startswith("grids.geojson:features[3] (id 'odd'): property 'class' is missing; the")


def test_a_cycle_is_named_at_each_grid_in_it(tmp_path: Path) -> None:
    ring_of_two = [grid("a", "b", 2, square(84, 39)), grid("b", "a", 2, square(84, 39.001))]
    found = faults(tmp_path, grids=collection([*grids(), *ring_of_two]))
    assert "grids.geojson:features[3] (id 'a'): is above itself: a -> b -> a; a tree of grids has no cycle" in found
    assert "grids.geojson:features[4] (id 'b'): is above itself: b -> a -> b; a tree of grids has no cycle" in found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{"type":\n"FeatureCollection",\n}', "grids.geojson:3: is no JSON:"),
        ("[" * 200_000, "grids.geojson:1: is no JSON that can be read"),
        ("[]", "grids.geojson:1: must be a GeoJSON FeatureCollection with a list of features"),
        ('{"type":"FeatureCollection"}', "grids.geojson:1: must be a GeoJSON FeatureCollection with a list of feature"),
        ('{"type":"FeatureCollection","features":[]}', "grids.geojson:1: holds no grid; a city has at least one"),
        ('{"type":"FeatureCollection","features":[7]}', "grids.geojson:features[0]: must be a GeoJSON Feature with"),
    ],
)
def test_a_file_that_is_no_collection_is_named(tmp_path: Path, source: str, expected: str) -> None:
    found = faults(tmp_path, grids=source)
    assert found[0].startswith(expected), found


def test_another_frame_of_reference_is_refused_and_the_usual_names_are_not(tmp_path: Path) -> None:
    def named(name: str) -> str:
        head = '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"' + name + '"}},'
        return collection(grids()).replace('{"type":"FeatureCollection",', head)

    assert faults(tmp_path, grids=named("urn:ogc:def:crs:OGC:1.3:CRS84")) == []
    found = faults(tmp_path, grids=named("EPSG:3857"))
    assert found[0].startswith("grids.geojson:1: names the frame") and len(found) == 1


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"valid_from": "2025-02-30"}, "valid_from '2025-02-30' must be a date that exists, written YYYY-MM-DD"),
        ({"valid_to": 20250101}, "valid_to 20250101 must be a date that exists, written YYYY-MM-DD"),
        ({"valid_to": "20250101"}, "valid_to '20250101' must be a date that exists, written YYYY-MM-DD"),
        ({"valid_from": "2025-02-02", "valid_to": "2025-02-01"}, "valid_to 2025-02-01 is before valid_from 2025-02-02"),
        ({"kind": "Primary school"}, "kind 'Primary school' must be 1 to 40 of a-z 0-9 -"),
        ({"property_firm": ""}, "property_firm is empty"),
    ],
)
def test_a_faulty_place_is_named_with_its_feature(tmp_path: Path, changed: dict, expected: str) -> None:
    school = place("s1", "school", square(83.0002, 39.0002, 0.0004))
    odd = (
        place("p1", "park", square(83.0, 39.0), **changed)
        if "kind" not in changed
        else feature(square(83.0, 39.0), id="p1", label_zh="p", label_en="p", **changed)
    )
    found = faults(tmp_path, places=collection([school, odd]))
    assert len(found) == 1 and found[0].startswith(f"places.geojson:features[1] (id 'p1'): {expected}"), found
