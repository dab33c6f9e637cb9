"""City packages: a folder of plain files, read and checked as a whole, as typed data without rules of conduct."""

from gewu.city.calendar import Calendar
from gewu.city.city import City
from gewu.city.faults import CityFaults, Fault
from gewu.city.model import (
    Category,
    CityObject,
    Department,
    Device,
    Grid,
    Lights,
    Limit,
    NoticeRule,
    Place,
    Receiver,
    Rule,
    Sensor,
    Threshold,
)  # fmt: skip
from gewu.city.reading.load import load

__all__ = [
    "Calendar",
    "Category",
    "City",
    "CityFaults",
    "CityObject",
    "Department",
    "Device",
    "Fault",
    "Grid",
    "Lights",
    "Limit",
    "NoticeRule",
    "Place",
    "Receiver",
    "Rule",
    "Sensor",
    "Threshold",
    "load",
]
