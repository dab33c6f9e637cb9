"""objects.csv: the components on the ground, with owner and maintainer."""

from collections.abc import Container, Mapping

from gewu.city.faults import Notes
from gewu.city.model import Category, CityObject
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import at_line, identifier, known, number, once

COLUMNS = ("id", "category", "lon", "lat", "owner", "maintainer")


def read_objects(
    source: str,
    categories: Mapping[str, Category] | None,
    departments: Container[str] | None,
    notes: Notes,
) -> dict[str, CityObject] | None:
    """Read the objects by id; None when the table itself is unreadable, as it is for the other two."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    objects: dict[str, CityObject] = {}
    lines: dict[str, int] = {}
    for row in rows:
        thing = _object(row, categories, departments, notes)
        if once(thing.id, row, lines, "object", notes):
            objects[thing.id] = thing
    return objects


def _object(
    row: Row, categories: Mapping[str, Category] | None, departments: Container[str] | None, notes: Notes
) -> CityObject:
    say = at_line(notes, row.line)
    known(row["category"], "category", "codebook.csv", categories, say)
    if categories and row["category"] in categories and categories[row["category"]].kind == "matter":
        say(f"category {row['category']!r} is a matter; an object is a thing, so its category is a component")
    known(row["owner"], "owner", "departments.csv", departments, say)
    if row["maintainer"]:
        known(row["maintainer"], "maintainer", "departments.csv", departments, say)
    return CityObject(
        id=identifier(row["id"], "object id", say),
        category_key=row["category"],
        lon=number(row["lon"], "lon", -180, 180, say),
        lat=number(row["lat"], "lat", -90, 90, say),
        owner=row["owner"],
        maintainer=row["maintainer"] or None,
    )
