"""One line a second about what flows: counts since this start, what is in flight now, ages of the last events."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gewu.dev.books import Snapshot
from gewu.dev.columns import fitting, right
from gewu.dev.metrics import grown, quantile

WIDTH = 120
HEADER_EVERY = 20

# Name, its Chinese, places. What is left of the line is the departments'.
_COLUMNS = (
    ("s", "秒", 5), ("in", "收到", 7), ("opened", "立案", 7), ("joined", "并案", 7), ("dupl.", "重复", 6),
    ("confl.", "冲突", 7), ("parked", "搁置", 7), ("in flight", "在途", 10), ("dispatched", "派遣", 11),
    ("p50", "时延", 6), ("p99", "时延", 6),
)  # fmt: skip
_INDENT = 8
_REST = WIDTH - sum(places for _, _, places in _COLUMNS) - 2


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened between two looks, in records and events."""

    said: int
    outcomes: Mapping[str, int]
    in_flight: int
    dispatched: Mapping[str, int]
    ages: Mapping[float, float]
    silent: tuple[str, ...]

    @property
    def dispatched_in_all(self) -> int:
        """Over all departments."""
        return sum(self.dispatched.values())

    def busiest(self) -> list[tuple[str, int]]:
        """Departments with events, most first."""
        busy = [(name, events) for name, events in self.dispatched.items() if events]
        return sorted(busy, key=lambda pair: (-pair[1], pair[0]))


def between(first: Snapshot, now: Snapshot) -> Flow:
    """What came on top since `first`."""
    before = first.outcomes()
    return Flow(
        said=now.said - first.said,
        outcomes={name: count - before.get(name, 0) for name, count in now.outcomes().items()},
        in_flight=now.in_flight,
        dispatched={name: round(value - first.relayed.get(name, 0.0)) for name, value in now.relayed.items()},
        ages=grown(first.ages, now.ages),
        silent=now.silent,
    )


class Watch:
    """Words the lines; hears of each look in turn."""

    def __init__(self, first: Snapshot) -> None:
        self._first = self._last = first
        self._lines = 0

    def lines(self, seconds: float, now: Snapshot) -> list[str]:
        """What to print for this look, `seconds` after the start: a line, the header before it where it is due."""
        flow = between(self._first, now)
        found = header() if self._lines % HEADER_EVERY == 0 else []
        found.append(row(seconds, flow, grown(self._last.ages, now.ages)))
        found += rest(flow)
        self._lines += 1
        self._last = now
        return found

    def moved(self, now: Snapshot) -> bool:
        """Whether anything happened since the look that was printed last."""
        last = self._last
        return (now.said, now.books, now.relayed, now.silent) != (last.said, last.books, last.relayed, last.silent)


def header() -> list[str]:
    """The columns' names: Chinese above English."""
    chinese = "".join(right(chinese, places) for _, chinese, places in _COLUMNS)
    english = "".join(right(name, places) for name, _, places in _COLUMNS)
    return [f"{chinese}  部门", f"{english}  departments"]


def rest(flow: Flow) -> list[str]:
    """The departments that the row had no room for, on a line of their own; what fits nowhere is summed up."""
    parts = [f"{name} {events}" for name, events in flow.busiest()]
    shown = fitting(parts, _REST)
    more = parts[len(shown.split("  ")) if shown else 0 :]
    if flow.silent or not more:
        return []
    places = WIDTH - _INDENT - len("  +99: 99999999")
    line = fitting(more, places)
    left = flow.busiest()[len(parts) - len(more) + len(line.split("  ")) :]
    summed = f"  +{len(left)}: {sum(events for _, events in left)}" if left else ""
    return [" " * _INDENT + line + summed]


def row(seconds: float, flow: Flow, ages: Mapping[float, float]) -> str:
    """One line; `ages` are those of the last interval."""
    said = flow.outcomes
    # The difference of an old value and a new one would be no number at all.
    in_flight = "?" if {"Kafka", "PostgreSQL"} & set(flow.silent) else f"{flow.in_flight}"
    values = (
        f"{seconds:.0f}", f"{flow.said}", f"{said['opened']}", f"{said['joined']}", f"{said['duplicate']}",
        f"{said['conflict']}", f"{said['parked']}", in_flight, f"{flow.dispatched_in_all}",
        duration(quantile(ages, 0.5)), duration(quantile(ages, 0.99)),
    )  # fmt: skip
    columns = "".join(right(value, places) for value, (_, _, places) in zip(values, _COLUMNS, strict=True))
    parts = [f"{name} {events}" for name, events in flow.busiest()]
    if flow.silent:
        parts = [f"no answer 无应答: {', '.join(flow.silent)}"]
    return f"{columns}  {fitting(parts, _REST)}".rstrip()


def duration(seconds: float | None) -> str:
    """A time to read: 12ms, 1.3s, 250s; – where there is none, and more than any bucket is >10min."""
    if seconds is None:
        return "–"
    if math.isinf(seconds):
        return ">10min"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 100 else f"{seconds:.0f}s"
