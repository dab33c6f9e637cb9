"""Plates of a camera for which a rule is in force: found, read over several pictures, matched, and forgotten.

A plate that no rule names is a one in a number. It is in no message, no log line, no file and no hash; what is kept for
the votes of a passing car lives for a minute at most, under no name, and never leaves this process.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gewu.vision.plates import Found, PlateFinder, upright
from gewu_video.reading.reader import Reader
from gewu_video.seeing.passing import Passing, Spot, Told
from gewu_video.talk import Hit, Plates

# Pixels between the upper corners: 60 are asked for, under 45 one place in ten is wrong.
ASK_PX, REFUSE_PX = 60, 45


class PlateWatch:
    """The plates of one camera. rules: by rule the plates that it names. ModelMissing without the models."""

    def __init__(self, rules: Mapping[str, Sequence[str]], finder: PlateFinder, reader: Reader) -> None:
        self._rules = {rule: frozenset(plates) for rule, plates in rules.items()}
        self._finder, self._reader = finder, reader
        self._passing = Passing()

    def see(self, picture: NDArray[np.uint8], now: float) -> Plates | None:
        """What this picture decided: how many plates were read, and those that a rule names; None for nothing."""
        return self._said(self._passing.see(self.spots(picture), now))

    def end(self) -> Plates | None:
        """The source is over: what it decided of those who are still in the picture."""
        return self._said(self._passing.end())

    def spots(self, picture: NDArray[np.uint8]) -> list[Spot]:
        """The plates of a picture that can be read at all."""
        found = [f for f in self._finder.find(picture) if f.width >= REFUSE_PX and not f.has_two_rows]
        return [self._spot(picture, f) for f in found]

    def _spot(self, picture: NDArray[np.uint8], found: Found) -> Spot:
        x, y = found.corners.mean(axis=0).tolist()
        return Spot((x, y), found.width, lambda: self._reader.read(upright(picture, found.corners)))

    def _said(self, told: Sequence[Told]) -> Plates | None:
        hits = [
            Hit(rule, one.reading.text, one.reading.confidence)
            for one in told
            for rule, named in self._rules.items()
            if one.reading.text in named
        ]
        read = sum(one.is_first for one in told)
        return Plates(read, self._reader.model.stamp, hits) if read or hits else None
