"""A picture's size is known, and judged, before anything decodes it."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gewu.mask import header
from gewu.mask.words import MOST_BYTES, MOST_SIDE, Refusal, Unmasked
from tests.mask import hostile

GOOD = {kind: hostile.encoded(hostile.grey(31, 17), kind) for kind in (".jpg", ".png", ".webp")}


def refusal(data: bytes) -> Refusal | None:
    """Why this header is refused."""
    try:
        header.look(data)
    except Unmasked as fault:
        return fault.why
    return None


@pytest.mark.parametrize(("kind", "type_"), [(".jpg", "jpeg"), (".png", "png"), (".webp", "webp")])
def test_the_size_is_read_from_the_header(kind: str, type_: str) -> None:
    assert header.look(GOOD[kind]) == header.Header(f"image/{type_}", 31, 17)


def test_the_size_of_every_kind_of_webp_is_read() -> None:
    lossless = hostile.encoded(hostile.grey(300, 200), ".webp", 64, 101)  # a quality above 100 is without loss
    assert lossless[12:16] == b"VP8L" and header.look(lossless) == header.Header("image/webp", 300, 200)
    extended = hostile.riff(hostile.canvas(300, 200), (b"VP8 ", b""))
    assert header.look(extended) == header.Header("image/webp", 300, 200)


def test_a_progressive_jpeg_behind_a_thumbnail_has_its_own_size() -> None:
    large = hostile.encoded(hostile.grey(640, 480), ".jpg", 2, 1)
    within = hostile.with_segment(large, 0xE1, b"Exif\0\0" + hostile.exif(1, GOOD[".jpg"]))
    assert header.look(within) == header.Header("image/jpeg", 640, 480)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (hostile.bomb(13_000), Refusal.TOO_LONG_A_SIDE),
        (hostile.png_of(5001, 5000, b""), Refusal.TOO_MANY_PIXELS),
        (hostile.png_of(1, MOST_SIDE + 1, b""), Refusal.TOO_LONG_A_SIDE),
        (hostile.png_of(0, 100, b""), Refusal.BROKEN_HEADER),
        (hostile.png_of(2**32 - 1, 2**32 - 1, b""), Refusal.TOO_LONG_A_SIDE),
        (hostile.riff(hostile.canvas(2**24, 2**24)), Refusal.TOO_LONG_A_SIDE),
        (hostile.riff(hostile.canvas(10, 10, flags=2)), Refusal.ANIMATED),
        (hostile.png_of(9, 9, b"", hostile.chunk(b"acTL", struct.pack(">II", 2, 0))), Refusal.ANIMATED),
        (GOOD[".jpg"][:10], Refusal.BROKEN_HEADER),
        (GOOD[".png"][:20], Refusal.BROKEN_HEADER),
        (GOOD[".webp"][:20], Refusal.BROKEN_HEADER),
        (b"\xff\xd8\xff\xd9", Refusal.BROKEN_HEADER),
        (b"GIF89a" + bytes(50), Refusal.UNKNOWN_FORMAT),
        (b"BM" + bytes(50), Refusal.UNKNOWN_FORMAT),
        (b"%PDF-1.7", Refusal.UNKNOWN_FORMAT),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Refusal.UNKNOWN_FORMAT),
        (b"", Refusal.UNKNOWN_FORMAT),
        (GOOD[".jpg"] + bytes(MOST_BYTES), Refusal.TOO_LARGE),
    ],
)
def test_what_may_not_be_decoded_is_refused_by_its_header(data: bytes, why: Refusal) -> None:
    assert refusal(data) is why


def test_the_largest_pictures_pass() -> None:
    assert refusal(hostile.png_of(5000, 5000, b"")) is None
    assert refusal(hostile.png_of(MOST_SIDE, 1, b"")) is None


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(sorted(GOOD)),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
def test_whatever_stands_there_the_answer_is_a_size_or_a_reason(
    kind: str, changed: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(GOOD[kind])
    for at, value in changed:
        data[at % len(data)] = value
    refusal(bytes(data[: len(data) - cut]))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", hostile.PNG, b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPVP8L"]),
    st.binary(max_size=200),
)
def test_noise_behind_the_first_bytes_is_a_size_or_a_reason(magic: bytes, noise: bytes) -> None:
    refusal(magic + noise)
