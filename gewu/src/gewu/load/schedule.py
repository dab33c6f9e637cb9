"""When each request is due: a constant rate of reports, or a ramp in steps, as single requests and batches."""

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch with one rate: `rate` reports a second from `start` (seconds after the run's) for `seconds`."""

    start: float
    seconds: float
    rate: float


class Arrival(NamedTuple):
    """A request that is due `due` seconds after the start, in which step, and how many reports it carries."""

    due: float
    step: int
    reports: int


def constant(rate: float, seconds: float) -> list[Step]:
    """One rate throughout."""
    return [Step(0.0, seconds, rate)]


def ramp(lowest: float, highest: float, over: float, seconds: float, count: int) -> list[Step]:
    """So many equal steps from the lowest to the highest rate; what is left of `seconds` stays at the highest."""
    each, rise = over / count, (highest - lowest) / max(1, count - 1)
    found = [Step(n * each, each, lowest + n * rise) for n in range(count)]
    if seconds > over:
        found.append(Step(over, seconds - over, highest))
    return found


def arrivals(steps: Sequence[Step], share: float, lines: int) -> Iterator[Arrival]:
    """Every request in the order of its time. `share` of the reports travel in batches of so many lines; single
    requests and batches each keep a constant distance within a step."""
    singles = _evenly(steps, 1.0 - share, 1)
    return heapq.merge(singles, _evenly(steps, share / lines, lines))


def _evenly(steps: Sequence[Step], requests: float, reports: int) -> Iterator[Arrival]:
    """Requests so many times a report of the rate, each in the middle of its own share of the time."""
    before = 0.0  # how many were due when the step began; the fraction goes on into the next step
    for number, step in enumerate(steps):
        rate = step.rate * requests
        after = before + rate * step.seconds
        for n in range(math.ceil(before - 0.5), math.ceil(after - 0.5)):
            yield Arrival(step.start + (n + 0.5 - before) / rate, number, reports)
        before = after
