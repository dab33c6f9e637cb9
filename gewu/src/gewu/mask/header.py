"""Format and size of a picture from its first bytes: a decoder that is asked first has made its array by then.

JPEG: ITU-T T.81 annex B; PNG: W3C PNG 3rd edition, 5; WebP: RFC 9649.
"""

from dataclasses import dataclass

from gewu.mask.words import MOST_BYTES, MOST_PIXELS, MOST_SIDE, Refusal, Unmasked

_PNG = b"\x89PNG\r\n\x1a\n"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, of every kind; the rest are tables
_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_ANIMATION = 0x02  # of VP8X's flags


@dataclass(frozen=True, slots=True)
class Header:
    """What the first bytes say; pixels."""

    type: str
    width: int
    height: int


def look(data: bytes) -> Header:
    """The header of a picture that may be decoded. Raises Unmasked."""
    if len(data) > MOST_BYTES:
        raise Unmasked(Refusal.TOO_LARGE)
    found = _read(data)
    if min(found.width, found.height) < 1:
        raise Unmasked(Refusal.BROKEN_HEADER)
    if max(found.width, found.height) > MOST_SIDE:
        raise Unmasked(Refusal.TOO_LONG_A_SIDE)
    if found.width * found.height > MOST_PIXELS:
        raise Unmasked(Refusal.TOO_MANY_PIXELS)
    return found


def _read(data: bytes) -> Header:
    if data.startswith(b"\xff\xd8\xff"):
        return Header("image/jpeg", *_jpeg(data))
    if data.startswith(_PNG):
        return Header("image/png", *_png(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Header("image/webp", *_webp(data))
    raise Unmasked(Refusal.UNKNOWN_FORMAT)


def _jpeg(data: bytes) -> tuple[int, int]:
    """From the first start of frame. A thumbnail has one too, but inside a segment that is passed over."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAMES:
            return _number(data, at + 7, 2), _number(data, at + 5, 2)
        length = _number(data, at + 2, 2)
        if marker in (0xD8, 0xD9, 0xDA) or length < 2:
            break
        at += 2 + length
    raise Unmasked(Refusal.BROKEN_HEADER)


def _png(data: bytes) -> tuple[int, int]:
    """From IHDR, which must come first. An animation says so (acTL) before the first frame's data."""
    if data[8:16] != b"\x00\x00\x00\rIHDR":
        raise Unmasked(Refusal.BROKEN_HEADER)
    at = 8
    while (kind := data[at + 4 : at + 8]) != b"IDAT":
        if len(kind) < 4 or kind == b"IEND":
            raise Unmasked(Refusal.BROKEN_HEADER)
        if kind == b"acTL":
            raise Unmasked(Refusal.ANIMATED)
        at += 12 + _number(data, at, 4)
    return _number(data, 16, 4), _number(data, 20, 4)


def _webp(data: bytes) -> tuple[int, int]:
    """From the first chunk: lossy, lossless, or the extended header."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise Unmasked(Refusal.BROKEN_HEADER)
    if kind == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        if body[0] & _ANIMATION:
            raise Unmasked(Refusal.ANIMATED)
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    raise Unmasked(Refusal.BROKEN_HEADER)


def _number(data: bytes, at: int, size: int) -> int:
    if at + size > len(data):
        raise Unmasked(Refusal.BROKEN_HEADER)
    return int.from_bytes(data[at : at + size], "big")
