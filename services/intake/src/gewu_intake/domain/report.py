"""A report as its client words it, and the decision whether it is taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

# The very end: in Python (msgspec) a bare $ also matches before a last line feed, in JSON Schema it does not.
_END = r"(?!\n)$"

Text = Annotated[str, Meta(max_length=2000, description="What was seen, in the reporter's words.")]
ClientId = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z0-9._:-]{{1,64}}{_END}",
        description="The client's own id of this report, best a UUIDv7. Sent again with the same id, a report stays one report.",
        examples=["0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f"],
    ),
]


class PlaceSaid(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Where: WGS-84 degrees."""

    lon: Annotated[float, Meta(ge=-180, le=180)]
    lat: Annotated[float, Meta(ge=-90, le=90)]
    accuracy_m: Annotated[float, Meta(ge=0, le=100_000)] | None = None
    address: Annotated[str, Meta(max_length=200)] = ""


class ContactSaid(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """How to reach the reporter; sealed at once, read by nobody but dispatch."""

    name: Annotated[str, Meta(max_length=100)] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    email: Annotated[str, Meta(max_length=200)] = ""


class ReportSaid(Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A person noticed something."""

    category: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=100,
            description="A class key, code, label or everyday word of the city's code book. "
            "An unknown one is taken and goes to the fallback.",
            examples=["manhole", "井盖", "matter:09012"],
        ),
    ]
    place: PlaceSaid | None = None
    text: Text = ""
    id: ClientId | None = None
    object_id: (
        Annotated[str, Meta(pattern=rf"^[A-Za-z0-9-]{{1,40}}{_END}", description="Id read off a registered component.")]
        | None
    ) = None
    observed_at: Annotated[datetime, Meta(tz=True, description="When it was seen; now, if left out.")] | None = None
    contact: ContactSaid | None = None
    exercise: Annotated[bool, Meta(description="A drill: same road, never a real receiver.")] = False


class Reject(StrEnum):
    """Why a well-formed report is not taken."""

    OUT_OF_CITY = "out_of_city"
    NO_POSITION = "no_position"
    IN_THE_FUTURE = "in_the_future"
    TOO_OLD = "too_old"
    NUL_IN_TEXT = "nul_in_text"
    CONTACT_NOT_TAKEN = "contact_not_taken"
    EXERCISE_NEEDS_A_KEY = "exercise_needs_a_key"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A reason and the field it is about."""

    reason: Reject
    field: str
    text: str


# A device's clock may be wrong; a day covers every time zone mistaken for UTC.
FUTURE = timedelta(days=1)
OLDEST = timedelta(days=400)


def accept(
    said: ReportSaid,
    *,
    grid: str | None,
    grid_without_position: str | None,
    has_key: bool,
    takes_contact: bool,
    now: datetime,
) -> list[Rejection]:
    """Every reason against taking this report; an empty list takes it. `grid` is the owner of its position, if any."""
    return [
        *_of_place(said, grid, grid_without_position),
        *_of_time(said, now),
        *_of_rights(said, has_key, takes_contact),
        *(
            Rejection(Reject.NUL_IN_TEXT, f, "holds the character U+0000, which no store takes")
            for f in _with_nul(said)
        ),
    ]


def _of_place(said: ReportSaid, grid: str | None, grid_without_position: str | None) -> Iterator[Rejection]:
    if said.place is None and grid_without_position is None:
        text = "a report needs a position: this city has no grid for reports without one"
        yield Rejection(Reject.NO_POSITION, "$.place", text)
    elif said.place is not None and grid is None:
        text = f"{said.place.lon}, {said.place.lat} lies outside every grid of the city"
        yield Rejection(Reject.OUT_OF_CITY, "$.place", text)


def _of_time(said: ReportSaid, now: datetime) -> Iterator[Rejection]:
    if said.observed_at is None:
        return
    if said.observed_at > now + FUTURE:
        text = f"more than a day after the server's time {now.isoformat()}"
        yield Rejection(Reject.IN_THE_FUTURE, "$.observed_at", text)
    elif said.observed_at < now - OLDEST:
        yield Rejection(Reject.TOO_OLD, "$.observed_at", f"more than {OLDEST.days} days before the server's time")


def _of_rights(said: ReportSaid, has_key: bool, takes_contact: bool) -> Iterator[Rejection]:
    if said.exercise and not has_key:
        yield Rejection(Reject.EXERCISE_NEEDS_A_KEY, "$.exercise", "only a key holder may run a drill")
    if said.contact is not None and not takes_contact:
        text = "this city cannot seal contacts now; send the report without one"
        yield Rejection(Reject.CONTACT_NOT_TAKEN, "$.contact", text)


def _with_nul(said: ReportSaid) -> list[str]:
    texts = {"$.category": said.category, "$.text": said.text}
    if said.place:
        texts["$.place.address"] = said.place.address
    if said.contact:
        texts |= {
            "$.contact.name": said.contact.name,
            "$.contact.phone": said.contact.phone,
            "$.contact.email": said.contact.email,
        }
    return [field for field, text in texts.items() if "\x00" in text]
