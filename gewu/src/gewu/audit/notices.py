"""Who had to be told of each change, once more, written from the pages on city packages and notify and not from its code.

The rules: every row that fits tells its receiver, each receiver once; a class pattern that ends in `*` fits whatever begins so,
a grid fits all below it. Who hears of drills hears of nothing else. A row that names a department which the case left fits
too, and says that it left. Of a case only what is newer than all before it is told.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from gewu.audit.facts import worded
from gewu.audit.findings import Fault, Findings
from gewu.audit.received import Received
from gewu.city.model import NoticeRule, Receiver

_ANY = "*"
STATES = ("open", "sent", "failed")


class Said(NamedTuple):
    """A change on cases.changed, as far as these rules ask. at: microseconds since 1970, when the log had it."""

    partition: int
    offset: int
    at: int
    case: bytes
    order: int
    change: str
    lane: str
    category: str
    department: str
    path: frozenset[str]
    left: frozenset[str]
    exercise: bool


class Notice(NamedTuple):
    """A row of the ledger."""

    id: bytes
    receiver: str
    case: bytes
    order: int
    state: str


@dataclass(frozen=True, slots=True)
class Told:
    """What notify says of itself. read: of each partition the first offset and the next; packages: by which version of the
    package it decided from which offset on; too_old: below this one some were too old to be told; forgotten: notices that
    ended before this moment may be gone (microseconds since 1970)."""

    read: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    packages: Mapping[int, Sequence[tuple[int, str]]] = field(default_factory=dict)
    too_old: Mapping[int, int] = field(default_factory=dict)
    forgotten: int = 0

    def package(self, said: Said) -> str | None:
        """The version that decided who hears of it; None where nobody decided or nobody knows."""
        first, end = self.read.get(said.partition, (0, 0))
        rows = self.packages.get(said.partition, ())
        found = bisect_right(rows, said.offset, key=lambda row: row[0])
        return rows[found - 1][1] if found and first <= said.offset < end else None

    def excuses(self, said: Said) -> bool:
        """Whether its notices may rightly not be there."""
        return said.offset < self.too_old.get(said.partition, 0) or said.at < self.forgotten


class Directory:
    """A package's rules of who is told."""

    def __init__(self, version: str, rules: Sequence[NoticeRule], receivers: Mapping[str, Receiver]) -> None:
        self.version, self._rules = version, rules
        self._drills = {name: r.drills for name, r in receivers.items()}

    def told(self, said: Said) -> list[str]:
        """The receivers."""
        named = {said.department, _ANY, *said.left}
        return sorted({r.receiver for r in self._rules if r.department in named and self._fits(r, said)})

    def _fits(self, rule: NoticeRule, said: Said) -> bool:
        pattern = rule.category
        takes = said.category.startswith(pattern[:-1]) if pattern.endswith(_ANY) else said.category == pattern
        return (
            takes and self._drills[rule.receiver] == said.exercise and rule.lane in (_ANY, said.lane)
            and (not rule.changes or said.change in rule.changes) and (rule.grid == _ANY or rule.grid in said.path)
        )  # fmt: skip


class Notices:
    """Takes changes in the log's order, then rows by (case, incarnation, version, receiver), then `finish`."""

    def __init__(self, directory: Directory | None, told: Told, received: Received, findings: Findings) -> None:
        self.wanted: Counter[str] = Counter()  # by receiver
        self.rows: dict[str, Counter[str]] = {}  # states, by receiver
        self.unjudged = self.excused = (
            0  # changes that another package decided, or nobody yet; notices that may be gone
        )
        self._directory, self._told, self._received, self._findings = directory, told, received, findings
        self._newest: dict[bytes, int] = {}
        self._judged: set[tuple[bytes, int]] = set()  # cases and orders
        self._due: dict[tuple[str, bytes, int], Said] = {}
        self._last: Notice | None = None

    def hear(self, said: Said) -> None:
        """Take a change."""
        if said.order <= self._newest.get(said.case, 0):
            return
        self._newest[said.case] = said.order
        if self._directory is None or self._told.package(said) != self._directory.version:
            self.unjudged += 1
            return
        self._judged.add((said.case, said.order))
        for receiver in self._directory.told(said):
            self.wanted[receiver] += 1
            self._due[receiver, said.case, said.order] = said

    def take(self, row: Notice) -> None:
        """Take a row."""
        self.rows.setdefault(row.receiver, Counter())[row.state] += 1
        before, self._last = self._last, row
        if before and (before.receiver, before.case, before.order) == (row.receiver, row.case, row.order):
            self._note(Fault.DOUBLED, row, "stands in the ledger under two webhook-ids")
        elif not self._due.pop((row.receiver, row.case, row.order), None) and (row.case, row.order) in self._judged:
            self._note(Fault.MISROUTED, row, "was told, and no rule of the package says so")
        if row.state == "sent" and self._received.lacks(row.receiver, row.id):
            self._note(Fault.LOST, row, "is marked as sent and never came")

    def finish(self) -> None:
        """Note what is not in the ledger, and what receivers had twice."""
        for (receiver, *_), said in self._due.items():
            if self._told.excuses(said):
                self.excused += 1
                continue
            words = f"{receiver} had to be told of version {worded(said.order)} ({said.change}) and nothing is in the ledger"
            self._findings.note(Fault.LOST, f"case {UUID(bytes=said.case)}: {words}")
        self._received.judge(self._findings)

    def counts(self) -> dict[str, dict[str, int]]:
        """By receiver: how many it had to be told of, as far as that was judged, and where its notices stand."""
        names: Iterable[str] = sorted({*self.wanted, *self.rows})
        return {
            name: {"wanted": self.wanted[name]} | {s: self.rows.get(name, Counter())[s] for s in STATES}
            for name in names
        }

    def _note(self, fault: Fault, row: Notice, words: str) -> None:
        name = (
            f"notice {UUID(bytes=row.id)} of case {UUID(bytes=row.case)} version {worded(row.order)} to {row.receiver}"
        )
        self._findings.note(fault, f"{name} {words}")
