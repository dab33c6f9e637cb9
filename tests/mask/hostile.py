"""Pictures that mean harm, and what of a picture can be read without decoding it."""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

PNG = b"\x89PNG\r\n\x1a\n"


def grey(width: int, height: int) -> Any:
    """A picture of nothing."""
    return np.full((height, width, 3), 128, np.uint8)


def encoded(picture: Any, kind: str = ".jpg", *options: int) -> bytes:
    """The picture as a file."""
    return cv2.imencode(kind, picture, options)[1].tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, rows: bytes, *between: bytes) -> bytes:
    """A grey PNG whose header says this size, whatever its rows are; `between`: chunks before its data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return PNG + chunk(b"IHDR", head) + b"".join(between) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def bomb(side: int) -> bytes:
    """A small file that is a large picture."""
    return png_of(side, side, bytes((side + 1) * side))


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def with_segment(jpeg: bytes, marker: int, body: bytes) -> bytes:
    """The JPEG with one more segment at its start."""
    return jpeg[:2] + segment(marker, body) + jpeg[2:]


def exif(orientation: int, thumbnail: bytes = b"") -> bytes:
    """A TIFF body with an orientation, a position (GPS) and a thumbnail, as cameras write it."""
    gps_at = 8 + 2 + 2 * 12 + 4
    thumbnail_at = gps_at + 2 + 2 * 12 + 4 + 24
    first = struct.pack("<HHHIHH", 2, 0x0112, 3, 1, orientation, 0) + struct.pack("<HHII", 0x8825, 4, 1, gps_at)
    first += struct.pack("<I", thumbnail_at)
    gps = struct.pack("<H", 2) + struct.pack("<HHI4s", 1, 2, 2, b"N\0") + struct.pack("<HHII", 2, 5, 3, gps_at + 30)
    gps += struct.pack("<I", 0) + struct.pack("<IIIIII", 39, 1, 1, 1, 17, 1)
    end = thumbnail_at + 2 + 2 * 12 + 4
    second = (
        struct.pack("<H", 2)
        + struct.pack("<HHII", 0x0201, 4, 1, end)
        + struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail))
    )
    return b"II*\0" + struct.pack("<I", 8) + first + gps + second + struct.pack("<I", 0) + thumbnail


def cmyk() -> bytes:
    """A JPEG of four inks, 64 by 64, all of one tone: as printers make them."""
    tables = segment(0xDB, b"\0" + bytes([1] * 64))
    frame = segment(0xC0, struct.pack(">BHHB", 8, 64, 64, 4) + b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3, 4)))
    codes = b"".join(segment(0xC4, bytes([kind, 1] + [0] * 15 + [0])) for kind in (0x00, 0x10))
    scan = segment(0xDA, bytes([4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]))
    adobe = segment(0xEE, b"Adobe" + bytes([0, 100, 0, 0, 0, 0, 0]))
    return b"\xff\xd8" + adobe + tables + frame + codes + scan + bytes(64) + b"\xff\xd9"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    body = b"".join(k + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for k, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """The extended header of a WebP."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def markers(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Every segment of a JPEG up to its scan, which must be its last one and end with the file."""
    assert jpeg[:2] == b"\xff\xd8"
    at = 2
    while True:
        assert jpeg[at] == 0xFF, at
        (length,) = struct.unpack(">H", jpeg[at + 2 : at + 4])
        yield jpeg[at + 1], jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if jpeg[at - length - 1] == 0xDA:
            break
    scan = jpeg[at:].replace(b"\xff\x00", b"")
    ends = [n for n in range(len(scan) - 1) if scan[n] == 0xFF and not 0xD0 <= scan[n + 1] <= 0xD7]
    assert ends == [len(scan) - 2] and scan.endswith(b"\xff\xd9"), "something stands in or behind the scan"
