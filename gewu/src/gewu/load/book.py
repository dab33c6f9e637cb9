"""A run's numbers while they grow: all in all, for each step, for each slice of time, by how it travelled."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from gewu.dev.door import Word
from gewu.load.answers import Said
from gewu.load.schedule import Step
from gewu.load.tally import Latencies, Rated, Tally

_SLICES = 60  # of a run, at most; none is shorter than a second


class Book:
    """Takes every request twice: when it is due, and at its end."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.seconds = steps[-1].start + steps[-1].seconds
        self._starts = [step.start for step in steps]
        self.whole = Tally()
        self.steps = [Rated(step.rate, step.seconds, Tally()) for step in steps]
        self._slice_s = max(1.0, self.seconds / _SLICES)
        self.slices: list[Tally] = []
        self.recent = Tally()  # since somebody last looked
        self.singles, self.batches, self.refused = Latencies(), Latencies(), Latencies()
        self.latest_s = 0.0  # how far the generator itself was ever behind its schedule

    @property
    def slice_s(self) -> float:
        """Seconds of a slice."""
        return self._slice_s

    def offer(self, due: float, step: int, reports: int, late: float) -> None:
        """A request is due, and the generator is that late."""
        self.latest_s = max(self.latest_s, late)
        for tally in self._tallies(due, step):
            tally.offered += reports

    def sent(self, due: float, step: int, reports: int) -> None:
        """It leaves."""
        for tally in self._tallies(due, step):
            tally.sent += reports

    def settle(self, due: float, step: int, seconds: float, found: Sequence[Said]) -> None:
        """Its reports have their last words, this long after they were due."""
        kind = self.batches if len(found) > 1 else self.singles
        counts = Counter((said.word, said.code) for said in found) if len(found) > 1 else {found[0][:2]: 1}
        for (word, code), times in counts.items():
            for tally in self._tallies(due, step):
                tally.settle(word, code, seconds, times)
            if word is Word.ACCEPTED:
                kind.add(seconds, times)
                self._landed(due + seconds, times)
            elif word is Word.REFUSED:
                self.refused.add(seconds, times)

    def look(self) -> Tally:
        """What came since the last look."""
        found, self.recent = self.recent, Tally()
        return found

    def at_slices(self) -> list[tuple[float, Tally]]:
        """Each slice with its middle, in seconds after the start."""
        return [((n + 0.5) * self._slice_s, tally) for n, tally in enumerate(self.slices)]

    def _landed(self, at: float, times: int) -> None:
        self._slice(at).landed += times
        self.whole.landed += times
        if at < self.seconds:
            self.steps[bisect_right(self._starts, at) - 1].tally.landed += times

    def _tallies(self, due: float, step: int) -> tuple[Tally, ...]:
        return self.whole, self.steps[step].tally, self._slice(due), self.recent

    def _slice(self, at: float) -> Tally:
        number = int(at / self._slice_s)
        while len(self.slices) <= number:
            self.slices.append(Tally())
        return self.slices[number]
