"""A finished run as numbers: one object that the report, its JSON and the plot are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gewu.load.book import Book
from gewu.load.tally import Knee, Latencies, Tally, knee

LATE_S = 0.05  # a generator further behind its own schedule than this measured itself as well
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge found: its verdict, and how many of each fault."""

    good: bool
    faults: Mapping[str, int]
    in_flight: int


@dataclass(frozen=True, slots=True)
class Curve:
    """What a run brought. bound_s: what p99 must stay below for a step to be good."""

    book: Book
    bound_s: float
    source: str
    ledger: str
    cut_short: bool
    judged: Judged | None = None

    @property
    def knee(self) -> Knee:
        """How far the load was kept up with."""
        return knee(self.book.steps, self.bound_s)

    def as_json(self) -> dict[str, Any]:
        """Every number by name; times in milliseconds, null where there was nothing to measure."""
        book, found = self.book, self.knee
        judged = self.judged and {"ok": self.judged.good, "in_flight": self.judged.in_flight, **self.judged.faults}
        return {
            "source": self.source, "ledger": self.ledger, "cut_short": self.cut_short, "seconds": book.seconds,
            **counts(book.whole), "generator_late_ms": _ms(book.latest_s),
            "latency_ms": {
                "accepted": latencies(book.whole.latencies), "single": latencies(book.singles),
                "ndjson": latencies(book.batches), "refused": latencies(book.refused),
            },
            "steps": [
                {"rate": s.rate, "seconds": s.seconds, "goodput": round(s.goodput, 1), "good": s.good(self.bound_s),
                 **counts(s.tally), "latency_ms": latencies(s.tally.latencies)}
                for s in book.steps if s.tally.offered
            ],
            "p99_bound_ms": _ms(self.bound_s), "knee": found.last if found.reached else None, "knee_reached": found.reached,
            "good_up_to": found.last, "audit": judged,
        }  # fmt: skip


def counts(tally: Tally) -> dict[str, Any]:
    """A tally's counts; refused, unknown and errors by code."""
    return {
        "offered": tally.offered, "sent": tally.sent, "accepted": tally.accepted, "refused": dict(tally.refused),
        "unknown": dict(tally.unknown), "errors": dict(tally.errors),
    }  # fmt: skip


def latencies(found: Latencies) -> dict[str, float | int | None]:
    """Quantiles and the largest, in milliseconds, with the count behind them."""
    quantiles = {name: _ms(found.quantile(share)) for name, share in _QUANTILES.items()}
    return {"count": found.count, **quantiles, "max": _ms(found.largest) if found.count else None}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
