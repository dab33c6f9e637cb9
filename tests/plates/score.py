"""What was read against what stands there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import cv2

from gewu.vision.plates import Found, PlateFinder, upright
from gewu_video.reading.reader import KEEP, Reader
from gewu_video.seeing.plates import REFUSE_PX
from tests.plates.labels import Label

_FOUND = 0.5  # intersection over union


@dataclass(slots=True)
class Crops:
    """Crops of one kind."""

    crops: int = 0
    exact: int = 0
    characters: int = 0
    wrong: int = 0  # edits between what stands there and what was read

    def add(self, label: str, text: str) -> None:
        """One more."""
        self.crops += 1
        self.exact += label == text
        self.characters += len(label)
        self.wrong += min(len(label), edits(label, text))

    @property
    def exact_rate(self) -> float:
        """Whole plates read right, from 0 to 1."""
        return round(self.exact / self.crops, 4) if self.crops else 0.0

    @property
    def character_accuracy(self) -> float:
        """One minus edits by characters."""
        return round(1 - self.wrong / self.characters, 4) if self.characters else 0.0


@dataclass(slots=True)
class Score:
    """Photographs and rendered pictures apart; the rendered ones are never part of a rate."""

    real: Crops = field(default_factory=Crops)
    by_colour: dict[str, Crops] = field(default_factory=dict)
    synthetic: dict[str, Crops] = field(default_factory=dict)
    frames: int = 0
    found: int = 0
    read_in_frames: int = 0
    without: int = 0
    false_plates: int = 0

    def as_json(self) -> dict[str, Any]:
        """What a machine reads; `frames`: those with a plate in them."""
        return {
            "crops": self.real.crops,
            "exact": self.real.exact,
            "exact_rate": self.real.exact_rate,
            "character_accuracy": self.real.character_accuracy,
            "by_colour": {c: {"crops": k.crops, "exact_rate": k.exact_rate} for c, k in sorted(self.by_colour.items())},
            "frames": self.frames,
            "found": self.found,
            "false_plates": self.false_plates,
        }


def judge(labels: Iterable[Label], finder: PlateFinder, reader: Reader) -> Score:
    """Read every picture."""
    score = Score()
    for label in labels:
        picture = cv2.imread(str(label.path))
        if picture is None:
            raise ValueError(f"{label.path} is no picture")
        if label.is_frame:
            _frame(score, label, finder.find(picture), picture, reader)
            continue
        text = reader.read(picture).text
        if label.is_synthetic:
            score.synthetic.setdefault(label.colour, Crops()).add(label.plate, text)
        else:
            score.real.add(label.plate, text)
            score.by_colour.setdefault(label.colour, Crops()).add(label.plate, text)
    return score


def _frame(score: Score, label: Label, found: list[Found], picture: Any, reader: Reader) -> None:
    right = [f for f in found if label.box is not None and overlap(f.box, label.box) > _FOUND]
    if label.box is None:
        score.without += 1
    else:
        score.frames += 1
        score.found += bool(right)
    for plate in found:
        # A plate counts as said only where the service would say it: wide enough, one row, sure enough.
        if plate.width < REFUSE_PX or plate.has_two_rows:
            continue
        said = reader.read(upright(picture, plate.corners))
        if said.confidence < KEEP:
            continue
        if plate in right:
            score.read_in_frames += said.text == label.plate
        elif label.box is None or overlap(plate.box, label.box) == 0:
            score.false_plates += 1


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union of two boxes."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, wide) * max(0.0, high)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return both / (areas - both) if areas > both else 0.0


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for n, a in enumerate(one, 1):
        row, before = [n], row
        for m, b in enumerate(other, 1):
            row.append(min(before[m] + 1, row[-1] + 1, before[m - 1] + (a != b)))
    return row[-1]
