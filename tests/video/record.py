"""`python -m tests.video.record`: what the models make of two made-up scenes, picture by picture, into recorded.json.

Two cars that stand where the other stood, as in plates.draw; two that drive past each other, each picture more than a plate's
width further. Kept so that what is done with it can be tested without models and under any loss of pictures.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tests.video import plates

FILE = Path(__file__).with_name("recorded.json")
RATE = 4
_SIZE = 1280, 720
_PLATE, _AROUND = 90, 2.6  # pixels of a plate; what of the photograph is shown, in plates to each side
_STEP = 115  # pixels from one picture to the next
_Picture = np.ndarray


def standing() -> Iterator[_Picture]:
    """One car for four seconds, four of nothing, the other one at nearly the same place."""
    empty = np.full((plates.SIZE[1], plates.SIZE[0], 3), 90, np.uint8)
    for picture in (plates.photo(plates.CANARY), empty, plates.photo(plates.ASKED), empty):
        yield from [picture] * (4 * RATE)


def driving(cut: dict[str, _Picture]) -> Iterator[_Picture]:
    """One from the left, and while it is still there the other from the right, on the lane before it."""
    for n in range(22):
        road = np.full((_SIZE[1], _SIZE[0], 3), 90, np.uint8)
        _put(road, cut[plates.CANARY], -240 + n * _STEP, 20)
        _put(road, cut[plates.ASKED], _SIZE[0] + 40 - (n - 7) * _STEP, 390)
        yield _filmed(road, n)


def _filmed(road: _Picture, n: int) -> _Picture:
    """Blurred by the movement, now more, now less, and with grain: some plates are read wrong, or hardly."""
    blur = (3, 5, 7, 5, 3, 8, 5)[n % 7]
    moved = cv2.filter2D(road, -1, np.full((1, blur), 1 / blur))
    return np.clip(moved + np.random.default_rng(n).normal(0, 6, road.shape), 0, 255).astype(np.uint8)


def _put(road: _Picture, car: _Picture, left: int, top: int) -> None:
    there = max(0, left), min(_SIZE[0], left + car.shape[1])
    if there[0] < there[1]:
        road[top : top + car.shape[0], there[0] : there[1]] = car[:, there[0] - left : there[1] - left]


def main() -> int:
    """Exit code 2 where the models or the photographs are not."""
    if not plates.are_there():
        print(plates.NEEDS, file=sys.stderr)
        return 2
    from gewu.vision.plates import PlateFinder
    from gewu_video.reading.reader import Reader
    from gewu_video.seeing.plates import PlateWatch

    folder = Path(plates.models())
    finder = PlateFinder(folder=folder)
    watch = PlateWatch({}, finder, Reader(folder))
    cut = {plate: _cut(plates.photo(plate), finder) for plate in (plates.CANARY, plates.ASKED)}
    scenes = {"standing": standing(), "driving": driving(cut)}
    found = {name: [_seen(watch, picture) for picture in pictures] for name, pictures in scenes.items()}
    rows = [
        f"{json.dumps(name)}: [\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]"
        for name, rows in found.items()
    ]
    FILE.write_text("{" + ",\n".join(rows) + "}\n")
    return 0


def _cut(photo: _Picture, finder: object) -> _Picture:
    """The car around its plate, as large as the scene wants it."""
    (found,) = finder.find(photo)  # type: ignore[attr-defined]
    x, y = found.corners.mean(axis=0)
    half = found.width * _AROUND / 2
    piece = photo[max(0, int(y - half)) : int(y + half), max(0, int(x - half)) : int(x + half)]
    scale = _PLATE / found.width
    return cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _seen(watch: object, picture: _Picture) -> list[list[object]]:
    """Of each plate its middle, width, text and confidence."""
    rows = []
    for spot in watch.spots(picture):  # type: ignore[attr-defined]
        reading = spot.read()
        x, y = spot.middle
        rows.append([round(x), round(y), round(spot.width, 1), reading.text, round(reading.confidence, 3)])
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
