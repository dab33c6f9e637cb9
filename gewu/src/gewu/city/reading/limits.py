"""limits.csv: by when work must be done."""

from gewu.city.faults import Notes
from gewu.city.model import UNITS, Limit
from gewu.city.reading.codebook import Codebook
from gewu.city.reading.table import Row, read_table
from gewu.city.reading.values import Say, at_line, known, text

COLUMNS = ("category", "amount", "unit", "condition_zh", "condition_en")


def read_limits(source: str, codebook: Codebook | None, notes: Notes, book: Notes) -> dict[str, list[Limit]]:
    """Read the limits by category; a category has one without a condition, and any number with one."""
    limits: dict[str, list[Limit]] = {}
    lines: dict[tuple[str, str], int] = {}
    rows = read_table(source, COLUMNS, notes)
    for row in rows or ():
        say = at_line(notes, row.line)
        key = row["category"]
        known(key, "category", "codebook.csv", codebook and codebook.categories, say)
        limit = _limit(row, say)
        if (first := lines.setdefault((key, limit.condition_zh), row.line)) != row.line:
            say(f"category {key!r} has a limit for this condition on line {first} already")
        else:
            limits.setdefault(key, []).append(limit)
    if codebook and rows is not None:
        _check_all_limited(codebook, lines, notes, book)
    return limits


def _limit(row: Row, say: Say) -> Limit:
    amount = row["amount"]
    # isdecimal alone takes digits of every script, which int() reads too but a clerk would not.
    if not (amount.isascii() and amount.isdecimal() and 1 <= int(amount) <= 10_000):
        say(f"amount {amount!r} must be a whole number from 1 to 10000")
        amount = "1"
    if row["unit"] not in UNITS:
        say(f"unit {row['unit']!r} is none of {' '.join(UNITS)}")
    zh = text(row["condition_zh"], "condition_zh", say, empty=True)
    en = text(row["condition_en"], "condition_en", say, empty=True)
    if bool(zh) != bool(en):
        say("condition_zh and condition_en must both be given or both be empty")
    return Limit(int(amount), row["unit"], zh or en, en or zh)


def _check_all_limited(codebook: Codebook, lines: dict[tuple[str, str], int], notes: Notes, book: Notes) -> None:
    for key, line in codebook.lines.items():
        if (key, "") in lines:
            continue
        conditional = [line for (limited, _), line in lines.items() if limited == key]
        if conditional:
            reason = f"category {key!r} has limits with conditions only; one row without says what counts until then"
            notes.line(conditional[0], reason)
        else:
            book.line(line, f"category {key!r} has no row in limits.csv; every admitted class has a limit")
