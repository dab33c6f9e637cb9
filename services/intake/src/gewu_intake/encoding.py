"""What differs from report to report, in protobuf's wire format.

By hand because it is the largest step of intake: through the library's setters it costs twice as much. Only what nearly every
report has is here; `wire` adds the rest with the library, for one message behind another is their merge. The numbers are
those of proto/gewu/v1/signal.proto, and tests/intake/test_encoding.py reads all of it back with the library.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct

from gewu_intake.domain.report import ReportSaid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_point = Struct("<cdcd").pack
_circle = Struct("<cdcdcf").pack
_LON, _LAT, _ACCURACY = b"\x09", b"\x11", b"\x1d"
# Varints; `domain.report` bounds every text, so no length is above 10,000.
_LENGTHS = [bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(1 << 14)]


class Times:
    """The times of reports that arrive together. `received`: the field received_at."""

    __slots__ = ("_micros", "_seconds", "received")

    def __init__(self, now: datetime) -> None:
        since = now - _EPOCH
        self._seconds, self._micros = since.days * 86_400 + since.seconds, since.microseconds
        self.received = b"\x32" + _seconds(self._seconds) + _nanos(self._micros)

    def observed(self, since: timedelta) -> bytes:
        """The field observed_at of what was seen so long after now."""
        seconds = self._seconds + since.days * 86_400 + since.seconds
        micros = self._micros + since.microseconds
        if micros >= 1_000_000:
            seconds, micros = seconds + 1, micros - 1_000_000
        return b"\x2a" + _seconds(seconds) + _nanos(micros)


def report(signal_id: str, client_id: str, content_sha256: bytes, said: ReportSaid) -> bytes:
    """Both ids, the hash, point and address, category and text."""
    own, theirs, place = signal_id.encode(), client_id.encode(), said.place
    category, text = said.category.encode(), said.text.encode()
    words = b"\x0a%b%b\x12%b%b" % (_LENGTHS[len(category)], category, _LENGTHS[len(text)], text)
    where = b""
    if place is not None:
        if place.accuracy_m is None:
            where = b"\x3a\x12" + _point(_LON, place.lon, _LAT, place.lat)
        else:
            where = b"\x3a\x17" + _circle(_LON, place.lon, _LAT, place.lat, _ACCURACY, place.accuracy_m)
        if place.address:
            address = place.address.encode()
            where += b"\x6a%b%b" % (_LENGTHS[len(address)], address)
    return b"\x0a%b%b\x22%b%b\x5a\x20%b%b\xa2\x01%b%b" % (
        _LENGTHS[len(own)], own, _LENGTHS[len(theirs)], theirs, content_sha256, where, _LENGTHS[len(words)], words,
    )  # fmt: skip


# Most clocks tell milliseconds, and most reports are of the last minutes.
@lru_cache(1 << 13)
def _seconds(n: int) -> bytes:
    return b"\x0c\x08" + _five(n)


@lru_cache(1 << 13)
def _nanos(microseconds: int) -> bytes:
    return b"\x10" + _five(microseconds * 1000)


def _five(n: int) -> bytes:
    """A varint of five bytes, however small the number is, which readers of all languages take; up to 2^35."""
    return bytes((n & 127 | 128, n >> 7 & 127 | 128, n >> 14 & 127 | 128, n >> 21 & 127 | 128, n >> 28))
