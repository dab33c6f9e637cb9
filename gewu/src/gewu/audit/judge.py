"""The verdict: what was promised, what landed, and whether log, database and books say the same. No I/O in here."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

from gewu import topics
from gewu.audit import books
from gewu.audit.cut import EVERYBODY, NOWHERE, Cut
from gewu.audit.facts import (
    ANONYMOUS,
    WITHDRAWN,
    CaseRow,
    Landed,
    Opened,
    Position,
    Rows,
    Said,
    SignalRow,
    Span,
    order_of,
    worded,
)
from gewu.audit.findings import Fault, Findings
from gewu.audit.ledger import OK, REJECTED, UNKNOWN, Entry, Ledger
from gewu.audit.readers import Case, Readers, Row, holders
from gewu.audit.routes import Wanted
from gewu.audit.verdict import Verdict


class Judge:
    """Takes facts in this order: the log, rows of cases, rows of signals (by source and client id); then `verdict`.

    cut: where the log no longer begins at its first record, so that what is not found there may have been cut; waiting:
    cases whose events are still in the outbox.
    """

    def __init__(self, ledger: Ledger | None, *, cut: Cut = NOWHERE, waiting: AbstractSet[bytes] = frozenset()) -> None:
        self.findings = Findings()
        self.readers = Readers(self.findings)
        self._ledger, self._cut, self._waiting = ledger, cut, waiting
        self._by_signal = ledger.anonymous_by_signal() if ledger else {}
        self._last: SignalRow | None = None
        self._numbers = dict.fromkeys(("signals", "cases", "opened", "joined", "strangers", "unjudged"), 0)

    def hear(self, said: Said, settled: bool = True) -> None:
        """Take a record of the log; `settled` means that the database's snapshot is younger."""
        self.readers.hear(said, settled)

    def case(self, row: CaseRow) -> None:
        """Take a row of cases."""
        self._numbers["cases"] += 1
        found = Row(order_of(row.incarnation, row.version), row.department, row.signals, row.lane)
        self.readers.case(row.case).row = self.readers.share(found)

    def opened(self, row: Opened, wanted: Wanted) -> None:
        """Take what the city package says of a case's place and of who must have it."""
        if row.grid != wanted.grid:
            words = f"at {row.lon}, {row.lat} is in grid {row.grid!r}, a search finds {wanted.grid!r}"
            self.findings.note(Fault.MISROUTED, f"case {UUID(bytes=row.case)} {words}")
        if wanted.route and row.department != wanted.route.department:
            ours, theirs = (
                f"{row.department}'s {_by(row.rule)}",
                f"{wanted.route.department}'s {_by(wanted.route.rule)}",
            )
            words = f"is {ours}; {row.said!r} {wanted.circumstances} is {theirs}"
            self.findings.note(Fault.MISROUTED, f"case {UUID(bytes=row.case)} {words}")

    def signal(self, row: SignalRow) -> None:
        """Take a row of signals."""
        self._numbers["signals"] += 1
        self._numbers[row.outcome] = self._numbers.get(row.outcome, 0) + 1
        case = self.readers.case(row.case)
        case.signals += 1
        case.openings += row.outcome == "opened"
        before, self._last = self._last, row
        again = before is not None and (before.source, before.client_id) == (row.source, row.client_id)
        if again and row.source != ANONYMOUS:
            self.findings.note(
                Fault.DOUBLED,
                f"{row.source} {row.client_id}: signal {UUID(bytes=row.signal)} is one more for the same id",
            )
        if self._ledger is not None:
            self._match(self._ledger, row, case)

    def verdict(self, spans: Sequence[Span], positions: Sequence[Position], rows: Rows) -> Verdict:
        """Judge what was heard; spans: of the topics that dispatch reads."""
        self.readers.finish()
        for key, case in self.readers.cases.items():
            self._judge_case(key, case)
        for key in rows.without_history:
            self.findings.note(Fault.UNBALANCED, f"case {UUID(bytes=key)}: history has no row for its version")
        accounts = books.accounts(spans, positions)
        books.judge(accounts, positions, self.findings)
        books.judge_rows(positions, self._numbers["opened"], self._numbers["joined"], rows, self.findings)
        return Verdict(self._numbers | self._told(), self.findings, accounts, self._ledger is not None)

    def standing(self, beyond: Iterable[tuple[str, Landed]]) -> None:
        """Take sensors that are beyond their limits by their readings, with what their last crossings came to: none of these
        cases was cleared since."""
        for sensor, landed in beyond:
            case = self.readers.cases.get(landed.case)
            if case is None or landed.case in self._waiting or landed.case in self.readers.moving:
                continue
            if since := [order for order in case.cleared if order > landed.order]:
                words = f"was called cleared at version {worded(since[0])}, and sensor {sensor} is beyond its limit"
                self.findings.note(Fault.UNBALANCED, f"case {UUID(bytes=landed.case)} {words}")

    def _match(self, ledger: Ledger, row: SignalRow, case: Case) -> None:
        if row.source == ANONYMOUS:
            entry = self._by_signal.get(row.signal) or ledger.find(ANONYMOUS, row.client_id)
            if entry is None or (entry.signal and entry.signal != row.signal):
                self._numbers["strangers"] += ANONYMOUS in ledger.sources
                return
        elif row.source not in ledger.sources:
            return
        elif (entry := ledger.find(row.source, row.client_id)) is None:
            self.findings.note(
                Fault.PHANTOM, f"{row.source} {row.client_id}: signal {UUID(bytes=row.signal)} was never sent"
            )
            return
        entry.rows += 1
        if entry.signal in (None, row.signal):
            unjudged = not case.assigned and case.row is not None and self._cut.of(case.row.department, row.case)
            self._numbers["unjudged"] += unjudged
            entry.landed = case.assigned or unjudged

    def _judge_case(self, key: bytes, case: Case) -> None:
        row, name = case.row, f"case {UUID(bytes=key)}"
        if case.openings > 1:
            self.findings.note(Fault.DOUBLED, f"{name} was opened by {case.openings} signals")
        if row is None:
            if case.signals:
                self.findings.note(Fault.UNBALANCED, f"{name} has {case.signals} signals and no row")
            if (case.changed or case.told) and not case.superseded and key not in self.readers.moving:
                self.findings.note(Fault.ORDER, f"{name} was announced and the database does not have it")
            return
        if case.signals != row.signals or not case.openings:
            held = f"the table holds {case.signals}, {case.openings} of them opened it"
            self.findings.note(Fault.UNBALANCED, f"{name} counts {row.signals} signals, {held}")
        if key in self._waiting or key in self.readers.moving:
            return  # its events are on their way: the log may rightly be behind the database, or ahead of it
        self._judge_end(key, name, case, row)

    def _judge_end(self, key: bytes, name: str, case: Case, row: Row) -> None:
        """Where a reader of the log ends must be where the database is."""
        end = case.changed.order if case.changed else None
        if end != row.order and not (end is None and self._cut.of(EVERYBODY, key)):
            words = f"a reader of {topics.CASES} ends at version {worded(end)}, the database is at {worded(row.order)}"
            self.findings.note(Fault.ORDER, f"{name}: {words}")
        theirs = [seen for seen in case.told if seen.order > row.order]
        for seen in theirs:
            self.findings.note(
                Fault.ORDER,
                f"{name}: {seen.reader} was told version {worded(seen.order)}, the database is at {worded(row.order)}",
            )
        for seen in case.told:
            if seen.reader == row.department and seen.kind != WITHDRAWN and seen.lane != row.lane:
                words = (
                    f"{seen.reader} was told that its lane is {_lane(seen.lane)}, the database says {_lane(row.lane)}"
                )
                self.findings.note(Fault.ORDER, f"{name}: {words}")
        for order in sorted({*case.cleared} ^ {*case.heard}):
            if self._cut.of_any(key):
                break
            said = (
                "everybody was told, its department was not"
                if order in case.cleared
                else "its department alone was told"
            )
            self.findings.note(Fault.ORDER, f"{name}: that it is cleared, at version {worded(order)}: {said}")
        believers = set(holders(case))
        if row.department not in believers and not self._cut.of(row.department, key):
            self.findings.note(
                Fault.MISROUTED,
                f"{name} is {row.department}'s, who was not told (told: {', '.join(sorted(believers)) or 'nobody'})",
            )
        for other in sorted(believers - {row.department}):
            self.findings.note(Fault.MISROUTED, f"{name} is {row.department}'s, and {other} still believes it has it")

    def _told(self) -> Mapping[str, int]:
        """What clients were told, and what became of it."""
        counts = dict.fromkeys(("sent", "sends", "accepted", "unknown", "rejected", "landed", "unknown_landed"), 0)
        if self._ledger is not None:
            counts["sends"] = self._ledger.sends
            for client_id, entry in self._ledger.entries():
                self._count(counts, client_id, entry)
        readers = self.readers
        return counts | {
            "records": readers.records, "changes": readers.changes, "assignments": readers.assignments,
            "refusals": readers.refusals, "repeats": readers.repeats, "moving": len(readers.moving),
        }  # fmt: skip

    def _count(self, counts: dict[str, int], client_id: str, entry: Entry) -> None:
        outcome = entry.outcome
        counts["sent"] += 1
        counts[_NAMES[outcome]] += 1
        counts["landed"] += entry.landed and outcome != REJECTED
        counts["unknown_landed"] += entry.landed and outcome == UNKNOWN
        name = f"{entry.source} {client_id}"
        if outcome == OK and not entry.landed:
            where = f"signal {UUID(bytes=entry.signal)}" if entry.signal else "no signal id"
            state = "its case was assigned to nobody, or its row has another id" if entry.rows else "no row"
            self.findings.note(Fault.LOST, f"{name}: accepted ({where}), {state}")
        if outcome == REJECTED and entry.rows:
            self.findings.note(Fault.REJECTED, f"{name}: rejected, and it has a row")


_NAMES = {OK: "accepted", UNKNOWN: "unknown", REJECTED: "rejected"}


def _lane(number: int) -> str:
    return f"p{number - 1}"


def _by(rule: str) -> str:
    return f"by rule {rule!r}" if rule else "as the fallback"
