"""A report as its client words it, and the decision whether it is taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from gewu.pictures.reference import NoPicture, Picture

# The very end: in Python (msgspec) a bare $ also matches before a last line feed, in JSON Schema it does not.
_END = r"(?!\n)$"

_ID = rf"^[A-Za-z0-9._:-]{{1,64}}{_END}"
_ID_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"

Text = Annotated[str, Meta(max_length=2000, description="What was seen, in the reporter's words.")]
ClientId = Annotated[
    str,
    Meta(
        extra_json_schema={"pattern": _ID},
        description="The client's own id of this report, best a UUIDv7. Sent again with the same id, a report stays one report.",
        examples=["0190a5c2-7b1e-7cc3-98c4-dc0c0c07398f"],
    ),
]


PictureName = Annotated[
    str,
    Meta(max_length=400, description="The `picture` that POST /v1/pictures answered with, within the last 24 hours."),
]
PICTURES = 8  # of one report


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
            description="A class key, code, label or everyday word of the city's code book, or a code of an older generation "
            "with its number before it. An unknown one is taken and goes to the fallback.",
            examples=["manhole", "井盖", "matter:09012", "2:matter:0405"],
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
    pictures: (
        Annotated[list[PictureName], Meta(max_length=PICTURES, description="Uploaded before, by the same key.")] | None
    ) = None


class Strict(ReportSaid):
    """The same with the pattern of the client's id, which by itself costs as much as all else of a parse."""

    id: Annotated[str, Meta(pattern=_ID)] | None = None


def is_client_id(said: str) -> bool:
    """Whether a client's id keeps to its pattern."""
    return 1 <= len(said) <= 64 and not said.encode().translate(None, _ID_SIGNS)


def are_client_ids(said: Sequence[str]) -> bool:
    """Whether all of these ids of clients keep to their pattern."""
    lengths = set(map(len, said))
    has_lengths = min(lengths, default=1) >= 1 and max(lengths, default=1) <= 64
    return has_lengths and not "".join(said).encode().translate(None, _ID_SIGNS)


class Reject(StrEnum):
    """Why a well-formed report is not taken."""

    OUT_OF_CITY = "out_of_city"
    NO_POSITION = "no_position"
    IN_THE_FUTURE = "in_the_future"
    TOO_OLD = "too_old"
    NUL_IN_TEXT = "nul_in_text"
    CONTACT_NOT_TAKEN = "contact_not_taken"
    EXERCISE_NEEDS_A_KEY = "exercise_needs_a_key"
    PICTURE_NOT_OURS = "picture_not_ours"
    PICTURE_EXPIRED = "picture_expired"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A reason and the field it is about."""

    reason: Reject
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a city takes: reports without a position, because it has a grid for them; reports with a contact."""

    no_position: bool
    contact: bool


# A device's clock may be wrong; a day covers every time zone mistaken for UTC.
FUTURE = timedelta(days=1)
OLDEST = timedelta(days=400)
_FEW = 3  # reports whose times are told sooner one by one than together
_AGO, _NOW = -OLDEST, timedelta()


def seen(said: ReportSaid, now: datetime) -> timedelta:
    """How long after now it was seen; what does not say, now."""
    observed_at = said.observed_at
    return _NOW if observed_at is None else observed_at - now


def all_seen(said: Sequence[ReportSaid], now: datetime) -> list[timedelta]:
    """The same of each of these."""
    if len(said) < _FEW:
        return [seen(report, now) for report in said]
    found: list[timedelta] = []
    # Now, by zone: a subtraction between two zones costs six times as much.
    there: dict[tzinfo | None, datetime] = {now.tzinfo: now}
    for at in [report.observed_at for report in said]:
        if at is None:
            found.append(_NOW)
            continue
        zone = at.tzinfo
        if zone not in there:
            # Within a zone that has a summer time, the difference of two times may be an hour off.
            there[zone] = now.astimezone(zone) if isinstance(zone, timezone) else now
        found.append(at - there[zone])
    return found


def accept(
    said: ReportSaid, since: timedelta, in_a_grid: bool, has_key: bool, now: datetime, terms: Terms
) -> list[Rejection]:
    """Every reason against taking this report; an empty list takes it.

    since: when it was `seen`; in_a_grid: whether one owns its position.
    """
    place, contact = said.place, said.contact
    found: list[Rejection] = []
    if not in_a_grid and (place is not None or not terms.no_position):
        found.append(_of_place(place))
    if not _AGO <= since <= FUTURE:
        found.append(_of_time(since, now))
    if said.exercise and not has_key:
        found.append(Rejection(Reject.EXERCISE_NEEDS_A_KEY, "$.exercise", "only a key holder may run a drill"))
    if contact is not None and not terms.contact:
        text = "this city cannot seal contacts now; send the report without one"
        found.append(Rejection(Reject.CONTACT_NOT_TAKEN, "$.contact", text))
    if "\x00" in said.text or "\x00" in said.category or contact or (place and "\x00" in place.address):
        text = "holds the character U+0000, which no store takes"
        found += [Rejection(Reject.NUL_IN_TEXT, field, text) for field in _with_nul(said)]
    return found


_NOT_NAMED = {
    NoPicture.NOT_OURS: "no picture that this client uploaded here: name what POST /v1/pictures answered with",
    NoPicture.EXPIRED: "it was uploaded more than 24 hours ago: upload the picture again",
}


def unnamed(read: Sequence[Picture | NoPicture]) -> list[Rejection]:
    """A reason for each of a report's references that names no picture."""
    return [
        Rejection(Reject(said), f"$.pictures[{n}]", _NOT_NAMED[said])
        for n, said in enumerate(read) if isinstance(said, NoPicture)
    ]  # fmt: skip


def _of_place(place: PlaceSaid | None) -> Rejection:
    if place is None:
        text = "a report needs a position: this city has no grid for reports without one"
        return Rejection(Reject.NO_POSITION, "$.place", text)
    return Rejection(Reject.OUT_OF_CITY, "$.place", f"{place.lon}, {place.lat} lies outside every grid of the city")


def _of_time(since: timedelta, now: datetime) -> Rejection:
    if since > _NOW:
        text = f"more than a day after the server's time {now.isoformat()}"
        return Rejection(Reject.IN_THE_FUTURE, "$.observed_at", text)
    return Rejection(Reject.TOO_OLD, "$.observed_at", f"more than {OLDEST.days} days before the server's time")


def _with_nul(said: ReportSaid) -> list[str]:
    place, contact = said.place, said.contact
    found = [f for f, text in (("$.category", said.category), ("$.text", said.text)) if "\x00" in text]
    if place and "\x00" in place.address:
        found.append("$.place.address")
    if contact:
        texts = (("name", contact.name), ("phone", contact.phone), ("email", contact.email))
        found += [f"$.contact.{field}" for field, text in texts if "\x00" in text]
    return found
