"""Reading a service's /metrics: counters that go on over its restarts, and quantiles of a histogram's buckets."""

import math
from collections.abc import Iterator, Mapping

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
Scrape = Mapping[tuple[str, Labels], float]

_PATIENCE = aiohttp.ClientTimeout(total=2.0)


async def scrape(url: str) -> Scrape:
    """Every sample by name and labels. Raises OSError where nobody answers (aiohttp's own errors included)."""
    try:
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session, session.get(url) as answer:
            return parse(await answer.text())
    except aiohttp.ClientError as fault:
        raise OSError(str(fault)) from fault


def parse(text: str) -> Scrape:
    """The samples of a page in Prometheus's text format."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


class Counters:
    """Counters added up over restarts of their process: one that went down began anew from 0."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, Labels], float] = {}
        self._sums: dict[tuple[str, Labels], float] = {}

    def take(self, samples: Scrape) -> None:
        """One more look at the page. What the first look finds counts in full."""
        for key, value in samples.items():
            last = self._last.get(key, 0.0)
            self._sums[key] = self._sums.get(key, 0.0) + (value - last if value >= last else value)
        self._last = dict(samples)

    def of(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Labels and value of every sample of this name."""
        return ((dict(labels), value) for (found, labels), value in self._sums.items() if found == name)


def grown(before: Mapping[float, float], now: Mapping[float, float]) -> dict[float, float]:
    """What each cumulative bucket has gained."""
    return {bound: value - before.get(bound, 0.0) for bound, value in now.items()}


def quantile(buckets: Mapping[float, float], q: float) -> float | None:
    """The q-quantile of a histogram given as cumulative counts by upper bound; None of none.

    Straight lines within a bucket, as PromQL's histogram_quantile draws them; beyond the last finite bound it is
    infinite, because all that is known is that it is larger.
    """
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    rank, below, under = q * total, 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank and buckets[bound] > under:
            if math.isinf(bound):
                return math.inf
            return below + (bound - below) * (rank - under) / (buckets[bound] - under)
        below, under = bound, buckets[bound]
    return math.inf
