"""Hostile files, given to the real child: each is masked and holds nothing but pixels, or is refused with its reason."""

import io
import random
import re
import zipfile
from typing import Any

import cv2
import numpy as np
import pytest

from gewu.mask.client import Masker
from gewu.mask.words import Refusal, Unmasked
from tests.mask import hostile

ONLY = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}  # JFIF, tables, one frame, one scan


async def masked(masker: Masker, data: bytes) -> bytes | Refusal:
    """What would be stored of this file, or why nothing."""
    try:
        return (await masker.mask(data)).data
    except Unmasked as fault:
        return fault.why


def clean(data: bytes | Refusal) -> bytes:
    """A stored picture, which must be a plain JPEG and nothing else whatever reads it."""
    assert isinstance(data, bytes), data
    found = list(hostile.markers(data))
    assert {marker for marker, _ in found} <= ONLY and sum(m == 0xDA for m, _ in found) == 1
    assert [body[:5] for marker, body in found if marker == 0xE0] == [b"JFIF\0"]
    assert not zipfile.is_zipfile(io.BytesIO(data))
    assert not re.search(rb"%PDF|<\s*(script|html|svg|\?php)|javascript:|Exif|GPS|PK\x03\x04|http://", data, re.I)
    return data


def size(data: bytes) -> tuple[int, int]:
    """Width and height of a stored picture."""
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    return width, height


def archive() -> bytes:
    """A ZIP with something to run."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("run.js", "alert(1)")
    return out.getvalue()


@pytest.fixture(scope="module")
def scene() -> Any:
    """Something that a decoder has to work for."""
    return cv2.resize(np.random.default_rng(5).integers(0, 255, (12, 16, 3), np.uint8), (160, 120))


WORDS = b"<html><script>alert(1)</script></html>%PDF-1.7 javascript:alert(1)"


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
async def test_what_is_appended_to_a_picture_is_gone(masker: Masker, scene: Any, kind: str) -> None:
    for tail in (archive(), WORDS):
        data = hostile.encoded(scene, kind) + tail
        assert zipfile.is_zipfile(io.BytesIO(data)) or WORDS in data
        assert size(clean(await masked(masker, data))) == (160, 120)


async def test_what_is_written_into_a_picture_is_gone(masker: Masker, scene: Any) -> None:
    jpeg = hostile.encoded(scene)
    for marker in (0xFE, 0xE1, 0xE2, 0xED, 0xEF):
        clean(await masked(masker, hostile.with_segment(jpeg, marker, WORDS + archive())))
    text = hostile.chunk(b"tEXt", b"Comment\0" + WORDS)
    clean(await masked(masker, hostile.png_of(20, 20, bytes(21 * 20), text)))


async def test_position_and_thumbnail_of_a_camera_are_gone_and_the_picture_stands_upright(
    masker: Masker, scene: Any
) -> None:
    thumbnail = hostile.encoded(hostile.grey(64, 48))
    for orientation, wanted in ((1, (160, 120)), (6, (120, 160)), (8, (120, 160)), (3, (160, 120))):
        body = hostile.exif(orientation, thumbnail)
        data = hostile.with_segment(hostile.encoded(scene), 0xE1, b"Exif\0\0" + body)
        found = clean(await masked(masker, data))
        assert size(found) == wanted and found.count(b"\xff\xd8\xff") == 1
    turned = hostile.png_of(30, 20, bytes(31 * 20), hostile.chunk(b"eXIf", hostile.exif(6)))
    assert sorted(size(clean(await masked(masker, turned)))) == [20, 30]


async def test_bombs_are_refused_before_they_are_unpacked(masker: Masker) -> None:
    (pid,) = masker.pids
    before = _peak(pid)
    assert await masked(masker, hostile.bomb(13_000)) is Refusal.TOO_LONG_A_SIDE
    assert await masked(masker, hostile.bomb(9_000)) is Refusal.TOO_MANY_PIXELS
    assert _peak(pid) - before < 20_000 and masker.pids == (pid,)


async def test_the_largest_picture_that_is_taken_is_stored_small(masker: Masker) -> None:
    assert size(clean(await masked(masker, hostile.bomb(5_000)))) == (1920, 1920)


async def test_a_header_that_says_less_than_the_file_holds_does_not_help(masker: Masker, scene: Any) -> None:
    frame = b"\x08\x00\x08\x00\x08\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    twice = hostile.with_segment(hostile.encoded(scene), 0xC0, frame)  # 8 by 8, and then the real one
    assert await masked(masker, twice) is Refusal.UNREADABLE
    inner = hostile.encoded(scene, ".webp")
    lying = hostile.riff(hostile.canvas(16, 16), (inner[12:16], inner[20:]))
    assert await masked(masker, lying) is Refusal.UNREADABLE


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 12_000), (12_000, 1), (3, 2_000), (31, 33)])
async def test_odd_sizes_are_pictures_too(masker: Masker, width: int, height: int) -> None:
    found = clean(await masked(masker, hostile.encoded(hostile.grey(width, height), ".png")))
    assert max(size(found)) == min(1920, max(width, height))


async def test_inks_depths_and_transparency_come_out_as_plain_colour(masker: Masker, scene: Any) -> None:
    assert size(clean(await masked(masker, hostile.cmyk()))) == (64, 64)
    deep = scene.astype(np.uint16) * 257
    clear = np.dstack([scene, np.zeros(scene.shape[:2], np.uint8)])
    for picture in (deep, clear, scene[:, :, 0]):
        assert size(clean(await masked(masker, hostile.encoded(picture, ".png")))) == (160, 120)


async def test_a_picture_that_is_not_whole_is_refused_or_holds_only_pixels(masker: Masker, scene: Any) -> None:
    for kind in (".jpg", ".png", ".webp"):
        data = hostile.encoded(scene, kind)
        for share in (0.1, 0.5, 0.9):
            found = await masked(masker, data[: int(len(data) * share)])
            assert found in (Refusal.UNREADABLE, Refusal.BROKEN_HEADER) or clean(found)


@pytest.mark.parametrize(
    "other", [b"GIF89a" + bytes(99), b"II*\0" + bytes(99), b"\0\0\0 ftypheic" + bytes(99), WORDS, b"\0"]
)
async def test_other_formats_are_no_pictures_here(masker: Masker, other: bytes) -> None:
    assert await masked(masker, other) is Refusal.UNKNOWN_FORMAT


async def test_damage_anywhere_ends_in_a_picture_or_a_reason_and_never_in_the_child(masker: Masker, scene: Any) -> None:
    chance, (pid,) = random.Random(7), masker.pids
    for n in range(60):
        data = bytearray(hostile.encoded(scene, (".jpg", ".png", ".webp")[n % 3]))
        for _ in range(chance.randint(1, 12)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        found = await masked(masker, bytes(data))
        assert isinstance(found, Refusal) or clean(found)
    assert masker.pids == (pid,)


def _peak(pid: int) -> int:
    """The largest resident size that this process had, KiB."""
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read())[1])  # type: ignore[index]
