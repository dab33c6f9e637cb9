"""A run's numbers for people: a line a second while it goes, a report at its end."""

from collections import Counter
from collections.abc import Iterator

from gewu.cli import table
from gewu.load.curve import LATE_S, Curve
from gewu.load.tally import GOOD_SHARE, Latencies, Tally


def progress(seconds: float, recent: Tally, waiting: int) -> str:
    """One second's line."""
    said = recent.latencies
    return (
        f"{seconds:5.0f} s  offered {recent.offered:6,}  accepted {recent.accepted:6,}  "
        f"refused {recent.refused.total():,}  unknown {recent.unknown.total():,}  errors {recent.errors.total():,}  "
        f"waiting {waiting:,}  p50 {_time(said.quantile(0.5))}  p99 {_time(said.quantile(0.99))}"
    )


def lines(curve: Curve) -> Iterator[str]:
    """The whole report."""
    book, whole = curve.book, curve.book.whole
    yield f"offered   {whole.offered:,} in {book.seconds:g} s{', cut short' if curve.cut_short else ''}"
    yield f"sent      {whole.sent:,} as {curve.source}, ledger {curve.ledger}"
    yield f"accepted  {whole.accepted:,}"
    yield f"refused   {_by_code(whole.refused)}"
    yield f"unknown   {_by_code(whole.unknown)}"
    yield f"errors    {_by_code(whole.errors)}"
    yield ""
    yield from _latencies(curve)
    yield ""
    yield from _steps(curve)
    yield from _knee(curve)
    if book.latest_s > LATE_S:
        yield (
            f"the generator itself was up to {_time(book.latest_s)} behind its schedule, which counts in every latency: "
            "offer less, or give it a core of its own"
        )
    yield from _judged(curve)


def _latencies(curve: Curve) -> Iterator[str]:
    book = curve.book
    found = {
        "accepted": book.whole.latencies, "of these single": book.singles, "of these NDJSON": book.batches,
        "refused": book.refused,
    }  # fmt: skip
    head = ("latency from the intended start", "reports", "p50", "p95", "p99", "max")
    rows = [(name, f"{each.count:,}", *_quantiles(each)) for name, each in found.items() if each.count]
    yield from table.lines(head, rows, right=head[1:])


def _steps(curve: Curve) -> Iterator[str]:
    head = ("step", "offered/s", "accepted/s", "refused", "unknown", "errors", "p50", "p95", "p99", "max", "")
    rows = []
    for number, step in enumerate(curve.book.steps, 1):
        tally = step.tally
        others = (f"{counter.total():,}" for counter in (tally.refused, tally.unknown, tally.errors))
        mark = "good" if step.good(curve.bound_s) else "not reached" if not tally.offered else "not good"
        rows.append((number, f"{step.rate:,.0f}", f"{step.goodput:,.0f}", *others, *_quantiles(tally.latencies), mark))
    yield from table.lines(head, rows, right=head[:-1])


def _knee(curve: Curve) -> Iterator[str]:
    found, rule = curve.knee, f"{GOOD_SHARE:.0%} of what is offered accepted, p99 below {_time(curve.bound_s)}"
    if found.last is None:
        yield f"knee      {'the lowest step was not good' if found.reached else 'nothing was offered'} ({rule})"
    elif found.reached:
        yield f"knee      {found.last:,.0f} reports/s is the last step before one that was not good ({rule})"
    else:
        yield f"knee      not reached: every step was good, up to {found.last:,.0f} reports/s ({rule})"


def _judged(curve: Curve) -> Iterator[str]:
    if judged := curve.judged:
        counted = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in judged.faults.items())
        yield f"judge     {counted}: {'in order' if judged.good else 'WRONG'}"
        if judged.in_flight:
            yield f"          {judged.in_flight:,} records were not settled yet: judge again with `gewu audit`"


def _by_code(counter: Counter[str]) -> str:
    by_code = ", ".join(f"{code}: {count:,}" for code, count in sorted(counter.items()))
    return f"{counter.total():,}" + (f" ({by_code})" if by_code else "")


def _quantiles(found: Latencies) -> list[str]:
    largest = found.largest if found.count else None
    return [_time(seconds) for seconds in (*map(found.quantile, (0.5, 0.95, 0.99)), largest)]


def _time(seconds: float | None) -> str:
    """A time to read; – of nothing."""
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
