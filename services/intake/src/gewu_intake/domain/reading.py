"""A reading as its sensor words it, and whether it can ever be taken."""

from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Annotated

from msgspec import Meta, Struct

LARGEST = 2**63 - 1  # what a bigint holds
_AHEAD, _BACK = timedelta(minutes=1), timedelta(days=400)

Number = Annotated[int, Meta(ge=0, le=LARGEST)]


class ReadingSaid(Struct, forbid_unknown_fields=True, gc=False):
    """What a sensor measured. Who speaks is the topic; quantity and unit are the city package's.

    session: grows when the device's counter begins anew; counter: grows with each reading of one; at: by the device's clock.
    """

    session: Number
    counter: Number
    value: float
    at: Annotated[datetime, Meta(tz=True)] | None = None


class Refusal(StrEnum):
    """Why a reading can never be taken; it is acknowledged, or it would come for ever."""

    BAD_TOPIC = "bad_topic"  # no sensor's id stands where one belongs
    UNKNOWN_SENSOR = "unknown_sensor"
    TOO_LARGE = "too_large"
    NOT_A_READING = "not_a_reading"
    NOT_FINITE = "not_finite"
    UNEXPECTED = "unexpected"  # a fault of ours, each time that it came


def refuse(said: ReadingSaid) -> Refusal | None:
    """Why a well-formed reading cannot be taken, or None."""
    return None if isfinite(said.value) else Refusal.NOT_FINITE


def observed(said: ReadingSaid, now: datetime) -> datetime:
    """When it was measured. A clock that is ahead, or years behind, is broken: a smoke detector is heard all the same."""
    at = said.at
    return at if at is not None and now - _BACK <= at <= now + _AHEAD else now
