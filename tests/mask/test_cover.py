"""What the masker gives back shows nobody: judged by other eyes than its own, and they were seen to see."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from gewu.mask.client import Masker
from tests.mask import hostile
from tests.support.eyes import Eyes
from tests.support.shared import shared


@pytest.fixture(scope="session")
def eyes() -> Eyes:
    """The judge."""
    return Eyes()


def frame(number: int) -> Any:
    """A photograph of a car; 5 and 7 of 9 show none of its plates."""
    return cv2.imread(str(shared(f"eval/plates/frames/frame_{number:04}.jpg")))


def crowd(portrait: Any, *widths: int) -> Any:
    """A street with the face in it at these widths; the face is 91 of the portrait's 512 pixels wide."""
    street = frame(7)
    left = top = 8
    for width in widths:
        side = round(512 * width / 91)
        face = cv2.resize(
            portrait[: 512 * 2 // 3, 96:416],
            (round(side * 320 / 512), round(side * 2 / 3)),
            interpolation=cv2.INTER_AREA,
        )
        high, wide = min(face.shape[0], street.shape[0] - top), min(face.shape[1], street.shape[1] - left)
        street[top : top + high, left : left + wide] = face[:high, :wide]
        left += wide + 8
        if left + wide > street.shape[1]:
            left, top = 8, top + high + 8
    return street


def faces(portrait: Any) -> Iterator[tuple[str, Any]]:
    """Faces alone, small, large, turned, dark, many."""
    yield "a portrait", portrait
    yield "a face that fills the picture", cv2.resize(portrait[60:180, 175:275], None, fx=6, fy=6)
    yield "a large one", cv2.resize(portrait, None, fx=3.75, fy=3.75)
    yield "small ones", crowd(portrait, *[14, 18, 24, 30] * 3)
    yield "several", crowd(portrait, 40, 60, 80, 25)
    yield "a mirrored one", portrait[:, ::-1].copy()
    yield "a tilted one", cv2.warpAffine(portrait, cv2.getRotationMatrix2D((224, 120), 25, 1), (512, 512))
    yield "one at night", (portrait * 0.25).astype(np.uint8)
    yield "a grey one", cv2.merge([cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)] * 3)


def plates() -> Iterator[tuple[str, Any]]:
    """Plates of streets, nearer and farther, and some that fill the picture."""
    for number in range(1, 10):
        yield f"frame {number}", frame(number)
    for number in (3, 6, 9):
        yield (
            f"frame {number}, half as large",
            cv2.resize(frame(number), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        )
    far = np.zeros((1080, 1920, 3), np.uint8) + 90
    for n, number in enumerate((1, 2, 3, 4, 5)):
        car = cv2.resize(frame(number), (360, 580), interpolation=cv2.INTER_AREA)
        far[200:780, 20 + n * 380 : 380 + n * 380] = car
    yield "a car park", far
    for number in (1, 6, 9):
        yield f"crop {number}", cv2.imread(str(shared(f"eval/plates/crops/crop_{number:04}.jpg")))


async def test_no_face_is_to_be_seen(masker: Masker, eyes: Eyes, portrait: Any) -> None:
    seen = {}
    for name, picture in faces(portrait):
        masked = await masker.mask(hostile.encoded(picture, ".png"))
        assert masked.covered, name
        seen[name] = eyes.see(cv2.imdecode(np.frombuffer(masked.data, np.uint8), cv2.IMREAD_COLOR))
    assert {name: what for name, what in seen.items() if what} == {}


async def test_no_plate_is_to_be_read(masker: Masker, eyes: Eyes) -> None:
    seen = {}
    for name, picture in plates():
        masked = await masker.mask(hostile.encoded(picture, ".png"))
        seen[name] = eyes.see(cv2.imdecode(np.frombuffer(masked.data, np.uint8), cv2.IMREAD_COLOR))
    assert len(seen) == 16 and {name: what for name, what in seen.items() if what} == {}


async def test_what_is_covered_is_gone_and_not_blurred(masker: Masker, portrait: Any) -> None:
    masked = await masker.mask(hostile.encoded(portrait, ".png"))
    found = cv2.imdecode(np.frombuffer(masked.data, np.uint8), cv2.IMREAD_COLOR)
    face = found[80:165, 190:258]
    assert face.max() <= 8, "opaque, but for what encoding adds"
    assert abs(found[300:, :60].astype(int) - portrait[300:, :60]).mean() < 12, "the rest is as it was"


async def test_a_masked_picture_masked_again_stays_as_it_is(masker: Masker, portrait: Any) -> None:
    once = await masker.mask(hostile.encoded(portrait, ".png"))
    assert (await masker.mask(once.data)).covered == 0
    assert (await masker.mask(hostile.encoded(portrait, ".png"))).data == once.data, "and is the same each time"


def test_the_eyes_see_what_is_not_covered(eyes: Eyes, portrait: Any) -> None:
    blind = [name for name, picture in faces(portrait) if not eyes.see(picture)]
    assert blind == []
    read = [name for name, picture in plates() if any("plate" in what for what in eyes.see(picture))]
    assert len(read) >= 10, read
    blurred = portrait.copy()
    blurred[150:200, 190:258] = cv2.blur(blurred[150:200, 190:258], (9, 9))
    assert eyes.see(blurred), "a face that is half blurred is a face"
