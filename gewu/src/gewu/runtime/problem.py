"""Answers to bad input: RFC 9457 problem+json that names every field and reason."""

import random
from collections.abc import Sequence

import msgspec


class Wrong(msgspec.Struct, frozen=True):
    """One thing that is wrong: a JSON path such as $.place.lon, a word from a closed list, a sentence."""

    field: str
    code: str
    reason: str


class Problem(msgspec.Struct, frozen=True):
    """The body of an answer that is not a success."""

    title: str
    status: int
    code: str
    detail: str = ""
    errors: Sequence[Wrong] = ()
    id: str = ""  # of the report it is about, so that a client that gave none can repeat it
    type: str = ""

    def __post_init__(self) -> None:
        if not self.type:
            msgspec.structs.force_setattr(self, "type", f"urn:gewu:problem:{self.code}")


TYPE = "application/problem+json"


def later() -> int:
    """Seconds of Retry-After beside a 503; jittered, so that clients that were refused together do not return together."""
    return random.randint(1, 30)


def body(problem: Problem) -> bytes:
    """The problem as JSON bytes."""
    return msgspec.json.encode(problem)
