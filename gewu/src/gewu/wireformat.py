"""Protobuf's wire format by hand, for those few messages of which every report makes one or more.

Through the library's setters they cost two and three times as much. Who writes a message so has a test that reads all of it
back with the library.
"""

from functools import lru_cache

from gewu.clock import SECOND

SHORT = [
    bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(1 << 14)
]  # varints of one byte or two


def varint(n: int) -> bytes:
    """A number from 0 on. Who knows that it is below 2^14 looks it up in SHORT."""
    if n < 0:
        raise ValueError(f"{n} is below 0")
    return SHORT[n] if n < 1 << 14 else bytes((n & 127 | 128,)) + varint(n >> 7)


def timestamp(at: int) -> bytes:
    """A google.protobuf.Timestamp with its length before it; `at` in microseconds since 1970, and before 3058."""
    return moment(*divmod(at, SECOND))


def moment(seconds: int, micros: int) -> bytes:
    """The same of a time in Unix seconds and microseconds."""
    return _seconds(seconds) + _nanos(micros)


# Most clocks tell milliseconds, and most times are of the last minutes.
@lru_cache(1 << 13)
def _seconds(n: int) -> bytes:
    return b"\x0c\x08" + _five(n)


@lru_cache(1 << 13)
def _nanos(microseconds: int) -> bytes:
    return b"\x10" + _five(microseconds * 1000)


def _five(n: int) -> bytes:
    """A varint of five bytes, however small the number is, which readers of all languages take; below 2^35."""
    if n >> 35:
        raise ValueError(f"{n} needs more than five bytes")
    return bytes((n & 127 | 128, n >> 7 & 127 | 128, n >> 14 & 127 | 128, n >> 21 & 127 | 128, n >> 28))
