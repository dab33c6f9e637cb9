"""scenes.toml: what is looked for in the pictures of cameras, and what nothing may look at."""

import re
import tomllib
from collections.abc import Container, Mapping, Sequence
from datetime import date
from typing import Any

import shapely

from gewu.city.faults import Notes
from gewu.city.plate import is_plate
from gewu.city.reading.values import Say, at_line, identifier, known, number, text
from gewu.city.scene import LONGEST_DAYS, MOST_PLATES, Camera, PlateRule, Polygon, Purpose, Scenes, ZoneRule

_KEYS = {
    "privacy": {"camera", "polygon"},
    "zone": {"id", "camera", "category", "polygon", "dwell_s", "share", "point"},
    "plate": {"id", "cameras", "category", "purpose", "plates", "approved_by", "valid_from", "valid_to"},
}
_OPTIONAL = {"point"}
_SQUARE: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
_LOT = 8  # privacy zones a camera: with more, move the camera


def read_scenes(
    source: str, cameras: Mapping[str, Camera] | None, categories: Container[str] | None, notes: Notes
) -> Scenes | None:
    """Read all rules; None when it is no TOML. None for cameras or categories: they could not be read."""
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as failure:
        line = re.search(r"at line (\d+)", str(failure))
        notes.line(int(line[1]) if line else source.count("\n") + 1, f"is no TOML: {failure}")
        return None
    for key in data.keys() - _KEYS.keys():
        notes.line(1, f"{key!r} is unknown here; there are {', '.join(f'[[{kind}]]' for kind in _KEYS)}")
    zones = [_zone(row, cameras, categories, say) for row, say in _tables(source, data, "zone", notes)]
    said = [(_plate(row, cameras, categories, say), say) for row, say in _tables(source, data, "plate", notes)]
    plates = [rule for rule, _ in said]
    _check_nobody_followed(said)
    _check_once([rule.id for rule in (*zones, *plates)], notes)
    privacy: dict[str, tuple[Polygon, ...]] = {}
    for row, say in _tables(source, data, "privacy", notes):
        camera = _camera(row["camera"], cameras, say)
        privacy[camera] = (*privacy.get(camera, ()), _polygon(row["polygon"], say))
        if len(privacy[camera]) > _LOT:
            say(f"camera {camera!r} has more than {_LOT} privacy zones; turn it away from what it must not see")
    return Scenes(tuple(zones), tuple(plates), privacy)


def _tables(source: str, data: dict[str, Any], kind: str, notes: Notes) -> list[tuple[dict[str, Any], Say]]:
    """Those of one kind with all their keys, and where each stands: tomllib keeps no lines."""
    heads = [n for n, line in enumerate(source.splitlines(), 1) if re.match(rf"\s*\[\[\s*{kind}\s*\]\]", line)]
    rows = data.get(kind, [])
    if not isinstance(rows, list) or len(rows) != len(heads) or not all(isinstance(row, dict) for row in rows):
        notes.line(1, f"{kind} must be written as tables, each headed [[{kind}]]")
        return []
    found = []
    for line, row in zip(heads, rows, strict=True):
        say = at_line(notes, line)
        for key in row.keys() - _KEYS[kind]:
            say(f"key {key!r} is unknown here; the keys are {', '.join(sorted(_KEYS[kind]))}")
        missing = _KEYS[kind] - _OPTIONAL - row.keys()
        for key in sorted(missing):
            say(f"{key} is missing")
        if not missing:
            found.append((row, say))
    return found


def _zone(
    row: dict[str, Any], cameras: Mapping[str, Camera] | None, categories: Container[str] | None, say: Say
) -> ZoneRule:
    camera = _camera(row["camera"], cameras, say)
    seen = cameras.get(camera) if cameras else None
    lon, lat = row.get("point", (seen.lon, seen.lat) if seen else (0.0, 0.0)) if _is_point(row, say) else (0.0, 0.0)
    return ZoneRule(
        id=identifier(row["id"], "zone id", say),
        camera=camera,
        category=_category(row["category"], categories, say),
        polygon=_polygon(row["polygon"], say),
        dwell_s=_amount(row["dwell_s"], "dwell_s", 1, 86_400, say),
        share=_amount(row["share"], "share", 0.02, 1, say),
        lon=_amount(lon, "point's lon", -180, 180, say),
        lat=_amount(lat, "point's lat", -90, 90, say),
    )


def _is_point(row: dict[str, Any], say: Say) -> bool:
    point = row.get("point", (0, 0))
    if not (isinstance(point, list | tuple) and len(point) == 2):
        say(f"point {point!r} must be [lon, lat]")
        return False
    return True


def _plate(
    row: dict[str, Any], cameras: Mapping[str, Camera] | None, categories: Container[str] | None, say: Say
) -> PlateRule:
    named = _list(row["cameras"], "cameras", say)
    if not named:
        say("cameras is empty; a rule names the camera that it holds for")
    if len(named) > 1:
        say(f"names {len(named)} cameras; a plate is asked for at one camera only, or its car would be followed")
    first, last = _dates(row, say)
    return PlateRule(
        id=identifier(row["id"], "plate rule id", say),
        cameras=tuple(_of_security(_camera(camera, cameras, say), cameras, say) for camera in named),
        category=_category(row["category"], categories, say),
        purpose=text(row["purpose"], "purpose", say),
        plates=_plates(row["plates"], say),
        approved_by=_approvers(row["approved_by"], say),
        valid_from=first,
        valid_to=last,
    )


def _dates(row: dict[str, Any], say: Say) -> tuple[date, date]:
    first, last = row["valid_from"], row["valid_to"]
    # A TOML date-time is a date as well to Python; a rule is dated by whole days.
    if type(first) is not date or type(last) is not date:
        say("valid_from and valid_to must be dates, written 2026-01-31 without quotes")
        return date.min, date.min
    if not 0 <= (last - first).days < LONGEST_DAYS:
        say(f"holds from {first} to {last}; a rule holds for 1 to {LONGEST_DAYS} days, then two persons look again")
    return first, last


def _plates(said: object, say: Say) -> tuple[str, ...]:
    plates = _list(said, "plates", say)
    # What is wrong is counted and not repeated: it may be somebody's plate with one place mistyped.
    if wrong := sum(not is_plate(plate) for plate in plates):
        say(f"{wrong} of {len(plates)} plates are no whole plates; patterns and parts of plates are refused")
    if not 1 <= len(plates) <= MOST_PLATES:
        say(f"names {len(plates)} plates; a rule names 1 to {MOST_PLATES}")
    return tuple(plates)


def _approvers(said: object, say: Say) -> tuple[str, str]:
    names = [text(name, "approved_by", say) for name in _list(said, "approved_by", say)]
    if len(names) != 2 or len({name.casefold() for name in names}) != 2:
        say("approved_by must name two different persons")
        return "", ""
    return names[0], names[1]


def _list(said: object, what: str, say: Say) -> list[str]:
    if not isinstance(said, list) or not all(isinstance(item, str) for item in said):
        say(f"{what} must be a list of texts")
        return []
    return said


def _camera(said: object, cameras: Mapping[str, Camera] | None, say: Say) -> str:
    camera = said if isinstance(said, str) else ""
    known(camera, "camera", "cameras.csv", cameras, say)
    return camera


def _of_security(camera: str, cameras: Mapping[str, Camera] | None, say: Say) -> str:
    seen = cameras.get(camera) if cameras else None
    if seen and seen.purpose is not Purpose.PUBLIC_SECURITY:
        say(f"camera {camera!r} is for {seen.purpose}; plates are read at cameras of {Purpose.PUBLIC_SECURITY} only")
    return camera


def _category(said: object, categories: Container[str] | None, say: Say) -> str:
    category = said if isinstance(said, str) else ""
    known(category, "category", "codebook.csv", categories, say)
    return category


def _amount(said: object, what: str, low: float, high: float, say: Say) -> float:
    return number(str(said) if type(said) in (int, float) else repr(said), what, low, high, say)


def _polygon(said: object, say: Say) -> Polygon:
    right = "polygon must be a list of 3 to 32 points [x, y], each from 0 to 1, whose sides do not cross"
    if not isinstance(said, list) or not 3 <= len(said) <= 32:
        say(right)
        return _SQUARE
    points = [tuple(point) if isinstance(point, list) else () for point in said]
    if not all(len(p) == 2 and all(type(v) in (int, float) and 0 <= v <= 1 for v in p) for p in points):
        say(right)
        return _SQUARE
    if not (shape := shapely.Polygon(points)).is_valid or shape.area < 1e-4:
        say(right)
    return tuple((float(x), float(y)) for x, y in points)


def _check_nobody_followed(said: Sequence[tuple[PlateRule, Say]]) -> None:
    """No plate is asked for at two cameras on one day, by whichever rules: together they would tell where a car goes."""
    for n, (rule, say) in enumerate(said):
        for other, _ in said[:n]:
            same_day = rule.valid_from <= other.valid_to and other.valid_from <= rule.valid_to
            both = set(rule.plates) & set(other.plates)
            if same_day and both and rule.cameras != other.cameras:
                what = (
                    f"{len(both)} of its plates are asked for by rule {other.id!r} at another camera on the same days"
                )
                say(f"{what}; a plate is asked for at one camera only, or its car would be followed")


def _check_once(ids: list[str], notes: Notes) -> None:
    for twice in sorted({id for id in ids if ids.count(id) > 1}):
        notes.line(1, f"rule {twice!r} stands there twice; what it finds could not be told apart")
