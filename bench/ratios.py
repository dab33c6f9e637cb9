"""The ratios that a run is about, with their floors and goals; computed round by round, so that a slow round slows both."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

# By variant and figure, a value for each round; None where that round's run failed.
Results = Mapping[str, Mapping[str, Sequence[float | None]]]
Figure = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure over another. Several pairs: the worst of them counts. No `below`: the figure itself."""

    key: str
    says: str
    pairs: tuple[tuple[Figure, Figure | None], ...]
    floor: float | None = None
    goal: float | None = None
    smaller_is_better: bool = False

    def is_met(self, value: float, bound: float) -> bool:
        """Whether this value is on the right side of a floor or a goal."""
        return value <= bound if self.smaller_is_better else value >= bound


def _of(above: Figure, below: Figure | None = None) -> tuple[tuple[Figure, Figure | None], ...]:
    return ((above, below),)


RATE = "rate"
RATIOS = (
    Ratio(
        "single_vs_producer", "intake, one report a request ÷ ProducerPerformance",
        _of(("single", RATE), ("single", "producer_rate")), floor=0.10, goal=0.25,
    ),
    Ratio(
        "ndjson_vs_producer", "intake, 50 reports a request ÷ ProducerPerformance",
        _of(("ndjson", RATE), ("ndjson", "producer_rate")), floor=0.35, goal=1.0,
    ),
    Ratio(
        "single_vs_yardstick", "intake, one report a request ÷ FastAPI + pydantic + FastStream publish",
        _of(("intake yardstick", "single_rate"), ("intake yardstick", RATE)), floor=8, goal=20,
    ),
    Ratio(
        "cpu_us_per_report", "CPU of the intake process a single report, µs",
        _of(("single", "cpu_us")), smaller_is_better=True,
    ),
    Ratio(
        "p99_vs_produce", "intake's p99 at half of saturation ÷ p99 of a bare send_and_wait at that rate",
        _of(("half load", "p99_ms"), ("bare produce", "p99_ms")), goal=1.5, smaller_is_better=True,
    ),
    Ratio(
        "dispatch_vs_copy", "dispatch until the events are acked ÷ COPY of the rows it wrote",
        _of(("dispatch", RATE), ("copy", RATE)), floor=0.25, goal=0.5,
    ),
    Ratio(
        "dispatch_vs_yardstick", "dispatch ÷ FastStream + pydantic + INSERT + publish, a message at a time",
        _of(("dispatch yardstick", "own_rate"), ("dispatch yardstick", RATE)), floor=15, goal=50,
    ),
    Ratio(
        "consumer_vs_getmany", "hosted consumer with metrics ÷ bare getmany, same decoder",
        _of(("consumer", RATE), ("consumer", "getmany_rate")), floor=0.9, goal=0.97,
    ),
    Ratio(
        "metrics_on_vs_off", "all metrics on ÷ off, the worse of intake and dispatch",
        (
            (("intake metrics", "on_rate"), ("intake metrics", "off_rate")),
            (("dispatch metrics", "on_rate"), ("dispatch metrics", "off_rate")),
        ), floor=0.95, goal=0.98,
    ),
    Ratio(
        "grid_vs_strtree", "exact grid look-ups ÷ STRtree bulk, 10,000 polygons, batches of 500",
        _of(("grid", RATE), ("grid", "strtree_rate")), goal=5,
    ),
    Ratio(
        "growth", "cost of a report in the large city ÷ in the small one, the worse of intake and dispatch",
        (
            (("large city", "us_per_report"), ("small city", "us_per_report")),
            (("large city", "intake_cpu_us"), ("small city", "intake_cpu_us")),
        ), floor=1.2, smaller_is_better=True,
    ),
    Ratio(
        "live_vs_starlette", "live feed, deliveries/s to 1,000 clients ÷ Starlette with a queue a client",
        _of(("live", RATE), ("live yardstick", RATE)), goal=25,
    ),
    Ratio(
        "live_p99_ms", "live feed, from saying a change to a client's having it at half of that rate, p99, ms",
        _of(("live", "p99_ms")), goal=50, smaller_is_better=True,
    ),
    Ratio(
        "webhooks_vs_aiohttp", "signed webhooks/s out of the ledger ÷ plain POSTs/s of aiohttp",
        _of(("webhooks", RATE), ("webhooks yardstick", RATE)), goal=4,
    ),
    Ratio(
        "notice_p99_ms", "from a case's change in dispatch to its webhook at half of what both services do, p99, ms",
        _of(("notices at half load", "p99_ms")), goal=300, smaller_is_better=True,
    ),
)  # fmt: skip
KEYS = tuple(ratio.key for ratio in RATIOS)


@dataclass(frozen=True, slots=True)
class Spread:
    """The lowest, the median and the highest of some rounds."""

    low: float
    median: float
    high: float


def spread(values: Iterable[float | None]) -> Spread | None:
    """Of what was measured; None where nothing was."""
    found = [value for value in values if value is not None]
    return Spread(min(found), statistics.median(found), max(found)) if found else None


def of(ratio: Ratio, results: Results) -> Spread | None:
    """The ratio over the rounds in which all of it was measured: each pair's by itself, then the worst pair's."""
    found = []
    for above, below in ratio.pairs:
        rounds = spread(_divided(_values(results, above), None if below is None else _values(results, below)))
        if rounds is None:
            return None
        found.append(rounds)
    worst = max if ratio.smaller_is_better else min
    return worst(found, key=lambda rounds: rounds.median)


def _values(results: Results, figure: Figure) -> Sequence[float | None]:
    return results.get(figure[0], {}).get(figure[1], ())


def _divided(above: Sequence[float | None], below: Sequence[float | None] | None) -> list[float | None]:
    if below is None:
        return list(above)
    # Rounds are numbered from the first for every variant, so those that one lacks at the end fall away.
    return [a / b if a is not None and b else None for a, b in zip(above, below, strict=False)]


def medians(results: Results) -> dict[str, float | None]:
    """What the last line of a run says: every key, None for what was not measured."""
    found = {ratio.key: of(ratio, results) for ratio in RATIOS}
    return {key: None if s is None else float(f"{s.median:.4g}") for key, s in found.items()}


def missed(results: Results, wanted: Iterable[str] = KEYS) -> list[str]:
    """Of the wanted ratios each missed floor, and each that could not be measured, in words."""
    faults = []
    for ratio in RATIOS:
        if ratio.key not in wanted:
            continue
        found = of(ratio, results)
        if found is None:
            faults.append(f"{ratio.key} was not measured")
        elif ratio.floor is not None and not ratio.is_met(found.median, ratio.floor):
            sign = "at most" if ratio.smaller_is_better else "at least"
            faults.append(f"{ratio.key} is {found.median:.3g}, must be {sign} {ratio.floor:g}")
    return faults
