"""The books of each partition that dispatch reads: every offset up to the position has exactly one outcome."""

from collections.abc import Sequence
from dataclasses import dataclass

from gewu import topics
from gewu.audit.facts import Position, Rows, Span
from gewu.audit.findings import Fault, Findings


@dataclass(frozen=True, slots=True)
class Account:
    """One partition's log beside its position."""

    span: Span
    position: Position

    @property
    def in_flight(self) -> int:
        """Records that stand in the log and are not settled yet."""
        return max(0, self.span.end - self.position.next_offset)

    @property
    def name(self) -> str:
        """topic[partition]."""
        return f"{self.span.topic}[{self.span.partition}]"


def accounts(spans: Sequence[Span], positions: Sequence[Position]) -> list[Account]:
    """Each partition with its position; one that was never read stands at 0."""
    rows = {(p.topic, p.partition): p for p in positions}
    return [Account(s, rows.get((s.topic, s.partition)) or Position(s.topic, s.partition, 0, 0, 0, {})) for s in spans]


def judge(found: Sequence[Account], positions: Sequence[Position], findings: Findings) -> None:
    """Note every account that does not balance."""
    known = {(a.span.topic, a.span.partition) for a in found}
    for position in positions:
        if (position.topic, position.partition) not in known:
            findings.note(
                Fault.UNBALANCED,
                f"{position.topic}[{position.partition}]: there is a position and no such partition in Kafka",
            )
    for account in found:
        for words in _wrong(account):
            findings.note(Fault.UNBALANCED, f"{account.name}: {words}")


def _wrong(account: Account) -> list[str]:
    position, span = account.position, account.span
    read, booked = position.next_offset - position.first_offset, position.skipped + sum(position.outcomes.values())
    found = []
    if read != booked:
        found.append(f"{read} offsets were read and {booked} are booked")
    if position.next_offset > span.end:
        found.append(
            f"the position {position.next_offset} is beyond the log's end {span.end}: records were lost in Kafka"
        )
    if position.next_offset < span.first:
        cut = span.first - position.next_offset
        found.append(
            f"the position {position.next_offset} is below the log's start {span.first}: {cut} records were cut unread"
        )
    return found


def judge_rows(positions: Sequence[Position], opened: int, joined: int, rows: Rows, findings: Findings) -> None:
    """Note where the books and the rows differ that must stand behind them."""
    behind = {"opened": opened, "joined": joined, "applied": rows.applied, "refused": rows.refused}
    for name, count in behind.items():
        _same(name, sum(p.outcomes.get(name, 0) for p in positions), count, findings)
    # Only a signal's conflict is kept as a row; an action's is known by the row of the action that came first.
    of_signals = sum(p.outcomes.get("conflict", 0) for p in positions if not topics.is_departments(p.topic))
    _same("conflict", of_signals, rows.conflicts, findings)


def _same(name: str, booked: int, kept: int, findings: Findings) -> None:
    if booked != kept:
        findings.note(Fault.UNBALANCED, f"the books say {booked} {name}, the tables hold {kept}")
