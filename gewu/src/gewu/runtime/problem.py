"""Answers to bad input: RFC 9457 problem+json that names every field and reason."""

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


TYPE = "application/problem+json"


def body(problem: Problem) -> bytes:
    """The problem as JSON bytes."""
    return msgspec.json.encode(problem)
