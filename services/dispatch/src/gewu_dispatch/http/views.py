"""What the API answers, as message types that also make the OpenAPI document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from gewu.lane import Lane
from gewu.v1.case_pb2 import CaseChange
from gewu_dispatch.domain.case import State
from gewu_dispatch.domain.light import Light

_CHANGES = {number: name.removeprefix("CASE_CHANGE_").lower() for name, number in CaseChange.items()}


class PlaceView(msgspec.Struct, omit_defaults=True):
    """Where: WGS-84 degrees, and the reporter's own words where those may be seen."""

    lon: float | None = None
    lat: float | None = None
    accuracy_m: float | None = None
    address: str = ""


class LightView(msgspec.Struct, omit_defaults=True):
    """How a case stands to its deadline now, and what must follow from it."""

    colour: str
    situation: str
    follows: list[str] = []


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
    complete_by: datetime | None = None
    place: PlaceView | None = None
    rule_id: str = ""
    object_id: str = ""
    exercise: bool = False
    follows: str = ""
    light: LightView | None = None


class Page(msgspec.Struct, omit_defaults=True):
    """Cases, newest first; `next` is the `after` of the following page."""

    cases: list[CaseView]
    next: str | None = None


class PictureView(msgspec.Struct):
    """A picture by reference."""

    sha256: str
    bytes: int
    type: str
    masked_by: str


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
    signal_ids: list[str] = []
    action_id: str | None = None
    said_by: str = ""
    note: str = ""
    pictures: list[PictureView] = []


class Noticed(msgspec.Struct, omit_defaults=True):
    """One signal behind a case; never who noticed it."""

    signal_id: str
    outcome: str
    because: str
    observed_at: datetime
    received_at: datetime
    said: str
    text: str = ""
    place: PlaceView | None = None
    distance_m: float | None = None
    case_version: int = 0
    object_id: str = ""


class NamedPictureView(msgspec.Struct, omit_defaults=True):
    """A masked picture that a signal or a department's move named, and when that was received or made."""

    sha256: str
    bytes: int
    type: str
    masked_by: str
    received_at: datetime
    signal_id: str = ""
    action_id: str = ""


class Pictures(msgspec.Struct):
    """The pictures of a case, oldest first."""

    pictures: list[NamedPictureView]


class SealedPlateView(msgspec.Struct):
    """A plate that a rule asked for, still sealed: `gewu plates open` opens `box` (base64) with the private key `key_id`."""

    signal_id: str
    observed_at: datetime
    camera_id: str
    rule_id: str
    purpose: str
    key_id: str
    box: bytes


class SealedPlates(msgspec.Struct):
    """The plates of a case, newest first."""

    plates: list[SealedPlateView]


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
    complete_by: datetime | None = None
    conflicts: int = 0


class ActionAnswer(msgspec.Struct):
    """said: it stands in the log and is not judged yet; applied. A refused one is a problem with its reason as code."""

    action_id: str
    outcome: str


def state(number: int) -> str:
    """A state's public word."""
    return State(number).name.lower()


def case(row: asyncpg.Record, light: Light | None = None) -> CaseView:
    """A row as a case, with its light where the package has lights."""
    words = dict(row)
    words |= {"case_id": str(row["case_id"]), "state": state(row["state"]), "lane": Lane(row["lane"]).label}
    words["follows"] = str(row["follows"] or "")
    shown = LightView(light.colour, light.situation, list(light.follows)) if light else None
    return CaseView(place=_place(words, address=""), light=shown, **words)


def steps(rows: Sequence[asyncpg.Record], noticed: Sequence[Noticed], shown: Sequence[asyncpg.Record]) -> list[Step]:
    """A case's versions, each with the signals that it took in, or with the pictures that its action brought."""
    pictures: dict[UUID, list[PictureView]] = {}
    for r in shown:
        pictures.setdefault(r["action_id"], []).append(
            PictureView(r["sha256"].hex(), r["bytes"], r["type"], r["masked_by"])
        )
    behind: dict[int, list[str]] = {}
    for n in noticed:
        behind.setdefault(n.case_version, []).append(n.signal_id)
    return [
        Step(
            version=r["version"], at=r["at"], change=_CHANGES.get(r["change"], "unknown"), state=state(r["state"]),
            lane=Lane(r["lane"]).label, department=r["department"], because=r["because"], signals=r["signals"],
            rule_id=r["rule_id"], signal_ids=behind.get(r["version"], []), said_by=r["said_by"], note=r["note"],
            action_id=str(r["action_id"]) if r["action_id"] else None, pictures=pictures.get(r["action_id"], []),
        )
        for r in rows
    ]  # fmt: skip


def noticed(row: asyncpg.Record) -> Noticed:
    """A row of signals."""
    words = {**row, "signal_id": str(row["signal_id"])}
    return Noticed(place=_place(words, address=words.pop("address")), **words)


def picture(row: asyncpg.Record) -> NamedPictureView:
    """A row of pictures with its signal or action."""
    own = {name: str(row[name] or "") for name in ("signal_id", "action_id")}
    return NamedPictureView(**{**row, **own})


def plate(row: asyncpg.Record) -> SealedPlateView:
    """A row of plates with the time of its signal."""
    return SealedPlateView(**{**row, "signal_id": str(row["signal_id"])})


def _place(words: dict[str, Any], address: str) -> PlaceView | None:
    """The place out of a row's words, which lose it."""
    found = PlaceView(words.pop("lon"), words.pop("lat"), words.pop("accuracy_m", None), address)
    return found if found.lon is not None or address else None


def tick(row: asyncpg.Record) -> Tick:
    """A row of the clock ledger."""
    return Tick(**dict(row))


def report(signal_id: str, found: dict[str, Any] | None) -> ReportStatus:
    """A report's status; one that dispatch has not seen yet is accepted all the same."""
    if found is None:
        return ReportStatus(signal_id, "accepted")
    return ReportStatus(
        signal_id, found["outcome"], found["received_at"], str(found["case_id"]), state(found["state"]), found["opened_at"],
        found["changed_at"], found["complete_by"], found["conflicts"],
    )  # fmt: skip
