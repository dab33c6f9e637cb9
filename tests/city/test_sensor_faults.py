"""Each fault of sensors.csv is named with its line and what would be right."""

from pathlib import Path

import pytest

from gewu.city import Threshold, load

from .packages import CODEBOOK, LIMITS, SENSORS, faults, write

BOOK = CODEBOOK + "device,sensor,传感器故障,Sensor fault,p2,0,0,\n"
MORE = {"codebook": BOOK, "limits": LIMITS + "device:sensor,1,wd,,\n"}


def test_a_sensor_is_read_with_its_limits_and_found_as_a_device(tmp_path: Path) -> None:
    city = load(write(tmp_path, sensors=SENSORS, **MORE))
    sensor = city.sensors["level-1"]
    assert (sensor.high, sensor.low) == (Threshold(30, 20), Threshold(5, 10))
    assert (sensor.dwell_s, sensor.silent_after_s, sensor.flaps, sensor.flap_window_s) == (60, 900, 3, 3600)
    device = city.device("sensor:level-1")
    assert device and (device.supplier, device.lon) == ("water", 83.0005)
    assert city.device("camera:level-1") is None and city.device("level-1") is None
    assert (city.owner("level-1"), city.owner("T1"), city.owner("nothing")) == ("water", "water", "")


def test_a_package_without_the_file_has_no_sensors(tmp_path: Path) -> None:
    assert not load(write(tmp_path)).sensors


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("level-1", "Level_1", "sensors.csv:2: sensor id 'Level_1' must be 1 to 40 of a-z 0-9 -"),
        ("matter:06010", "matter:1", "sensors.csv:2: category 'matter:1' is not in codebook.csv"),
        (",water,", ",watr,", "sensors.csv:2: supplier 'watr' is not in departments.csv"),
        (",T1,", ",T2,", "sensors.csv:2: object_id 'T2' is not in objects.csv"),
        (",30,20,", ",30,30,", "sensors.csv:2: high_clear 30 must be below high 30: with less it goes to and fro"),
        (",5,10,", ",5,4,", "sensors.csv:2: low_clear 4 must be above low 5: with less it goes to and fro"),
        (",30,20,5,10,", ",30,8,5,10,", "sensors.csv:2: high_clear 8 must be above low_clear 10: else nothing lies between them"),
        (",30,20,", ",30,,", "sensors.csv:2: high '30' and high_clear '' go together: both, or neither"),
        (",30,20,5,10,", ",,,,,", "sensors.csv:2: has neither high nor low; without a limit nothing it measures could ever be"),
        (",30,20,", ",inf,20,", "sensors.csv:2: high 'inf' must be a number from"),
        (",30,20,", ",nan,20,", "sensors.csv:2: high 'nan' must be a number from"),
        (",60,900,", ",1.5,900,", "sensors.csv:2: dwell_s '1.5' must be a whole number from 0 to 604800"),
        (",60,900,", ",60,-1,", "sensors.csv:2: silent_after_s '-1' must be a whole number from 0 to 604800"),
        (",3,3600", ",3,0", "sensors.csv:2: flaps 3 and flap_window_s 0 go together: both above 0, or both 0"),
        (",3,3600", ",1,3600", "sensors.csv:2: flaps is 1, and every first crossing would be a fault of the device"),
        (",3,3600", ",101,3600", "sensors.csv:2: flaps '101' must be a whole number from 0 to 100"),
        ("83.0005", "84.0005", "sensors.csv: sensor 'level-1' at 84.0005 39.0005 lies in no grid of grids.geojson"),
        (",cm,", ",,", "sensors.csv:2: unit is empty"),
    ],
)  # fmt: skip
def test_a_fault_of_a_sensor_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SENSORS
    found = faults(tmp_path, sensors=SENSORS.replace(old, new, 1), **MORE)
    assert any(text.startswith(expected) for text in found), found


def test_a_sensor_twice_an_objects_id_and_a_missing_class_are_named(tmp_path: Path) -> None:
    row = SENSORS.splitlines()[1]
    found = faults(tmp_path, sensors=SENSORS + row + "\n", objects=None, **MORE)
    assert "sensors.csv:3: sensor 'level-1' is already on line 2" in found
    objects = "id,category,lon,lat,owner,maintainer\nlevel-1,component:01001,83.0005,39.0005,water,\n"
    found = faults(tmp_path, sensors=SENSORS.replace(",T1,", ",,"), objects=objects, **MORE)
    assert any("is an object's id as well" in text for text in found)
    found = faults(tmp_path, sensors=SENSORS)
    assert any(text.startswith("sensors.csv:1: needs the class device:sensor in codebook.csv") for text in found)
