"""Codes of older generations: what they mean today, and what is wrong with a crosswalk, by line."""

from pathlib import Path

import pytest

from gewu.city import load
from tests.city.packages import CODEBOOK, faults, write

HEAD = "generation,kind,code,category,label_zh\n"


def test_an_older_code_means_its_class_with_its_generation_before_it(tmp_path: Path) -> None:
    city = load(
        write(tmp_path, codes=f"{HEAD}2,matter,0110,matter:06010,暴露垃圾\n1,matter,0102,matter:06010,暴露垃圾\n")
    )
    for word in ("2:matter:0110", " 2:MATTER:0110 ", "1:matter:0102"):
        assert (found := city.category(word)) and found.key == "matter:06010", word
    for word in ("0110", "matter:0110", "1:matter:0110", "3:matter:0110"):
        assert city.category(word) is None, f"{word}: the digits do not tell the generation"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("3,matter,0110,matter:06010,a", "codes.csv:3: generation '3' is none of 1 2"),
        ("2,device,0110,matter:06010,a", "codes.csv:3: kind 'device' is none of component matter"),
        ("2,matter,110,matter:06010,a", "codes.csv:3: code '110' must be 4 digits"),
        ("2,matter,01-10,matter:06010,a", "codes.csv:3: code '01-10' must be 4 digits"),
        ("2,matter,0110,matter:6010,a", "codes.csv:3: category 'matter:6010' is not in codebook.csv"),
        ("2,matter,0110,matter:06010,", "codes.csv:3: label_zh is empty"),
        (
            "2,matter,0101,matter:06010,a",
            "codes.csv:3: code '2:matter:0101' is already on line 2; it means one category",
        ),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, row: str, expected: str) -> None:
    found = faults(tmp_path, codes=f"{HEAD}2,matter,0101,matter:01001,供水井盖异常\n{row}\n")
    assert any(fault.startswith(expected) for fault in found), found


def test_the_demo_city_knows_what_both_older_generations_mean(demo: Path) -> None:
    city = load(demo)
    # The order of the majors changed: 05 was street order in the first generation, and in the second 04.
    assert city.category("1:matter:0504") is city.category("2:matter:0405") is city.category("店外经营")
    assert city.category("2:component:0506") is city.category("水域附属设施")
    assert {code.partition(":")[0] for code in city.codes} == {"1", "2"}
    assert all(city.category(code) is city.categories[key] for code, key in city.codes.items())


def test_a_code_that_is_another_classs_word_is_named(tmp_path: Path) -> None:
    codes = f"{HEAD}2,matter,0110,matter:06010,暴露垃圾\n"
    (fault,) = faults(tmp_path, codes=codes, codebook=CODEBOOK.replace("井盖|manhole", "井盖|2:matter:0110"))
    assert fault == "codes.csv: code '2:matter:0110' means matter:06010, and in codebook.csv component:01001"
