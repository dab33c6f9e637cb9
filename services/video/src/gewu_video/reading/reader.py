"""A plate's picture in, its text out: read inside the grammar of plates, its colour a hint, a second model asked in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gewu.city.plate import PROVINCES
from gewu.vision import models
from gewu.vision.models import ModelMissing
from gewu_video.reading import grammar
from gewu_video.reading.grammar import Floats

# The cut model first; the uncut one, from the extra `read`, reads as well and is three times as large.
READERS = ("plate_read_ppocrv4", "plate_read_rapidocr")
SECOND, COLOUR = "plate_read_ppocrv6s", "plate_colour_96"
# At or above it 99 of 100 plates are kept and 98 are right; no false box of the detector comes above 0.3.
KEEP = 0.7
# Below it the second reader is asked, where there is one: of one plate in seven.
SURE = 0.98

Upright = NDArray[np.uint8]


class Colour(StrEnum):
    """What a plate's ground looks like, in the order of the model's classes."""

    BLUE = "blue"
    GREEN = "green"
    YELLOW = "yellow"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that a plate may have, and how sure the reader is, from 0 to 1."""

    text: str
    confidence: float


class Reader:
    """Reads plates that were set upright. ModelMissing, with the reason of each, where there is no model to read with."""

    def __init__(self, folder: Path | None = None) -> None:
        self.model, self._first = _first(folder)
        self._colour = models.session(COLOUR, folder)
        self._second: _Model | None
        try:
            self._second = _Model(SECOND, folder)
        except ModelMissing:
            self._second = None

    def read(self, plate: Upright) -> Reading:
        """BGR, 160 by 48 (another size is scaled); the best plate, however unsure."""
        first = self._first.look(plate)
        path = grammar.spell(first, green=self.colour(plate) is Colour.GREEN)
        if self._second is None or not path.text or path.confidence >= SURE:
            return Reading(path.text, path.confidence)
        return _together(path, first, self._second.look(plate))

    def colour(self, plate: Upright) -> Colour:
        """What its ground looks like; white and black plates have no class of their own."""
        import cv2

        blob = cv2.resize(plate, (96, 96)).astype(np.float32).transpose(2, 0, 1)[None] / 255
        (scores,) = self._colour.run(None, {"data": blob})
        return list(Colour)[int(np.argmax(scores[0]))]


def _together(path: grammar.Path, first: Floats, second: Floats) -> Reading:
    """The likelier of two texts in the eyes of both. The second is not asked for the province: it misreads 皖."""
    other = path.text[0] + grammar.spell(second).text[1:]
    if other == path.text:
        return Reading(path.text, path.confidence)
    found = []
    for said in (path.text, other):
        log_p = grammar.best(first, tuple(said)).log_p + grammar.best(second, (PROVINCES, *said[1:])).log_p
        found.append((log_p, said))
    log_p, said = max(found)
    return Reading(said, float(np.exp(log_p / (2 * len(said)))))


class _Model:
    """One reader and its alphabet."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self._session = models.session(name, folder)
        listed = self._session.get_modelmeta().custom_metadata_map["character"].split("\n")
        self._alphabet = grammar.Alphabet(characters(listed, self._session.get_outputs()[0].shape[-1]))
        self._input = self._session.get_inputs()[0].name

    def look(self, plate: Upright) -> Floats:
        """Logarithms of [steps, 1 + characters]."""
        import cv2

        scaled = plate if plate.shape[:2] == (48, 160) else cv2.resize(plate, (160, 48), interpolation=cv2.INTER_CUBIC)
        blob = scaled.astype(np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
        (found,) = self._session.run(None, {self._input: blob})
        return self._alphabet.log(found[0])


def characters(listed: Sequence[str], classes: int) -> list[str]:
    """What the classes after the blank stand for. The cut models list their blank, the uncut one neither it nor the space."""
    if len(listed) == classes:
        return list(listed[1:])
    found = [*listed, *[" "] * (classes - 1 - len(listed))]
    return found[: classes - 1]


def _first(folder: Path | None) -> tuple[models.Model, _Model]:
    missing = []
    for name in READERS:
        try:
            return models.known()[name], _Model(name, folder)
        except ModelMissing as why:
            missing.append(str(why))
    raise ModelMissing("; or ".join(missing))
