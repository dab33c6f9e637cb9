"""Bytes to reports. The fast road decodes and validates in one pass; only a body that fails is looked at field by field."""

from collections.abc import Sequence

import msgspec

from gewu.runtime import validation
from gewu.runtime.problem import Wrong
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid, Strict, are_client_ids, is_client_id


class Where(msgspec.Struct, gc=False):
    """A position, whatever else stands beside it."""

    lon: float = float("nan")
    lat: float = float("nan")


class Glance(msgspec.Struct, gc=False):
    """The two things of a report that admission asks for."""

    category: str = ""
    place: Where | None = None


_FEW = 3  # bodies that are read sooner one by one than together
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


def reports(bodies: Sequence[bytes]) -> list[ReportSaid | list[Wrong]]:
    """Each of these bodies as `report` reads it. Their ids are looked at in one go: one by one that costs a third of a parse."""
    if len(bodies) < _FEW:
        return list(map(report, bodies))
    found: list[ReportSaid | list[Wrong]] = []
    theirs: list[str] = []
    for body in bodies:
        try:
            found.append(said := _decode(body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found.append(validation.of(Strict, body, _NESTED))
        else:
            if said.id is not None:
                theirs.append(said.id)
    return found if are_client_ids(theirs) else [_strictly(*one) for one in zip(found, bodies, strict=True)]


def _strictly(said: ReportSaid | list[Wrong], body: bytes) -> ReportSaid | list[Wrong]:
    is_wrong = isinstance(said, ReportSaid) and said.id is not None and not is_client_id(said.id)
    return validation.of(Strict, body, _NESTED) if is_wrong else said
