"""Bytes to a report. The fast road decodes and validates in one pass; only a body that fails is looked at field by field."""

import msgspec

from gewu.runtime import validation
from gewu.runtime.problem import Wrong
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid, Strict, is_client_id


class Where(msgspec.Struct, gc=False):
    """A position, whatever else stands beside it."""

    lon: float = float("nan")
    lat: float = float("nan")


class Glance(msgspec.Struct, gc=False):
    """The two things of a report that admission asks for."""

    category: str = ""
    place: Where | None = None


_decode = msgspec.json.Decoder(ReportSaid).decode
_NESTED = {"place": PlaceSaid, "contact": ContactSaid}


_glance = msgspec.json.Decoder(Glance).decode


def glance(body: bytes) -> Glance:
    """What admission must know of a body, at a third of a parse; empty for one that is wrong, which parsing then says."""
    try:
        return _glance(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Glance()


def report(body: bytes) -> ReportSaid | list[Wrong]:
    """The report in this body, or everything that is wrong with it."""
    try:
        said = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return validation.of(Strict, body, _NESTED)
    return said if said.id is None or is_client_id(said.id) else validation.of(Strict, body, _NESTED)
