"""Each fault of a table is named with file, physical line and what would be right."""

from pathlib import Path

import pytest

from gewu.city import CityFaults, load

from .packages import CODEBOOK, DEPARTMENTS, LIMITS, OBJECTS, faults, write


def test_the_tiny_package_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("codebook", ",p2,", ",p9,", "codebook.csv:3: lane 'p9' is none of p0 p1 p2 p3"),
        ("codebook", "30,24", "30m,24", "codebook.csv:3: join_radius_m '30m' must be a number from 0 to 5000"),
        ("codebook", "30,24", "30,nan", "codebook.csv:3: join_within_h 'nan' must be a number from 0 to 8760"),
        ("codebook", "垃圾|litter", "垃圾|Manhole ", "codebook.csv:3: alias 'Manhole' also means component:01001 (lin"),
        ("codebook", "垃圾|litter", "Water Cover", "codebook.csv:3: alias 'Water Cover' also means component:01001 (l"),
        ("codebook", "06010", "6010", "codebook.csv:3: code '6010' has 4 digits where most have 5; a spreadsheet may"),
        ("codebook", "06010", "O6010", "codebook.csv:3: code 'O6010' of a matter must be 5 digits"),
        ("codebook", "matter,06010", "Matter,06010", "codebook.csv:3: kind 'Matter' must be component, matter or"),
        ("codebook", "matter,06010", "component,01001", "codebook.csv:3: category 'component:01001' is already on lin"),
        ("codebook", "Rubbish", "", "codebook.csv:3: label_en is empty"),
        ("codebook", ",lane,", ",lanes,", "codebook.csv:1: column 'lane' is missing; the columns are kind, code,"),
        ("codebook", ",lane,", ",lanes,", "codebook.csv:1: column 'lanes' is unknown; the columns are kind, code,"),
        ("codebook", ",aliases", ",code", "codebook.csv:1: column 'code' stands there twice"),
        ("codebook", ",72,井盖", ",72,1,井盖", "codebook.csv:2: has 9 cells where the head has 8"),
        ("codebook", "Rubbish", '"Rub"bish', "codebook.csv:3: is no CSV from here on: ',' expected after '\"'"),
        ("codebook", "Rubbish", '"Rubbish', "codebook.csv:3: is no CSV from here on: unexpected end of data"),
        ("codebook", "Rubbish", "Rub\ufffdish", "codebook.csv:3: label_en 'Rub\ufffdish' holds a replacement characte"),
        ("codebook", "Rubbish", '"Rub\nbish"', "codebook.csv:3: label_en 'Rub\\nbish' holds a control character"),
        ("departments", "water,", "Water_1,", "departments.csv:3: department id 'Water_1' must be 1 to 40 of a-z 0-9 "),
        ("departments", "water,", "desk,", "departments.csv:3: department 'desk' is already on line 2"),
        ("limits", "4,wh", "4.5,wh", "limits.csv:4: amount '4.5' must be a whole number from 1 to 10000"),
        ("limits", "4,wh", "٤,wh", "limits.csv:4: amount '٤' must be a whole number from 1 to 10000"),
        ("limits", "4,wh", "4,h", "limits.csv:4: unit 'h' is none of uh ud wh wd nd"),
        ("limits", "matter:06010", "matter:6010", "limits.csv:4: category 'matter:6010' is not in codebook.csv"),
        ("limits", "5,wd,路面下沉,the paving has sunk", "5,wd,,", "has a limit for this condition on line 2 already"),
        ("limits", ",the paving has sunk", ",", "limits.csv:3: condition_zh and condition_en must both be given or bo"),
        ("limits", "4,wh,,", "4,wh,夜间,at night", "limits.csv:4: category 'matter:06010' has limits with conditions "),
        ("limits", "matter:06010,4,wh,,\n", "", "codebook.csv:3: category 'matter:06010' has no row in limits.csv"),
        ("objects", "component:01001", "component:01002", "objects.csv:2: category 'component:01002' is not in codebo"),
        ("objects", "component:01001", "matter:06010", "objects.csv:2: category 'matter:06010' is a matter; an object"),
        ("objects", "water,", "watr,", "objects.csv:2: owner 'watr' is not in departments.csv"),
        ("objects", "water,", "water,watr", "objects.csv:2: maintainer 'watr' is not in departments.csv"),
        ("objects", "83.0005", "183.0005", "objects.csv:2: lon '183.0005' must be a number from -180 to 180"),
        ("objects", "39.0005", "", "objects.csv:2: lat '' must be a number from -90 to 90"),
        ("objects", "T1", "T 1", "objects.csv:2: object id 'T 1' must be a text of 1 to 64 characters without blanks"),
    ],
)
def test_a_fault_in_a_table_is_named_with_its_line(
    tmp_path: Path, file: str, old: str, new: str, expected: str
) -> None:
    right = {"codebook": CODEBOOK, "departments": DEPARTMENTS, "limits": LIMITS, "objects": OBJECTS}[file]
    assert old in right
    found = faults(tmp_path, **{file: right.replace(old, new, 1)})
    assert any(expected in fault for fault in found), found


def test_a_repeated_object_names_the_first_line(tmp_path: Path) -> None:
    found = faults(tmp_path, objects=OBJECTS + "T1,component:01001,83.0006,39.0006,water,water\n")
    assert found == ["objects.csv:3: object 'T1' is already on line 2"]


def test_lines_are_physical_even_after_blank_lines_and_quoted_line_breaks(tmp_path: Path) -> None:
    head = "id,category,kind_of_place,grid,owner,department,note\r\n\r\n"
    found = faults(tmp_path, routing=head + 'a,matter:*,*,*,*,"desk",""\r\n"b",*,*,*,"*\n",dsk,\r\n')
    assert found == ["routing.csv:4: department 'dsk' is not in departments.csv"]


def test_a_byte_order_mark_is_named_and_the_rest_is_still_read(tmp_path: Path) -> None:
    found = faults(tmp_path, codebook=b"\xef\xbb\xbf" + CODEBOOK.replace(",p2,", ",p9,").encode())
    assert found == [
        "codebook.csv:1: starts with a byte order mark; save it as UTF-8 without BOM",
        "codebook.csv:3: lane 'p9' is none of p0 p1 p2 p3",
    ]


def test_a_file_in_gbk_is_named_once_and_raises_no_dangling_references(tmp_path: Path) -> None:
    found = faults(tmp_path, codebook=CODEBOOK.encode("gbk"))
    assert found == [
        "codebook.csv:2: byte 0xb9 is not UTF-8; save the file as UTF-8 (a spreadsheet may have written GBK)"
    ]


def test_a_nul_is_named_with_its_line(tmp_path: Path) -> None:
    found = faults(tmp_path, departments=DEPARTMENTS.replace("Water", "Wa\0ter"))
    assert found == ["departments.csv:3: holds a NUL byte; a package is plain text in UTF-8"]


def test_empty_tables_are_faults_where_a_city_needs_rows(tmp_path: Path) -> None:
    found = faults(tmp_path, codebook="", departments="id,label_zh,label_en,owner\n")
    assert any(fault.startswith("codebook.csv:1: is empty; its first line names the columns kind,") for fault in found)
    assert "departments.csv:1: names no department; a city needs at least one" in found


def test_missing_and_misspelt_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "place.geojson").write_text("{}")
    (tmp_path / "README.md").write_text("welcome")
    found = faults(tmp_path, departments=None)
    assert found[0] == "departments.csv: is missing; every package has this file"
    assert found[1].startswith("place.geojson: is no file of a package; its files are absences.csv, calendar.csv,")
    assert len(found) == 2


def test_limits_places_and_objects_may_be_absent(tmp_path: Path) -> None:
    routing = "id,category,kind_of_place,grid,owner,department,note\nall,*,*,*,*,desk,\n"
    city = load(write(tmp_path, limits=None, places=None, objects=None, routing=routing))
    assert city.categories["component:01001"].limit is None
    assert (city.places, city.objects) == ((), {})


def test_all_faults_are_collected_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    codebook = CODEBOOK.replace(",p1,15,", ",p7,-1,", 1).replace(",p2,", ",p9,")
    with pytest.raises(CityFaults) as refused:
        load(write(tmp_path, codebook=codebook, departments=DEPARTMENTS.replace("Water", ""), objects=OBJECTS + "x\n"))
    assert [(fault.file, fault.line) for fault in refused.value.faults] == [
        ("codebook.csv", 2),
        ("codebook.csv", 2),
        ("codebook.csv", 3),
        ("departments.csv", 3),
        ("objects.csv", 3),
    ]
