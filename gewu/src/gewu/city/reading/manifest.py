"""city.toml: what the city is called, its time zone, and its few policies."""

import re
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from gewu.city.calendar import QUARTER_MIN, USUAL_HOURS
from gewu.city.faults import Notes
from gewu.city.reading.values import Say, at_line, identifier, name, text

_HOURS = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")
_MOST = 87_600  # hours: ten years
_KEYS = {
    "": {"id", "version", "timezone", "name", "intake", "routing", "calendar", "lights"},
    "name": {"zh", "en"},
    "intake": {"anonymous", "no_position_grid"},
    "routing": {"fallback"},
    "calendar": {"working_hours"},
    "lights": {"near", "stuck_after_h", "stuck_returns"},
}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What city.toml says; ids that point into other files are not yet looked up."""

    id: str
    name: dict[str, str]
    version: str
    timezone: ZoneInfo
    anonymous_reports: bool
    no_position_grid: str | None
    fallback: str | None
    working_hours: tuple[tuple[int, int], ...]
    near: float
    stuck_after_h: float
    stuck_returns: int
    lines: dict[str, int]


def read_manifest(source: str, notes: Notes) -> Manifest | None:
    """Read city.toml; None when it is no TOML."""
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as failure:
        line = re.search(r"at line (\d+)", str(failure))
        notes.line(int(line[1]) if line else source.count("\n") + 1, f"is no TOML: {failure}")
        return None
    lines = _lines(source)
    parts = {section: _section(data, section, lines, notes) for section in _KEYS}
    top, intake = parts[""], parts["intake"]
    grid, fallback = intake.get("no_position_grid"), parts["routing"].get("fallback")
    if fallback is None:
        notes.line(lines.get("routing", 1), "[routing] fallback is missing: it names who gets what no rule takes")
    return Manifest(
        id=name(top.get("id"), "id", at_line(notes, lines.get("id", 1))),
        name={
            tongue: text(parts["name"].get(tongue), f"name.{tongue}", at_line(notes, _line(lines, "name", tongue)))
            for tongue in ("zh", "en")
        },
        version=identifier(top.get("version"), "version", at_line(notes, lines.get("version", 1))),
        timezone=_timezone(top.get("timezone"), notes, lines.get("timezone", 1)),
        anonymous_reports=_flag(intake.get("anonymous"), notes, _line(lines, "intake", "anonymous")),
        no_position_grid=None
        if grid is None
        else identifier(grid, "no_position_grid", at_line(notes, _line(lines, "intake", "no_position_grid"))),
        fallback=None
        if fallback is None
        else name(fallback, "fallback", at_line(notes, _line(lines, "routing", "fallback"))),
        working_hours=_hours(
            parts["calendar"].get("working_hours"), at_line(notes, _line(lines, "calendar", "working_hours"))
        ),
        near=_share(parts["lights"].get("near"), at_line(notes, _line(lines, "lights", "near"))),
        stuck_after_h=_least(parts["lights"], "stuck_after_h", float, lines, notes),
        stuck_returns=int(_least(parts["lights"], "stuck_returns", int, lines, notes)),
        lines=lines,
    )


def _share(value: object, say: Say) -> float:
    """The share of its time after which a case is near its limit: four fifths, where the package names none."""
    if value is None:
        return 0.8
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        say(f"near {value!r} must be a share between 0 and 1, such as 0.8")
        return 0.8
    return float(value)


def _least(part: dict[str, Any], key: str, kind: type, lines: dict[str, int], notes: Notes) -> float:
    """A number from 0 on; 0, which is never, where the package names none."""
    value, kinds = part.get(key, 0), (int, float) if kind is float else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= _MOST:
        right = "a number" if kind is float else "a whole number"
        notes.line(_line(lines, "lights", key), f"{key} {value!r} must be {right} from 0, which is never, to {_MOST}")
        return 0
    return value


def _hours(value: object, say: Say) -> tuple[tuple[int, int], ...]:
    """When offices are open, in minutes since midnight: the usual hours where the package names none."""
    if value is None:
        return USUAL_HOURS
    found = [_span(part) for part in value] if isinstance(value, list) else []
    hours = tuple(span for span in found if span)
    if not found or len(hours) < len(found):
        say(f'working_hours {value!r} must be a list such as ["08:00-12:00", "14:00-18:00"], on quarters of an hour')
        return USUAL_HOURS
    if any(before[1] >= after[0] for before, after in pairwise(hours)):
        say(f"working_hours {value!r} must stand in order and apart from each other")
        return USUAL_HOURS
    return hours


def _span(value: object) -> tuple[int, int] | None:
    """Both ends of 08:00-12:00 in minutes; None where it is no such span."""
    said = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if said is None:
        return None
    opens, closes = (int(said[n]) * 60 + int(said[n + 1]) for n in (1, 3))
    fits = opens < closes <= 24 * 60 and all(int(said[n]) < 60 for n in (2, 4))
    return (opens, closes) if fits and opens % QUARTER_MIN == closes % QUARTER_MIN == 0 else None


def _section(data: dict[str, Any], section: str, lines: dict[str, int], notes: Notes) -> dict[str, Any]:
    part = data.get(section, {}) if section else data
    if not isinstance(part, dict):
        notes.line(lines.get(section, 1), f"{section} must be a table with {', '.join(sorted(_KEYS[section]))}")
        return {}
    for key in part.keys() - _KEYS[section]:
        right = ", ".join(sorted(_KEYS[section]))
        notes.line(_line(lines, section, key), f"key {key!r} is unknown here; the keys are {right}")
    return part


def _timezone(value: object, notes: Notes, line: int) -> ZoneInfo:
    try:
        return ZoneInfo(value if isinstance(value, str) else "")
    except (KeyError, ValueError, OSError):
        notes.line(line, f"timezone {value!r} must be a name of the tz database, such as 'Asia/Shanghai'")
        return ZoneInfo("UTC")


def _flag(value: object, notes: Notes, line: int) -> bool:
    if not isinstance(value, bool):
        notes.line(line, f"[intake] anonymous is {value!r}; it must be true or false")
    return value is True


def _line(lines: dict[str, int], section: str, key: str) -> int:
    return lines.get(f"{section}.{key}" if section else key) or lines.get(section, 1)


def _lines(source: str) -> dict[str, int]:
    """Find the line of each section and key; tomllib keeps none. A nested or quoted key falls back on its section."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(source.splitlines(), 1):
        if head := re.match(r"\s*\[\s*([\w-]+)\s*\]", line):
            section = head[1]
            lines.setdefault(section, number)
        elif key := re.match(r"\s*([\w-]+(?:\.[\w-]+)?)\s*=", line):
            lines.setdefault(f"{section}.{key[1]}" if section else key[1], number)
    return lines
