"""departments.csv: who answers for work."""

from gewu.city.faults import Notes
from gewu.city.model import Department
from gewu.city.reading.table import read_table
from gewu.city.reading.values import at_line, name, once, text

COLUMNS = ("id", "label_zh", "label_en", "owner")


def read_departments(source: str, notes: Notes) -> dict[str, Department] | None:
    """Read the departments by id; None when the table itself is unreadable."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    departments: dict[str, Department] = {}
    lines: dict[str, int] = {}
    for row in rows:
        say = at_line(notes, row.line)
        department = Department(
            id=name(row["id"], "department id", say),
            label_zh=text(row["label_zh"], "label_zh", say),
            label_en=text(row["label_en"], "label_en", say),
            owner=text(row["owner"], "owner", say, empty=True),
        )
        if once(department.id, row, lines, "department", notes):
            departments[department.id] = department
    if not rows:
        notes.line(1, "names no department; a city needs at least one")
    return departments
