"""sensors.csv: the sensors of the city, with the limits beyond which a value is a crossing."""

import math
from collections.abc import Container, Mapping

from gewu.city.faults import Notes
from gewu.city.model import Category, Sensor, Threshold
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, known, name, number, once, text

COLUMNS = (
    "id", "label_zh", "label_en", "category", "quantity", "unit", "lon", "lat", "object_id", "supplier", "high", "high_clear",
    "low", "low_clear", "dwell_s", "silent_after_s", "flaps", "flap_window_s",
)  # fmt: skip
SENSOR_FAULT = "device:sensor"  # the class of a sensor's own faults
_WEEK_S = 7 * 86_400
MOST_FLAPS = 100  # so many times of crossings are kept for each sensor


def read_sensors(
    source: str,
    categories: Mapping[str, Category] | None,
    departments: Container[str] | None,
    objects: Container[str] | None,
    notes: Notes,
) -> dict[str, Sensor] | None:
    """Read the sensors by id; None when the table itself is unreadable, as it is for the other three."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    sensors: dict[str, Sensor] = {}
    lines: dict[str, int] = {}
    for row in rows:
        say = at_line(notes, row.line)
        sensor = _sensor(row, say)
        known(sensor.category_key, "category", "codebook.csv", categories, say)
        known(sensor.supplier, "supplier", "departments.csv", departments, say)
        if sensor.object_id:
            known(sensor.object_id, "object_id", "objects.csv", objects, say)
        if objects is not None and sensor.id in objects:
            say(f"sensor {sensor.id!r} is an object's id as well; a case could not tell which of them it is about")
        if once(sensor.id, row, lines, "sensor", notes):
            sensors[sensor.id] = sensor
    if sensors and categories is not None and SENSOR_FAULT not in categories:
        notes.line(
            1, f"needs the class {SENSOR_FAULT} in codebook.csv: what a sensor that is silent or flaps is a case of"
        )
    return sensors


def _sensor(row: Row, say: Say) -> Sensor:
    high, low = _threshold(row, "high", 1, say), _threshold(row, "low", -1, say)
    if not row["high"] and not row["low"]:
        say("has neither high nor low; without a limit nothing it measures could ever be a case")
    if high and low and high.clear <= low.clear:
        say(f"high_clear {high.clear:g} must be above low_clear {low.clear:g}: else nothing lies between them")
    flaps, window = _whole(row, "flaps", MOST_FLAPS, say), _whole(row, "flap_window_s", _WEEK_S, say)
    if (flaps > 0) != (window > 0):
        say(f"flaps {flaps} and flap_window_s {window} go together: both above 0, or both 0")
    if flaps == 1:
        say("flaps is 1, and every first crossing would be a fault of the device; give 0 or at least 2")
    return Sensor(
        id=name(row["id"], "sensor id", say),
        label_zh=text(row["label_zh"], "label_zh", say),
        label_en=text(row["label_en"], "label_en", say),
        category_key=row["category"],
        quantity=text(row["quantity"], "quantity", say),
        unit=text(row["unit"], "unit", say),
        lon=number(row["lon"], "lon", -180, 180, say),
        lat=number(row["lat"], "lat", -90, 90, say),
        object_id=row["object_id"],
        supplier=row["supplier"],
        high=high,
        low=low,
        dwell_s=_whole(row, "dwell_s", _WEEK_S, say),
        silent_after_s=_whole(row, "silent_after_s", _WEEK_S, say),
        flaps=flaps,
        flap_window_s=window,
    )


def _threshold(row: Row, side: str, sign: int, say: Say) -> Threshold | None:
    """One limit with its clear, which must lie on the harmless side: below a high one, above a low one."""
    limit, clear = row[side], row[f"{side}_clear"]
    if not limit and not clear:
        return None
    if not limit or not clear:
        say(f"{side} {limit!r} and {side}_clear {clear!r} go together: both, or neither")
        return None
    found = Threshold(_finite(limit, side, say), _finite(clear, f"{side}_clear", say))
    if (found.limit - found.clear) * sign <= 0:
        say(
            f"{side}_clear {clear} must be {'below' if sign > 0 else 'above'} {side} {limit}: with less it goes to and fro"
        )
    return found


def _finite(value: str, what: str, say: Say) -> float:
    return number(value, what, -math.nextafter(math.inf, 0), math.nextafter(math.inf, 0), say)


def _whole(row: Row, column: str, most: int, say: Say) -> int:
    value = row[column]
    if not value.isascii() or not value.isdigit() or len(value) > 9 or int(value) > most:
        say(f"{column} {value!r} must be a whole number from 0 to {most}")
        return 0
    return int(value)
