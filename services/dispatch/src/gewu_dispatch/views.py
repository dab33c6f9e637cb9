"""What the API answers, as message types that also make the OpenAPI document."""

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from gewu.lane import Lane
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch.domain.case import State

_CHANGES = {number: name.removeprefix("CASE_CHANGE_").lower() for name, number in CaseChange.items()}


class CaseView(msgspec.Struct, omit_defaults=True):
    """A case as the desk and its department see it."""

    case_id: str
    incarnation: int
    version: int
    state: str
    lane: str
    category: str
    grid_id: str
    grid_path: list[str]
    home_area: str
    department: str
    routed_because: str
    signals: int
    package_version: str
    opened_at: datetime
    changed_at: datetime
    due_at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    address: str = ""
    rule_id: str = ""
    object_id: str = ""
    exercise: bool = False


class Page(msgspec.Struct, omit_defaults=True):
    """Cases, newest first; `next` is the `after` of the following page."""

    cases: list[CaseView]
    next: str | None = None


class Step(msgspec.Struct, omit_defaults=True):
    """One version of a case: what changed, by what, why."""

    version: int
    at: datetime
    change: str
    state: str
    lane: str
    department: str
    because: str
    signals: int
    rule_id: str = ""
    signal_id: str | None = None
    action_id: str | None = None
    said_by: str = ""
    note: str = ""


class Noticed(msgspec.Struct, omit_defaults=True):
    """One signal behind a case; never who noticed it."""

    signal_id: str
    outcome: str
    because: str
    observed_at: datetime
    received_at: datetime
    said: str
    text: str = ""
    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    distance_m: float | None = None
    address: str = ""
    object_id: str = ""


class Tick(msgspec.Struct, omit_defaults=True):
    """One entry of the clock ledger."""

    clock: str
    step: int
    entry: str
    at: datetime
    why: str
    due_at: datetime | None = None


class CaseFile(msgspec.Struct):
    """A case with everything behind it."""

    case: CaseView
    timeline: list[Step]
    noticed: list[Noticed]
    clocks: list[Tick]
    lawful: list[str]


class ReportStatus(msgspec.Struct, omit_defaults=True):
    """accepted: taken and not yet looked at; opened or joined: it belongs to a case."""

    signal_id: str
    status: str
    received_at: datetime | None = None
    case_id: str | None = None
    case_state: str | None = None
    opened_at: datetime | None = None
    changed_at: datetime | None = None
    due_at: datetime | None = None
    conflicts: int = 0


class ActionAnswer(msgspec.Struct, omit_defaults=True):
    """said: it stands in the log and is not judged yet; applied; refused with a reason."""

    action_id: str
    outcome: str
    reason: str | None = None


def state(number: int) -> str:
    """A state's public word."""
    return State(number).name.lower()


def case(row: asyncpg.Record) -> CaseView:
    """A row as a case."""
    words = {**row, "case_id": str(row["case_id"]), "state": state(row["state"]), "lane": Lane(row["lane"]).label}
    return CaseView(**words)


def step(row: asyncpg.Record) -> Step:
    """A row of history."""
    words: dict[str, Any] = {
        **row, "state": state(row["state"]), "lane": Lane(row["lane"]).label, "change": _CHANGES.get(row["change"], "unknown"),
        "signal_id": _text(row["signal_id"]), "action_id": _text(row["action_id"]),
    }  # fmt: skip
    words.pop("incarnation")
    return Step(**words)


def noticed(row: asyncpg.Record) -> Noticed:
    """A row of signals."""
    return Noticed(**{**row, "signal_id": str(row["signal_id"])})


def tick(row: asyncpg.Record) -> Tick:
    """A row of the clock ledger."""
    return Tick(**dict(row))


def report(signal_id: str, found: dict[str, Any] | None) -> ReportStatus:
    """A report's status; one that dispatch has not seen yet is accepted all the same."""
    if found is None:
        return ReportStatus(signal_id, "accepted")
    return ReportStatus(
        signal_id, found["outcome"], found["received_at"], str(found["case_id"]), state(found["state"]), found["opened_at"],
        found["changed_at"], found["due_at"], found["conflicts"],
    )  # fmt: skip


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
