"""Bytes to a report. The fast road decodes and validates in one pass; only a body that fails is looked at field by field."""

import msgspec

from gewu.runtime import faults
from gewu.runtime.problem import Wrong
from gewu_intake.domain.report import ContactSaid, PlaceSaid, ReportSaid

_decode = msgspec.json.Decoder(ReportSaid).decode
_NESTED = {"place": PlaceSaid, "contact": ContactSaid}


def report(body: bytes) -> ReportSaid | list[Wrong]:
    """The report in this body, or everything that is wrong with it."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return faults.of(ReportSaid, body, _NESTED)
