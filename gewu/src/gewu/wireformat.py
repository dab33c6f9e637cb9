"""Protobuf's wire format by hand, for those few messages of which every report makes one or more.

Through the library's setters they cost two and three times as much. Who writes a message so has a test that reads all of it
back with the library.
"""

from datetime import UTC, datetime
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(1 << 14)  # mostly lengths and small counts
def varint(n: int) -> bytes:
    """A number from 0 on."""
    found = bytearray()
    while n > 127:
        found.append(n & 127 | 128)
        n >>= 7
    found.append(n)
    return bytes(found)


def timestamp(at: datetime) -> bytes:
    """A google.protobuf.Timestamp with its length before it; `at` is aware and lies between 1970 and 3058."""
    since = at - _EPOCH
    return b"\x0c\x08%b\x10%b" % (_five(since.days * 86_400 + since.seconds), _five(since.microseconds * 1000))


@lru_cache(1 << 13)  # most clocks tell milliseconds, and most reports are of the last minutes
def _five(n: int) -> bytes:
    """A varint of five bytes, however small the number is, which readers of all languages take; up to 2^35."""
    return bytes((n & 127 | 128, n >> 7 & 127 | 128, n >> 14 & 127 | 128, n >> 21 & 127 | 128, n >> 28))
