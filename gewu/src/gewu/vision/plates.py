"""Finding plates: the detector's session, its letterbox, what its numbers mean, and a plate set upright.

Pictures are BGR, uint8, [height, width, 3]. Thresholds differ by use: to cover a plate 0.25, to read one 0.5.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gewu.vision import models

TO_COVER, TO_READ = 0.25, 0.5
_SAME = 0.5  # boxes that overlap more than this (intersection over union) are of one plate
_OUT = 0.04  # corners are pushed out by this share: the model sets them a little inside the frame
UPRIGHT = (160, 48)  # width and height of what a reader is given

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One plate in a picture. corners: float32 [4, 2], pixels, from the plate's own top left clockwise; score from 0 to 1."""

    corners: NDArray[np.float32]
    box: tuple[float, float, float, float]  # left, top, right, bottom
    score: float
    has_two_rows: bool

    @property
    def width(self) -> float:
        """Length of the longer of its upper and lower edges, in pixels: what decides whether it can be read."""
        top, bottom = self.corners[1] - self.corners[0], self.corners[2] - self.corners[3]
        return float(max(np.hypot(*top), np.hypot(*bottom)))


class PlateFinder:
    """Finds plates at or above a score. `side`: 640, or 320 for crops and small frames; ModelMissing without its model."""

    def __init__(self, side: int = 640, at_least: float = TO_READ, folder: Path | None = None) -> None:
        self.model = models.known()[f"plate_detect_{side}"]
        self._session, self._side, self._at_least = models.session(self.model.name, folder), side, at_least

    def find(self, picture: Picture) -> list[Found]:
        """The plates of a picture, the surest first."""
        blob, scale, left, top = letterbox(picture, self._side)
        (rows,) = self._session.run(None, {"input": blob})
        return decode(rows[0], self._at_least, scale, left, top)


def letterbox(picture: Picture, side: int) -> tuple[NDArray[np.float32], float, int, int]:
    """The picture centred on a black square, as the model wants it (RGB, 0 to 1, [1, 3, side, side]); scale and offsets."""
    import cv2

    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return cv2.dnn.blobFromImage(square, 1 / 255, swapRB=True), scale, left, top


def decode(rows: NDArray[np.float32], at_least: float, scale: float, left: int, top: int) -> list[Found]:
    """Rows of the model ([n, 15]: centre, size, objectness, four corners, single row, double row) as plates of the picture."""
    score = rows[:, 4] * rows[:, 13:15].max(axis=1)
    rows, score = rows[score >= at_least], score[score >= at_least]
    half = rows[:, 2:4] / 2
    boxes = (np.hstack([rows[:, :2] - half, rows[:, :2] + half]) - (left, top, left, top)) / scale
    corners = (rows[:, 5:13].reshape(-1, 4, 2) - (left, top)) / scale
    return [
        Found(
            corners[n].astype(np.float32), tuple(map(float, boxes[n])), float(score[n]), bool(rows[n, 14] > rows[n, 13])
        )
        for n in _apart(boxes, score)
    ]  # fmt: skip


def _apart(boxes: NDArray[Any], score: NDArray[Any]) -> list[int]:
    """The surest box of each plate (greedy non-maximum suppression)."""
    kept: list[int] = []
    left = [int(n) for n in np.argsort(-score)]
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    while left:
        best = left.pop(0)
        kept.append(best)
        low, high = np.maximum(boxes[left, :2], boxes[best, :2]), np.minimum(boxes[left, 2:], boxes[best, 2:])
        both = np.prod(np.maximum(high - low, 0), axis=1)
        union = area[left] + area[best] - both
        left = [n for n, share in zip(left, both / np.maximum(union, 1e-9), strict=True) if share <= _SAME]
    return kept


def upright(picture: Picture, corners: NDArray[np.float32]) -> Picture:
    """The plate set upright, 160 by 48, its corners pushed out a little."""
    import cv2

    middle = corners.mean(axis=0)
    pushed = (middle + (corners - middle) * (1 + _OUT)).astype(np.float32)
    width, height = UPRIGHT
    onto = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(pushed, onto)
    return cv2.warpPerspective(picture, turn, UPRIGHT, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
