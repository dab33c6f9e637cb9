"""Counters and histograms for the hot path: telling one a value is an addition or an append, with no lock.

prometheus_client's own are shared by threads and cost several times as much. These belong to the thread of the loop, in
which /metrics is answered as well. They are registered, labelled and read like the library's.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.utils import floatToGoString

# Seconds; the low end resolves a healthy hot path, the high end a bad day.
AGE_BUCKETS = (0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
TIME_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)
SIZE_BUCKETS = (1, 5, 20, 50, 100, 200, 500, 1000, 2000)
_AT_ONCE = 1024  # values that may wait to be sorted in: a tenth of a millisecond of work

C = TypeVar("C", "Count", "Cell")


class Count:
    """One series of a Tally."""

    __slots__ = ("_read", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._read: Callable[[], float] | None = None

    def inc(self, more: float = 1.0) -> None:
        """So many more."""
        self._value += more

    def set_function(self, read: Callable[[], float]) -> None:
        """Somebody else counts; look there at each scrape."""
        self._read = read

    def value(self) -> float:
        """How many so far."""
        return self._read() if self._read else self._value


class Cell:
    """One series of a Spread: how many values lie in each bucket, and their sum."""

    __slots__ = ("_bounds", "_counts", "_new", "_sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds, self._counts = bounds, [0] * (len(bounds) + 1)
        self._new: list[float] = []
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """One value."""
        self._new.append(value)
        if len(self._new) >= _AT_ONCE:
            self._sort_in()

    def observe_all(self, values: Iterable[float]) -> None:
        """A batch's values."""
        self._new.extend(values)
        if len(self._new) >= _AT_ONCE:
            self._sort_in()

    def observe_many(self, value: float, times: int) -> None:
        """One value, so many times."""
        self._counts[bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """Values up to each bound, as text as Prometheus has it, and the sum."""
        self._sort_in()
        found, upto = [], 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            upto += count
            found.append((floatToGoString(bound), float(upto)))
        return found, self._sum

    def _sort_in(self) -> None:
        new, self._new = sorted(self._new), []
        self._sum += sum(new)
        below = 0
        for n, bound in enumerate(self._bounds):
            if below == len(new):
                return
            upto = bisect_right(new, bound, below)
            self._counts[n] += upto - below
            below = upto
        self._counts[-1] += len(new) - below


class _Family(Generic[C]):
    """Series by the values of their labels. The attribute has the name that prometheus_client gives it."""

    def __init__(self, name: str, text: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._text, self._labelnames = name, text, tuple(labels)
        self._series: dict[tuple[str, ...], C] = {}
        registry.register(self)  # type: ignore[arg-type]  # a collector by its methods
        if not labels:
            self.labels()

    def labels(self, *values: str) -> C:
        """The series of these values; keep it where it is used often."""
        found = self._series.get(values)
        if found is None:
            if len(values) != len(self._labelnames):
                raise ValueError(f"{self._name} has the labels {self._labelnames}, not {values}")
            found = self._series[values] = self._new()
        return found

    def describe(self) -> Iterable[Metric]:
        """The family without its series."""
        return [self._family()]

    def _new(self) -> C:
        raise NotImplementedError

    def _family(self) -> Metric:
        raise NotImplementedError


class Tally(_Family[Count]):
    """A counter."""

    def inc(self, more: float = 1.0) -> None:
        """So many more, of one without labels."""
        self.labels().inc(more)

    def set_function(self, read: Callable[[], float]) -> None:
        """Somebody else counts, of one without labels."""
        self.labels().set_function(read)

    def collect(self) -> Iterator[Metric]:
        """What a scrape sees."""
        family = self._family()
        for values, count in self._series.items():
            family.add_metric(values, count.value())
        yield family

    def _new(self) -> Count:
        return Count()

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._text, labels=self._labelnames)


class Spread(_Family[Cell]):
    """A histogram. It may be told a whole batch's values at once."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str], buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._bounds = tuple(buckets)
        super().__init__(name, text, labels, registry)

    def observe(self, value: float) -> None:
        """One value, of one without labels."""
        self.labels().observe(value)

    def collect(self) -> Iterator[Metric]:
        """What a scrape sees."""
        family = self._family()
        for values, cell in self._series.items():
            buckets, total = cell.buckets()
            family.add_metric(values, buckets=buckets, sum_value=total)
        yield family

    def _new(self) -> Cell:
        return Cell(self._bounds)

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._text, labels=self._labelnames)
