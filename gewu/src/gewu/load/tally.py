"""What came of reports, counted; latencies in buckets, so that a run of hours needs no more memory than one of seconds."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gewu.dev.door import Word

_LOWEST_S, _WIDTH = 1e-5, math.log(1.01)  # from 10 us on, each bucket reaches 1 % further than the one before
GOOD_SHARE = 0.95


class Latencies:
    """Seconds, counted to within one per cent; the largest exactly."""

    __slots__ = ("_buckets", "count", "largest")

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count, self.largest = 0, 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """So many that took this long."""
        self._buckets[math.ceil(math.log(max(seconds, _LOWEST_S) / _LOWEST_S) / _WIDTH)] += times
        self.count += times
        self.largest = max(self.largest, seconds)

    def quantile(self, share: float) -> float | None:
        """The time within which this share ended, never understated; None of none."""
        rank, seen = math.ceil(share * self.count), 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(self.largest, _LOWEST_S * math.exp(bucket * _WIDTH))
        return None


class Tally:
    """Counts of the reports that were due in a stretch of time, whenever they were answered; `landed` alone counts
    those that were accepted during it. errors: what intake rejected or what never left; each by code."""

    __slots__ = ("accepted", "errors", "landed", "latencies", "offered", "refused", "sent", "unknown")

    def __init__(self) -> None:
        self.offered = self.sent = self.accepted = self.landed = 0
        self.refused: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latencies = Latencies()  # of accepted reports

    def settle(self, word: Word | None, code: str, seconds: float, times: int) -> None:
        """The last word on so many reports, this long after they were due."""
        if word is Word.ACCEPTED:
            self.accepted += times
            self.latencies.add(seconds, times)
        elif word is Word.REFUSED:
            self.refused[code] += times
        elif word is Word.UNKNOWN:
            self.unknown[code] += times
        else:
            self.errors[code] += times


@dataclass(frozen=True, slots=True)
class Rated:
    """A step of the curve: its rate and length, and what came of it."""

    rate: float
    seconds: float
    tally: Tally

    @property
    def goodput(self) -> float:
        """Reports accepted in each second of the step."""
        return self.tally.landed / self.seconds

    def good(self, bound_s: float) -> bool:
        """Whether nearly all of what was offered was accepted, and in time: then the step's goodput is its rate."""
        p99 = self.tally.latencies.quantile(0.99)
        return self.tally.accepted >= GOOD_SHARE * self.tally.offered > 0 and p99 is not None and p99 < bound_s


@dataclass(frozen=True, slots=True)
class Knee:
    """How far a rising load was kept up with. `last`: the highest rate up to which every step was good, None where not even the
    lowest was; `reached`: whether a step above it was not, so that it ends there, and not because nobody offered more."""

    last: float | None
    reached: bool


def knee(steps: Sequence[Rated], bound_s: float) -> Knee:
    """From the lowest rate up to the first step that is not good: a good one above that was luck. A rate that was offered
    twice must have been good twice; a step that nothing was offered in was not reached and says nothing."""
    offered = [step for step in steps if step.tally.offered]
    first_bad = min((step.rate for step in offered if not step.good(bound_s)), default=math.inf)
    last = max((step.rate for step in offered if step.rate < first_bad), default=None)
    return Knee(last, math.isfinite(first_bad))
