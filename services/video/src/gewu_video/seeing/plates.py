"""Plates of a camera for which a rule is in force: found, read over several pictures, matched, and forgotten.

A plate that no rule names is a one in a number. It is in no message, no log line, no file and no hash; what is kept for
the votes of a passing car lives for a minute at most, under no name, and never leaves this process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gewu.vision.plates import Found, PlateFinder, upright
from gewu_video.reading.reader import KEEP, Reader, Reading
from gewu_video.reading.votes import vote
from gewu_video.talk import Hit, Plates

# Pixels between the upper corners: 60 are asked for, under 45 one place in ten is wrong.
ASK_PX, REFUSE_PX = 60, 45
_VOTES = 5  # pictures that decide
_GONE_S, _LIFE_S = 3.0, 60.0  # a car that was not seen for so long is gone; one that stays is looked at anew
_MOST = 32  # cars at once


@dataclass(slots=True, eq=False)
class _Passing:
    """One plate in front of this camera, known by where it was in the picture before."""

    middle: tuple[float, float]
    width: float
    first: float
    last: float
    readings: list[Reading] = field(default_factory=list)
    told: bool = False


class PlateWatch:
    """The plates of one camera. rules: by rule the plates that it names. ModelMissing without the models."""

    def __init__(self, rules: Mapping[str, Sequence[str]], finder: PlateFinder, reader: Reader) -> None:
        self._rules = {rule: frozenset(plates) for rule, plates in rules.items()}
        self._finder, self._reader = finder, reader
        self._passing: list[_Passing] = []

    def see(self, picture: NDArray[np.uint8], now: float) -> Plates | None:
        """What this picture decided: how many plates were read, and those that a rule names; None for nothing."""
        for found in self._finder.find(picture):
            if found.width >= REFUSE_PX and not found.has_two_rows:
                self._read(picture, found, now)
        over = [p for p in self._passing if now - p.last > _GONE_S or now - p.first > _LIFE_S]
        self._passing = [p for p in self._passing if p not in over]
        decided = [p for p in self._passing if not p.told and len(p.readings) >= _VOTES]
        decided += [p for p in over if not p.told and p.readings]
        read, hits = 0, []
        for passing in decided:
            said = vote(passing.readings)
            passing.told, passing.readings = True, []
            if said.confidence < KEEP:
                continue
            read += 1
            hits += [Hit(rule, said.text, said.confidence) for rule, named in self._rules.items() if said.text in named]
        return Plates(read, self._reader.model.stamp, hits) if read else None

    def _read(self, picture: NDArray[np.uint8], found: Found, now: float) -> None:
        passing = self._same(found, now)
        if passing is not None and not passing.told:
            reading = self._reader.read(upright(picture, found.corners))
            if reading.text:
                passing.readings.append(reading)

    def _same(self, found: Found, now: float) -> _Passing | None:
        """The plate that was within its own width of this place in the picture before; None where there are too many."""
        x, y = found.corners.mean(axis=0).tolist()
        for passing in self._passing:
            if np.hypot(passing.middle[0] - x, passing.middle[1] - y) <= max(passing.width, found.width):
                passing.middle, passing.width, passing.last = (x, y), found.width, now
                return passing
        if len(self._passing) >= _MOST:
            return None
        self._passing.append(_Passing((x, y), found.width, now, now))
        return self._passing[-1]
