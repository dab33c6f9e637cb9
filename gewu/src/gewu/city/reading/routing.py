"""routing.csv: who gets what, in the order in which the rules are tried."""

from collections.abc import Container

from gewu.city.faults import Notes
from gewu.city.model import ANY, AREA, OWNER, Rule
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import at_line, identifier, known, once, text

COLUMNS = ("id", "category", "kind_of_place", "grid", "owner", "department", "note")


def read_rules(source: str, departments: Container[str] | None, notes: Notes) -> list[Rule] | None:
    """Read the rules as written; None when the table itself is unreadable."""
    rows = read_table(source, COLUMNS, notes)
    if rows is None:
        return None
    lines: dict[str, int] = {}
    rules = [_rule(row, departments, notes) for row in rows]
    for row in rows:
        once(row["id"], row, lines, "rule", notes)
    return rules


def _rule(row: Row, departments: Container[str] | None, notes: Notes) -> Rule:
    say = at_line(notes, row.line)
    for column in ("category", "kind_of_place", "grid", "owner"):
        if not row[column]:
            say(f"{column} is empty; write '*' for any")
        elif ANY in row[column][:-1] or (row[column].endswith(ANY) and column != "category" and row[column] != ANY):
            right = "alone or at the end" if column == "category" else "alone"
            say(f"{column} {row[column]!r}: '*' may only stand {right}")
    if row["owner"] not in ("", ANY):
        known(row["owner"], "owner", "departments.csv", departments, say)
    if row["department"] not in (OWNER, AREA):
        known(row["department"], "department", "departments.csv", departments, say)
    return Rule(
        id=identifier(row["id"], "rule id", say),
        line=row.line,
        category=row["category"],
        kind_of_place=row["kind_of_place"],
        grid=row["grid"],
        owner=row["owner"],
        department=row["department"],
        note=text(row["note"], "note", say, empty=True),
    )
