"""The city's reports: read from CSV, their times moved to now, worded for intake."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Los_Angeles")
COLUMNS = ("id", "created_at", "category", "channel", "department", "grid", "latitude", "longitude")
_LONGEST_WORD = 200  # intake refuses a longer category anyway; a line of any length would refuse its whole batch
_OLDEST = timedelta(days=390)  # intake takes what was seen in the last 400 days


@dataclass(frozen=True, slots=True)
class Report:
    """One row, with the city's own answer: its department and its grid, "" where it gave none."""

    id: str
    created_at: datetime | None
    category: str
    channel: str
    department: str
    grid: str
    lon: float | None
    lat: float | None

    @property
    def body(self) -> dict[str, Any]:
        """What a client says of it. The city's answers stay out."""
        said: dict[str, Any] = {"id": self.id, "category": self.category}
        if self.lon is not None:
            said["place"] = {"lon": self.lon, "lat": self.lat}
        if self.created_at:
            said["observed_at"] = self.created_at.isoformat()
        return said


class WrongFile(Exception):
    """The file is no list of reports; the text says what is missing."""


def read(path: Path) -> tuple[list[Report], int]:
    """Every report once, in the order of time, and how many rows only repeated an id (the first one counts)."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
            raise WrongFile(f"{path} lacks the columns {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
        found = [_report({name: row[name] or "" for name in COLUMNS}) for row in rows]
    once = {report.id: report for report in reversed(found)}
    return sorted(once.values(), key=_age), len(found) - len(once)


def moved(reports: Sequence[Report], now: datetime) -> list[Report]:
    """The same reports as many whole days later as brings the last one to the day that ends now.

    The time of day, in the city's own zone, stays; so does the order, but for what would be older than intake takes.
    """
    times = [r.created_at for r in reports if r.created_at]
    if not times:
        return list(reports)
    days = (now - max(times)) // timedelta(days=1)
    return [replace(r, created_at=_later(r.created_at, days, now)) if r.created_at else r for r in reports]


def _later(time: datetime, days: int, now: datetime) -> datetime:
    local = time.astimezone(ZONE)
    day = max(local.date() + timedelta(days=days), (now - _OLDEST).date())
    # Over a clock change the hour on the wall is what is kept.
    return datetime.combine(day, local.time(), ZONE)


def _report(row: dict[str, str]) -> Report:
    lon, lat = _degrees(row["longitude"], 180), _degrees(row["latitude"], 90)
    placed = lon is not None and lat is not None
    return Report(
        id=row["id"].strip(), created_at=_time(row["created_at"]), category=row["category"].strip()[:_LONGEST_WORD],
        channel=row["channel"].strip(), department=row["department"].strip(), grid=_number(row["grid"]),
        lon=lon if placed else None, lat=lat if placed else None,
    )  # fmt: skip


def _age(report: Report) -> tuple[bool, float]:
    return report.created_at is None, report.created_at.timestamp() if report.created_at else 0.0


def _time(said: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(said.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=ZONE)


def _degrees(said: str, most: float) -> float | None:
    try:
        value = float(said)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= most else None


def _number(said: str) -> str:
    """A grid's number as grids.geojson writes it: a table with gaps makes 52 into 52.0."""
    return said.strip().removesuffix(".0")
