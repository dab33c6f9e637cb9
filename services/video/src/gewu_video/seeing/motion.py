"""What stands in a zone: not background, and not moving. No model takes part, and it names nothing."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
WIDTH = 320  # pictures are looked at this wide
_LEARN = 6  # pictures that a fresh background is made of
_SLOW = 0.004  # how fast it follows the light while the zone is free
_STILL = 20  # grey levels: what changed less since the picture before did not move
_ABSORB = 7200  # pictures after which what stands there is taken for background: light changes too


def pixels(polygon: Sequence[tuple[float, float]], width: int, height: int) -> NDArray[np.int32]:
    """A polygon in shares of the picture as one in pixels."""
    return np.rint(np.array(polygon) * (width, height)).astype(np.int32)


def black_out(picture: Picture, polygons: Sequence[Sequence[tuple[float, float]]]) -> None:
    """Fill privacy zones, in place; before anything looks."""
    height, width = picture.shape[:2]
    for polygon in polygons:
        # A pixel wider than drawn: rounding must not leave a line of it.
        points = [pixels(polygon, width, height)]
        cv2.fillPoly(picture, points, (0, 0, 0))
        cv2.polylines(picture, points, True, (0, 0, 0), 3)


class Still:
    """One zone's background, and how much of the zone is covered by what does not move."""

    def __init__(self, polygon: Sequence[tuple[float, float]], share: float) -> None:
        self._polygon, self._share = polygon, share
        self._size = (0, 0)

    def see(self, picture: Picture) -> float:
        """The share of the zone, from 0 to 1; `picture` is BGR and scaled to WIDTH."""
        if picture.shape[:2] != self._size:
            self._begin(picture)
        left, top, wide, high = self._box
        piece = cv2.GaussianBlur(picture[top : top + high, left : left + wide], (3, 3), 0)
        grey = cv2.cvtColor(piece, cv2.COLOR_BGR2GRAY)
        self._seen += 1
        if self._seen <= _LEARN or self._covered > _ABSORB:
            self._background.apply(piece, learningRate=1 / min(self._seen, _LEARN))
            self._covered = 0 if self._covered > _ABSORB else self._covered
            self._before = grey
            return 0.0
        other = self._background.apply(piece, learningRate=0)
        other = cv2.morphologyEx((other == 255).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        still = cv2.absdiff(grey, self._before) < _STILL
        self._before = grey
        anything = float(other[self._inside].mean())
        if anything < self._share / 2:
            # Only a free zone teaches what free looks like: a parked car must not become background.
            self._background.apply(piece, learningRate=_SLOW)
            self._covered = 0
        else:
            self._covered += 1
        return float((other.astype(bool) & still)[self._inside].mean())

    def _begin(self, picture: Picture) -> None:
        self._size = picture.shape[:2]
        height, width = self._size
        points = pixels(self._polygon, width, height)
        left, top, wide, high = cv2.boundingRect(points)
        wide, high = max(1, min(wide, width - left)), max(1, min(high, height - top))
        self._box = left, top, wide, high
        inside = np.zeros((high, wide), np.uint8)
        cv2.fillPoly(inside, [points - (left, top)], 1)
        self._inside = inside.astype(bool)
        self._background = cv2.createBackgroundSubtractorMOG2(history=200, varThreshold=25, detectShadows=True)
        self._seen = self._covered = 0
        self._before = np.zeros((high, wide), np.uint8)


class Scene:
    """All zones of a camera."""

    def __init__(self, zones: Sequence[tuple[str, Sequence[tuple[float, float]], float]]) -> None:
        self._zones = {id: Still(polygon, share) for id, polygon, share in zones}

    def see(self, picture: Picture) -> dict[str, float]:
        """By zone, how much of it is covered."""
        if not self._zones:
            return {}
        height, width = picture.shape[:2]
        if width > WIDTH:
            picture = cv2.resize(picture, (WIDTH, max(2, height * WIDTH // width)), interpolation=cv2.INTER_AREA)
        return {id: still.see(picture) for id, still in self._zones.items()}
