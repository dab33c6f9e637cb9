"""The two committed tables: which department answers for a category, and what the city's file calls each department."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A row of departments.csv."""

    category: str
    label_zh: str
    department: str
    lane: str
    join_radius_m: str
    join_within_h: str


@dataclass(frozen=True, slots=True)
class NameRow:
    """A row of department_names.csv; a department that the city writes in two ways has two rows."""

    city_name: str
    department: str
    label_en: str
    label_zh: str
    owner: str


def categories() -> list[CategoryRow]:
    """Which department answers for which category."""
    return [CategoryRow(**row) for row in _rows("departments.csv")]


def names() -> list[NameRow]:
    """The city's names of departments."""
    return [NameRow(**row) for row in _rows("department_names.csv")]


def ours() -> Mapping[str, str]:
    """Our department by the city's name for it."""
    return {row.city_name: row.department for row in names()}


def _rows(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
