"""Single values out of text: each says what would be right and gives a stand-in, so that reading can go on."""

import math
import re
import unicodedata
from collections.abc import Callable, Container
from datetime import date

from gewu.city.faults import Notes
from gewu.city.reading.table import Row

Say = Callable[[str], None]
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_ID = re.compile(r"[^\s,;|*@\"']{1,64}")
_LONGEST = 2000


def at_line(notes: Notes, line: int | None) -> Say:
    """Give the voice that notes faults at that line."""
    return lambda reason: notes.line(line, reason)


def text(value: object, what: str, say: Say, *, empty: bool = False) -> str:
    """Take a text that is printable and, unless `empty` is allowed, not empty."""
    if not isinstance(value, str):
        say(f"{what} is {'missing' if value is None else f'{value!r}'}; it is a text")
        return ""
    value = value.strip()
    if not value and not empty:
        say(f"{what} is empty")
    elif len(value) > _LONGEST:
        say(f"{what} has {len(value)} characters; {_LONGEST} is the most")
    elif any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value):
        say(f"{what} {value!r} holds a control character (NUL, line break …)")
    elif "�" in value:
        say(f"{what} {value!r} holds a replacement character: it was damaged in an earlier conversion")
    return value


def name(value: object, what: str, say: Say) -> str:
    """Take an id that also stands in topic names: a-z, 0-9 and '-', at most 40."""
    taken = value.strip() if isinstance(value, str) else ""
    if not _NAME.fullmatch(taken):
        say(f"{what} {value!r} must be 1 to 40 of a-z 0-9 -")
    return taken


def identifier(value: object, what: str, say: Say) -> str:
    """Take an id of the city's own making: up to 64 characters without blanks, quotes and , ; | * @."""
    taken = value.strip() if isinstance(value, str) else ""
    if not _ID.fullmatch(taken):
        say(f"{what} {value!r} must be a text of 1 to 64 characters without blanks, quotes and , ; | * @")
    return taken


def number(value: str, what: str, low: float, high: float, say: Say) -> float:
    """Take a decimal number from low to high, both allowed."""
    try:
        taken = float(value)
    except ValueError:
        taken = math.nan
    if not low <= taken <= high:
        say(f"{what} {value!r} must be a number from {low:g} to {high:g}")
        return low
    return taken


def day(value: object, what: str, say: Say) -> date | None:
    """Take a date YYYY-MM-DD, or None for no date."""
    if value is None or value == "":
        return None
    try:
        if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError("another form")
        return date.fromisoformat(value)
    except ValueError:
        say(f"{what} {value!r} must be a date that exists, written YYYY-MM-DD")
        return None


def known(value: str, what: str, file: str, ids: Container[str] | None, say: Say) -> None:
    """Require that an id stands in another file; None for that file means that it could not be read."""
    if ids is not None and value not in ids:
        say(f"{what} {value!r} is not in {file}")


def once(key: str, row: Row, lines: dict[str, int], what: str, notes: Notes) -> bool:
    """Require that a key was not there before, and remember its line."""
    first = lines.setdefault(key, row.line)
    if first != row.line:
        notes.line(row.line, f"{what} {key!r} is already on line {first}")
    return first == row.line
