"""Which plates of several pictures are one car: by place where pictures are close together, else by what was read.

Pictures are dropped where there is too much to do, and in the next one a car is somewhere else. By the place alone it would
then be two cars, or two cars at one place would be one. No pixels here: a plate is a middle, a width, and how to read it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import dist

from gewu_video.reading.reader import KEEP, Reading
from gewu_video.reading.votes import vote

_VOTES = 5  # readings that decide
_NEAR_S = 0.5  # in pictures so close together nothing else can be within a plate's width of where a plate was
_LOOK_S = 1.0  # of the time between two pictures so much counts: where nobody looked, nobody was gone
_GONE_S, _LIFE_S = (
    3.0,
    60.0,
)  # a car that was not seen for so long is gone; of one that stays what was read is forgotten
_MOST = 32  # cars at once


@dataclass(frozen=True, slots=True)
class Spot:
    """A plate in one picture. middle and width: pixels; read: what stands on it, asked for only where that matters."""

    middle: tuple[float, float]
    width: float
    read: Callable[[], Reading]


@dataclass(frozen=True, slots=True)
class Told:
    """What was read of a car. is_first: it was not told before; a car that stays is told again after a while."""

    reading: Reading
    is_first: bool


@dataclass(slots=True, eq=False)
class _Car:
    """One car in front of this camera. sure: texts that are likely enough to know it by."""

    middle: tuple[float, float]
    width: float
    first: float
    last: float
    unseen: float = 0.0  # looked for and not found, seconds
    readings: list[Reading] = field(default_factory=list)
    sure: set[str] = field(default_factory=set)
    told: bool = False
    counted: bool = False

    def seen(self, spot: Spot, reading: Reading | None, now: float) -> None:
        """It is there, in this picture."""
        self.middle, self.width, self.last, self.unseen = spot.middle, spot.width, now, 0.0
        if reading and reading.text:
            if reading.confidence >= KEEP:
                self.sure.add(reading.text)
            if not self.told:
                self.readings.append(reading)


class Passing:
    """The cars of one camera, from one picture to the next."""

    def __init__(self) -> None:
        self._cars: list[_Car] = []
        self._at: float | None = None  # of the picture before

    def see(self, spots: Sequence[Spot], now: float) -> list[Told]:
        """One picture; what is decided with it. `now` never goes back (seconds)."""
        looked = 0.0 if self._at is None else min(now - self._at, _LOOK_S)
        self._at = now
        for car in self._cars:
            car.unseen += looked
        for spot in spots:
            self._spot(spot, now)
        gone = [car for car in self._cars if car.unseen > _GONE_S]
        self._cars = [car for car in self._cars if car.unseen <= _GONE_S]
        told = _told([*(car for car in self._cars if len(car.readings) >= _VOTES), *gone])
        for car in self._cars:
            if now - car.first > _LIFE_S:
                # It stays, known by its place alone; whoever asks for it hears of it again.
                car.first, car.told, car.readings, car.sure = now, False, [], set()
        return told

    def end(self) -> list[Told]:
        """No picture comes any more: what was read of those who are still there decides."""
        left, self._cars = self._cars, []
        return _told(left)

    def _spot(self, spot: Spot, now: float) -> None:
        beside = min(
            (car for car in self._cars if dist(car.middle, spot.middle) <= max(car.width, spot.width)),
            key=lambda car: dist(car.middle, spot.middle), default=None,
        )  # fmt: skip
        if beside and beside.told and now - beside.last <= _NEAR_S:
            beside.seen(spot, None, now)
            return
        reading = spot.read()
        car = self._whose(reading, beside, now)
        if car is None:
            if len(self._cars) >= _MOST:
                return
            car = _Car(spot.middle, spot.width, now, now)
            self._cars.append(car)
        car.seen(spot, reading, now)

    def _whose(self, reading: Reading, beside: _Car | None, now: float) -> _Car | None:
        """The car that this was read of; None for one that was not there before."""
        if reading.confidence < KEEP:
            return beside  # what was read says nothing
        for car in self._cars:
            if reading.text in car.sure:
                return car
        if beside and (not beside.sure or now - beside.last <= _NEAR_S):
            return beside
        # One place misread. Two such plates in one picture are two cars.
        likely = (
            car for car in self._cars if car.last < now and any(_alike(reading.text, known) for known in car.sure)
        )
        return next(likely, None)


def _told(cars: Sequence[_Car]) -> list[Told]:
    """Those of which enough was read to say so, each once."""
    found = []
    for car in cars:
        if car.told or not car.readings:
            continue
        said = vote(car.readings)
        car.told, car.readings = True, []
        if said.confidence >= KEEP:
            found.append(Told(said, not car.counted))
            car.counted = True
    return found


def _alike(one: str, other: str) -> bool:
    return len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) <= 1
