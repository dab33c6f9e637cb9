"""Admission: whether there is room for one more report, decided before it is parsed. What saves lives is never shed.

Token buckets that may go into debt: a request is taken while its bucket is not empty, and pays for all its reports, so
a batch larger than the burst passes and the next one waits. Under our own bound the lanes differ by what they must
leave for others: telemetry stops taking while half of a second's reports are still there, ordinary reports at a fifth.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gewu.lane import Lane

_LEAVES = {Lane.P0: float("-inf"), Lane.P1: 0.0, Lane.P2: 0.2, Lane.P3: 0.5}  # of the burst, for lanes above
_BURST_S = 1.0  # what was not used of one second may be used in the next


class Shed(StrEnum):
    """Why there is no room."""

    QUOTA = "quota"  # the client's own share is used up
    GRID = "grid"  # so many come from this one grid that others would have none
    OVERLOADED = "overloaded"  # all of this process's bound is used up


@dataclass(frozen=True, slots=True)
class Limits:
    """Reports a second; 0 is without limit. `each_key` holds for keys that have no limit of their own."""

    total: float = 0.0
    each_key: float = 0.0
    each_grid: float = 0.0


@dataclass(slots=True)
class Bucket:
    """So many reports a second, and what was not used of one second. Times are seconds of a clock that only goes on."""

    rate: float
    at: float
    left: float = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.rate * _BURST_S

    def has(self, leaving: float, now: float) -> bool:
        """Whether more is left than this part of the burst."""
        self.left = min(self.rate * _BURST_S, self.left + (now - self.at) * self.rate)
        self.at = now
        return self.left > leaving * self.rate * _BURST_S


class Admission:
    """The buckets of one process. Their number is bounded by the key file and the package's grids."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._total: Bucket | None = None
        self._keys: dict[str, Bucket] = {}
        self._grids: dict[int, Bucket] = {}

    def asks(self, own: float) -> bool:
        """Whether anything is limited for a client whose key says `own` reports a second."""
        limits = self._limits
        return bool(own or limits.total or limits.each_key or limits.each_grid)

    def asks_for_grids(self) -> bool:
        """Whether it matters where a report comes from."""
        return bool(self._limits.each_grid)

    def take(self, client: str, own: float, lane: Lane, grid: int, now: float) -> Shed | None:
        """Take room for one report, or say why there is none; `grid` is its index, -1 for none."""
        rate = own or self._limits.each_key
        wanted: list[tuple[Bucket, Shed, float]] = []
        if rate:
            wanted.append((_of(self._keys, client, rate, now), Shed.QUOTA, 0.0))
        if self._limits.each_grid and grid >= 0:
            wanted.append((_of(self._grids, grid, self._limits.each_grid, now), Shed.GRID, 0.0))
        if self._limits.total:
            if self._total is None:
                self._total = Bucket(self._limits.total, now)
            wanted.append((self._total, Shed.OVERLOADED, _LEAVES[lane]))
        for bucket, why, leaves in wanted:
            if not bucket.has(leaves, now) and lane is not Lane.P0:
                return why
        for bucket, _, _ in wanted:
            bucket.left -= 1.0
        return None


def _of(buckets: dict[Any, Bucket], whose: Any, rate: float, now: float) -> Bucket:
    found = buckets.get(whose)
    if found is None or found.rate != rate:
        found = buckets[whose] = Bucket(rate, now)
    return found
