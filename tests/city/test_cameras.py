"""Cameras and scenes of a package: each fault with its file, its line, and what would be right."""

import re
from datetime import date
from pathlib import Path

import pytest

from gewu.city import CityFaults, load
from gewu.city.scene import ForbiddenPlace, KindOfPlace, Purpose

from .packages import faults, write

CAMERAS = """\
id,label_zh,label_en,programme,owner,supplier,lon,lat,kind_of_place,level,purpose,filing,source,silent_after_s,fps
99010100001310000001,通道,Lane,雪亮工程,desk,water,83.0005,39.0005,fire-lane,2,public_security,备1,rtsp://10.1.2.3/a,60,2
99010100001320000002,门前,Gate,数字城管,desk,water,83.0005,39.0005,street,3,city_management,备2,gate.mp4,60,1
"""
SCENES = """\
[[zone]]
id = "lane"
camera = "99010100001310000001"
category = "matter:06010"
polygon = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]
dwell_s = 120
share = 0.2

[[plate]]
id = "case-7"
cameras = ["99010100001310000001"]
category = "matter:06010"
purpose = "案件 7"
plates = ["皖A12345", "皖AD12345"]
approved_by = ["张甲", "李乙"]
valid_from = 2026-11-01
valid_to = 2026-11-30

[[privacy]]
camera = "99010100001310000001"
polygon = [[0, 0], [0.2, 0], [0.2, 0.2]]
"""

FIRST = '"99010100001310000001"'


def test_a_package_with_cameras_is_read(tmp_path: Path) -> None:
    write(tmp_path, cameras=CAMERAS)
    (tmp_path / "scenes.toml").write_text(SCENES)
    city = load(tmp_path)
    first, second = city.cameras.values()
    assert (first.kind_of_place, first.purpose, first.is_file) == (
        KindOfPlace.FIRE_LANE,
        Purpose.PUBLIC_SECURITY,
        False,
    )
    assert (second.supplier, second.is_file, second.silent_after_s) == ("water", True, 60.0)
    (zone,), (rule,) = city.scenes.zones, city.scenes.plates
    assert (zone.lon, zone.lat, zone.dwell_s) == (83.0005, 39.0005, 120.0)
    assert rule.in_force(date(2026, 11, 30)) and not rule.in_force(date(2026, 12, 1))
    assert "皖A12345" not in repr(rule) and list(city.scenes.privacy) == [first.id]


@pytest.mark.parametrize("place", ForbiddenPlace)
def test_a_camera_in_a_forbidden_place_is_refused_with_the_article(tmp_path: Path, place: ForbiddenPlace) -> None:
    (found,) = faults(tmp_path, cameras=CAMERAS.replace(",street,", f",{place},"))
    assert found == (
        f"cameras.csv:3: kind_of_place '{place}': no camera may stand there (State Council Order 799, Article 8); "
        "take this one down"
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("数字城管,desk", "数字城管,nobody", "cameras.csv:3: owner 'nobody' is not in departments.csv"),
        ("数字城管,desk", ",desk", "cameras.csv:3: programme is empty"),
        ("99010100001320000002", "9901010000132000000", "cameras.csv:3: camera id '9901010000132000000' must be the 20 digits"),
        ("99010100001320000002", "99010100001180000002", "cameras.csv:3: camera id '99010100001180000002': digits 11 to 13 are"),
        ("99010100001320000002", "99010100001310000001", "cameras.csv:3: camera '99010100001310000001' is already on line 2"),
        (",street,", ",corner,", "cameras.csv:3: kind_of_place 'corner' is none of street, crossing"),
        ("city_management", "curiosity", "cameras.csv:3: purpose 'curiosity' is none of public_security, city_management"),
        ("desk,water,83.0005,39.0005,street", "desk,gone,83.0005,39.0005,street", "cameras.csv:3: supplier 'gone' is not in dep"),
        ("备2", "", "cameras.csv:3: filing is empty"),
        (",3,city", ",4,city", "cameras.csv:3: level '4' is none of 1 2 3"),
        ("gate.mp4", "../gate.mp4", "cameras.csv:3: source '../gate.mp4' must be an rtsp address or the name of a file"),
        ("gate.mp4", "http://10.1.2.3/x", "cameras.csv:3: source 'http://10.1.2.3/x' must look like rtsp://"),
        ("gate.mp4,60", "gate.mp4,1", "cameras.csv:3: silent_after_s '1' must be a number from 5 to 86400"),
    ],
)  # fmt: skip
def test_a_fault_of_a_camera_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in CAMERAS
    found = faults(tmp_path, cameras=CAMERAS.replace(old, new))
    assert len(found) == 1 and found[0].startswith(expected)


def test_a_login_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, cameras=CAMERAS.replace("rtsp://10", "rtsp://admin:s3cret@10"))
    assert found.startswith("cameras.csv:2: source holds a login") and "s3cret" not in found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('["张甲", "李乙"]', '["张甲"]', "scenes.toml:9: approved_by must name two different persons"),
        ('["张甲", "李乙"]', '["张甲", "张甲"]', "scenes.toml:9: approved_by must name two different persons"),
        ('["皖A12345", "皖AD12345"]', '[".*"]', "scenes.toml:9: 1 of 1 plates are no whole plates; patterns and parts"),
        ('["皖A12345", "皖AD12345"]', '["皖A123"]', "scenes.toml:9: 1 of 1 plates are no whole plates"),
        ('["皖A12345", "皖AD12345"]', "[]", "scenes.toml:9: names 0 plates; a rule names 1 to 20"),
        ("valid_to = 2026-11-30", "valid_to = 2027-03-01", "scenes.toml:9: holds from 2026-11-01 to 2027-03-01; a rule"),
        ("valid_to = 2026-11-30", "valid_to = 2026-10-30", "scenes.toml:9: holds from 2026-11-01 to 2026-10-30"),
        ("valid_to = 2026-11-30", 'valid_to = "never"', "scenes.toml:9: valid_from and valid_to must be dates"),
        ("valid_to = 2026-11-30\n", "", "scenes.toml:9: valid_to is missing"),
        ('cameras = ["99010100001310000001"]', "cameras = []", "scenes.toml:9: cameras is empty"),
        ('cameras = ["99010100001310000001"]', 'cameras = ["*"]', "scenes.toml:9: camera '*' is not in cameras.csv"),
        (f"[{FIRST}]", '["99010100001320000002"]', "scenes.toml:9: camera '99010100001320000002' is for city_management"),
        (f"[{FIRST}]", f"[{FIRST}, {FIRST}]", "scenes.toml:9: names 2 cameras; a plate is asked for at one camera only"),
        ("dwell_s = 120", "dwell_s = 0", "scenes.toml:1: dwell_s '0' must be a number from 1 to 86400"),
        ("[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]", "[[0.1, 0.1], [1.9, 0.1], [0.9, 0.9]]", "scenes.toml:1: polygon must"),
        ("[[0.1, 0.1], [0.9, 0.1], [0.9, 0.9]]", "[[0.1, 0.1], [0.9, 0.9], [0.9, 0.1], [0.1, 0.9]]", "scenes.toml:1: polygon"),
        ('id = "lane"', 'id = "case-7"', "scenes.toml:1: rule 'case-7' stands there twice"),
        ("share = 0.2", "share = 0.2\nfaces = true", "scenes.toml:1: key 'faces' is unknown here"),
        ("[[privacy]]", "[[person]]", "scenes.toml:1: 'person' is unknown here; there are [[privacy]], [[zone]], [[plate]]"),
    ],
)  # fmt: skip
def test_a_fault_of_a_scene_is_named(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in SCENES
    (tmp_path / "scenes.toml").write_text(SCENES.replace(old, new))
    found = faults(tmp_path, cameras=CAMERAS)
    assert len(found) == 1 and found[0].startswith(expected), found
    assert not any(plate in found[0] for plate in ("皖A12345", "皖A123"))


def two_rules(**changed: str) -> str:
    """The scenes with a second rule, like the first but at another camera and where it was changed."""
    said = {"cameras": '["99010100001310000003"]', **changed}
    second = SCENES[SCENES.index("[[plate]]") : SCENES.index("[[privacy]]")].replace("case-7", "case-8")
    for key, value in said.items():
        second = re.sub(rf"^{key} = .*$", f"{key} = {value}", second, flags=re.M)
    return SCENES + second


@pytest.mark.parametrize(
    ("changed", "plates"),
    [
        ({}, 2),
        ({"plates": '["皖A12345"]'}, 1),
        ({"valid_from": "2026-11-30", "valid_to": "2026-12-30"}, 2),
        ({"valid_from": "2026-12-01", "valid_to": "2026-12-30"}, 0),
        ({"plates": '["皖A54321"]'}, 0),
        ({"cameras": f"[{FIRST}]"}, 0),
    ],
)
def test_no_plate_is_asked_for_at_two_cameras_on_one_day_by_whichever_rules(
    tmp_path: Path, changed: dict[str, str], plates: int
) -> None:
    first = CAMERAS.splitlines()[1]
    write(tmp_path, cameras=f"{CAMERAS}{first.replace('99010100001310000001', '99010100001310000003')}\n")
    (tmp_path / "scenes.toml").write_text(two_rules(**changed))
    if not plates:
        assert len(load(tmp_path).scenes.plates) == 2
        return
    with pytest.raises(CityFaults) as wrong:
        load(tmp_path)
    (found,) = map(str, wrong.value.faults)
    line = two_rules(**changed).splitlines().index("[[privacy]]") + 4
    assert found.startswith(f"scenes.toml:{line}: {plates} of its plates are asked for by rule 'case-7' at another")
    assert "皖" not in found, "and no plate is repeated"
