"""Faces and plates covered with an opaque fill, until another look finds none. In a child only: the masker's or a camera's."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from gewu.mask import header
from gewu.mask.words import Masked, Refusal, Unmasked
from gewu.vision.faces import FaceFinder
from gewu.vision.plates import TO_COVER, PlateFinder

VERSION = "1"  # raised whenever the same picture would be covered otherwise
STORED_SIDE = 1920  # pixels; what is larger is made smaller
_QUALITY = 85
_LOOKS = 6  # at what is covered; a scene that still shows something then is refused
_WIDER = 0.25  # of a box, on each side; once more with each look
_TILE, _STEP = 640, 512  # plates below 45 pixels are found only near their own size
_FACE_SIDES = (STORED_SIDE, 640, 320, 160)
_FILL = (0, 0, 0)

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]  # left, top, right, bottom


class Cover:
    """The models, loaded. ModelMissing without them."""

    def __init__(self, folder: Path | None = None) -> None:
        cv2.setNumThreads(1)
        self._faces, self._plates = FaceFinder(folder=folder), PlateFinder(_TILE, TO_COVER, folder)
        self.masked_by = f"gewu.mask {VERSION}, {self._faces.model.stamp}, {self._plates.model.stamp}"

    def mask(self, data: bytes) -> Masked:
        """The picture in these bytes as it may be stored: JPEG, without metadata. Raises Unmasked."""
        picture, stored = _decode(data), b""

        def seen(covered_so_far: Picture) -> Picture:
            nonlocal stored
            stored = _encode(covered_so_far)
            return _again(stored)

        covered = self.cover(picture, seen)
        return Masked(stored, "image/jpeg", self.masked_by, covered)  # the very bytes of the last look

    def cover(self, picture: Picture, seen: Callable[[Picture], Picture] = lambda picture: picture) -> int:
        """Cover a picture (BGR) in place and say how many areas; Unmasked where something is to be seen still.

        `seen`: what becomes of it before somebody sees it, because that is what must show nothing.
        """
        covered = 0
        for look in range(_LOOKS):
            found = list(self._find(seen(picture)))
            if not found:
                return covered
            for box in found:
                _fill(picture, box, _WIDER * (look + 1))
            covered += len(found)
        raise Unmasked(Refusal.STILL_VISIBLE)

    def _find(self, picture: Picture) -> Iterator[Box]:
        for side in _FACE_SIDES:
            if side == STORED_SIDE or side < max(picture.shape[:2]):
                for left, top, right, bottom, _ in self._faces.find(picture, side).tolist():
                    yield left, top, right, bottom
        for left, top, tile in _tiles(picture):
            for plate in self._plates.find(tile):
                corners = np.vstack([plate.corners, np.reshape(plate.box, (2, 2))]) + np.array([left, top])
                yield (*corners.min(axis=0), *corners.max(axis=0))


def _decode(data: bytes) -> Picture:
    """BGR, turned as its EXIF says, at most as large as is stored; nothing but pixels is left of the file."""
    said = header.look(data)
    try:
        picture: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None or sorted(picture.shape[:2]) != sorted((said.height, said.width)):
            raise Unmasked(Refusal.UNREADABLE)
        scale = STORED_SIDE / max(picture.shape[:2])
        if scale < 1:
            size = [max(1, round(n * scale)) for n in picture.shape[1::-1]]
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    except MemoryError:
        raise Unmasked(Refusal.TOO_MUCH_MEMORY) from None
    except cv2.error as fault:
        why = Refusal.TOO_MUCH_MEMORY if fault.code == cv2.Error.STS_NO_MEM else Refusal.UNREADABLE
        raise Unmasked(why) from None
    return np.ascontiguousarray(picture)


def _encode(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()


def _again(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def _tiles(picture: Picture) -> Iterator[tuple[int, int, Picture]]:
    """The whole picture, the same from further away (what fills it is not known without its surroundings), and its parts."""
    yield 0, 0, picture
    height, width = picture.shape[:2]
    away = np.zeros((height * 2, width * 2, 3), np.uint8)
    top, left = height // 2, width // 2
    away[top : top + height, left : left + width] = picture
    yield -left, -top, away
    if max(height, width) > _TILE:
        for y in _starts(height):
            for x in _starts(width):
                yield x, y, picture[y : y + _TILE, x : x + _TILE]


def _starts(length: int) -> list[int]:
    """Where tiles begin on one side, so that they overlap and the last one ends with it."""
    return sorted({*range(0, max(length - _TILE, 0), _STEP), max(length - _TILE, 0)})


def _fill(picture: Picture, box: Box, wider: float) -> None:
    left, top, right, bottom = box
    more_x, more_y = (right - left) * wider, (bottom - top) * wider
    low = max(0, int(left - more_x)), max(0, int(top - more_y))
    high = int(np.ceil(right + more_x)), int(np.ceil(bottom + more_y))
    picture[low[1] : max(high[1], 0), low[0] : max(high[0], 0)] = _FILL
