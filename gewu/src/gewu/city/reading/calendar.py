"""calendar.csv: holidays, and the weekend days that are worked instead."""

from datetime import date

from gewu.city.faults import Notes
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, day, once, text

COLUMNS = ("day", "kind", "label_zh", "label_en")
HOLIDAY, WORKDAY = "holiday", "workday"


def read_calendar(source: str, notes: Notes) -> dict[date, bool]:
    """Read whether each named day is worked on."""
    named: dict[date, bool] = {}
    lines: dict[str, int] = {}
    for row in read_table(source, COLUMNS, notes) or ():
        say = at_line(notes, row.line)
        if once(row["day"], row, lines, "day", notes) and (read := _day(row, say)):
            named[read] = row["kind"] == WORKDAY
    return named


def _day(row: Row, say: Say) -> date | None:
    read = day(row["day"], "day", say)
    if not row["day"]:
        say("day is empty; it is a date, written YYYY-MM-DD")
    if row["kind"] not in (HOLIDAY, WORKDAY):
        say(f"kind {row['kind']!r} is none of {HOLIDAY} {WORKDAY}")
    elif read and row["kind"] == WORKDAY and read.weekday() < 5:
        say(f"{read} is a {read:%A}, which is a workday by itself; write a make-up workday, or remove it")
    for tongue in ("label_zh", "label_en"):
        text(row[tongue], tongue, say)
    return read
