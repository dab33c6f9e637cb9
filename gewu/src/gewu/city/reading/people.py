"""people.csv, duties.csv and absences.csv: who is on duty where, and who stands in."""

from collections.abc import Container, Mapping

from gewu.city.faults import Notes
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import at_line, day, known, name, once, text
from gewu.city.roster import Absence, Duty, Person

PEOPLE = ("id", "label_zh", "label_en", "department", "deputy")
DUTIES = ("grid", "role", "person", "valid_from", "valid_to")
ABSENCES = ("person", "first", "last")


def read_people(source: str, departments: Container[str] | None, notes: Notes) -> dict[str, Person] | None:
    """Read the people by id; None when the table itself is unreadable."""
    rows = read_table(source, PEOPLE, notes)
    if rows is None:
        return None
    people: dict[str, Person] = {}
    lines: dict[str, int] = {}
    for row in rows:
        say = at_line(notes, row.line)
        known(row["department"], "department", "departments.csv", departments, say)
        person = Person(
            name(row["id"], "person id", say), text(row["label_zh"], "label_zh", say),
            text(row["label_en"], "label_en", say), row["department"], row["deputy"],
        )  # fmt: skip
        if once(person.id, row, lines, "person", notes):
            people[person.id] = person
    for person in people.values():
        say = at_line(notes, lines[person.id])
        if person.deputy == person.id:
            say(f"{person.id!r} cannot be their own deputy")
        elif person.deputy:
            known(person.deputy, "deputy", "people.csv", people, say)
    return people


def read_duties(
    source: str, people: Mapping[str, Person] | None, grids: Container[str] | None, notes: Notes
) -> list[Duty]:
    """Read the duties."""
    found = []
    for row in read_table(source, DUTIES, notes) or ():
        say = at_line(notes, row.line)
        known(row["grid"], "grid", "grids.geojson", grids, say)
        known(row["person"], "person", "people.csv", people, say)
        duty = Duty(
            row["grid"], name(row["role"], "role", say), row["person"], day(row["valid_from"], "valid_from", say),
            day(row["valid_to"], "valid_to", say),
        )  # fmt: skip
        if duty.valid_from and duty.valid_to and duty.valid_to < duty.valid_from:
            say(f"valid_to {duty.valid_to} is before valid_from {duty.valid_from}; both days are included")
        found.append(duty)
    return found


def read_absences(source: str, people: Mapping[str, Person] | None, notes: Notes) -> list[Absence]:
    """Read the absences."""
    return [a for row in read_table(source, ABSENCES, notes) or () if (a := _absence(row, people, notes))]


def _absence(row: Row, people: Mapping[str, Person] | None, notes: Notes) -> Absence | None:
    say = at_line(notes, row.line)
    known(row["person"], "person", "people.csv", people, say)
    first, last = day(row["first"], "first", say), day(row["last"], "last", say)
    if not row["first"] or not row["last"]:
        say("first and last must both be given: the days on which the person is away, both included")
    if first is None or last is None:
        return None
    if last < first:
        say(f"last {last} is before first {first}; both days are included")
    return Absence(row["person"], first, last)
