"""What differs from report to report, in protobuf's wire format.

By hand because it is the largest step of intake: see gewu.wireformat. Only what nearly every report has is here; `wire` adds
the rest with the library, for one message behind another is their merge. The numbers are those of
proto/gewu/v1/signal.proto, and tests/intake/test_encoding.py reads all of it back with the library.
"""

from datetime import datetime, timedelta
from struct import Struct

from gewu.clock import SECOND, micros
from gewu.wireformat import SHORT, moment
from gewu_intake.domain.report import ReportSaid

_point = Struct("<cdcd").pack
_circle = Struct("<cdcdcf").pack
_LON, _LAT, _ACCURACY = b"\x09", b"\x11", b"\x1d"


class Times:
    """The times of reports that arrive together. `received`: the field received_at."""

    __slots__ = ("_micros", "_seconds", "received")

    def __init__(self, now: datetime) -> None:
        self._seconds, self._micros = divmod(micros(now), SECOND)
        self.received = b"\x32" + moment(self._seconds, self._micros)

    def observed(self, since: timedelta) -> bytes:
        """The field observed_at of what was seen so long after now."""
        seconds = self._seconds + since.days * 86_400 + since.seconds
        micros = self._micros + since.microseconds
        if micros >= 1_000_000:
            seconds, micros = seconds + 1, micros - 1_000_000
        return b"\x2a" + moment(seconds, micros)


def report(signal_id: str, client_id: str, content_sha256: bytes, said: ReportSaid) -> bytes:
    """Both ids, the hash, point and address, category and text, all of which `domain.report` bounds to 10,000 bytes."""
    own, theirs, place = signal_id.encode(), client_id.encode(), said.place
    category, text = said.category.encode(), said.text.encode()
    words = b"\x0a%b%b\x12%b%b" % (SHORT[len(category)], category, SHORT[len(text)], text)
    where = b""
    if place is not None:
        if place.accuracy_m is None:
            where = b"\x3a\x12" + _point(_LON, place.lon, _LAT, place.lat)
        else:
            where = b"\x3a\x17" + _circle(_LON, place.lon, _LAT, place.lat, _ACCURACY, place.accuracy_m)
        if place.address:
            address = place.address.encode()
            where += b"\x6a%b%b" % (SHORT[len(address)], address)
    return b"\x0a%b%b\x22%b%b\x5a\x20%b%b\xa2\x01%b%b" % (
        SHORT[len(own)], own, SHORT[len(theirs)], theirs, content_sha256, where, SHORT[len(words)], words,
    )  # fmt: skip
