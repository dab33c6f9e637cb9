"""A small world in order, made by hand: one report, one case, one assignment; each test breaks one thing in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

from gewu.audit.cut import NOWHERE, Cut
from gewu.audit.facts import NEW, Assigned, CaseRow, Changed, Opened, Position, Rows, SignalRow, Span, order_of
from gewu.audit.judge import Judge
from gewu.audit.ledger import Ledger
from gewu.audit.routes import Wanted
from gewu.audit.verdict import Verdict

_SOURCE_TOPIC = "signals.p2"
_numbers = count(1)


def fresh() -> bytes:
    """An id that nothing else has."""
    return UUID(int=next(_numbers)).bytes


def text(id_: bytes) -> str:
    """An id as the wire has it."""
    return str(UUID(bytes=id_))


def changed(case: bytes, version: int, *, event: bytes = b"", partition: int = 0, incarnation: int = 1) -> Changed:
    """A record of cases.changed."""
    order = order_of(incarnation, version)
    return Changed("cases.changed", partition, next(_numbers), case, order, event or fresh(), False)


def assigned(
    case: bytes, version: int, to: str = "fire", *, kind: int = NEW, holder: str = "", event: bytes = b""
) -> Assigned:
    """A record on a department's topic."""
    own = event or fresh()
    return Assigned(f"dispatch.{to}", 0, next(_numbers), case, order_of(1, version), own, to, holder or to, kind)


def opened(
    lon: float | None, lat: float | None, said: str | None = None, *, thing: str = "", at: datetime | None = None,
    case: bytes = b"", department: str = "", grid: str = "", returned: bool = False,
) -> Opened:  # fmt: skip
    """A row of cases beside the signal that opened it."""
    at = at or datetime(2025, 6, 1, tzinfo=UTC)
    return Opened(case, department, "r", grid, lon, lat, "v1", said, thing, at, returned)


@dataclass
class World:
    """The facts of a system, by default of one in order."""

    ledger: list[dict[str, str]] = field(default_factory=list)
    log: list[Changed | Assigned] = field(default_factory=list)
    young: list[Changed | Assigned] = field(default_factory=list)  # said after the database's snapshot
    cases: list[CaseRow] = field(default_factory=list)
    opened: list[tuple[Opened, Wanted]] = field(default_factory=list)  # what the city package says of them
    signals: list[SignalRow] = field(default_factory=list)
    waiting: set[bytes] = field(default_factory=set)
    cut: Cut = NOWHERE
    outcomes: dict[str, int] = field(default_factory=dict)
    spans: list[Span] | None = None
    positions: list[Position] | None = None
    rows: Rows = field(default_factory=lambda: Rows(0, 0, 0, []))

    def report(
        self, source: str = "app", client_id: str = "", *, outcome: str | None = "ok", to: str = "fire"
    ) -> bytes:
        """One report on its whole way; returns its case."""
        case, signal, client_id = fresh(), fresh(), client_id or f"c{next(_numbers)}"
        self.sent(client_id, source, outcome, signal if outcome == "ok" else None)
        self.signals.append(SignalRow(signal, case, "opened", source, client_id))
        self.cases.append(CaseRow(case, 1, 1, to, 1))
        self.log += [changed(case, 1), assigned(case, 1, to)]
        return case

    def sent(
        self, client_id: str, source: str = "app", outcome: str | None = None, signal: bytes | None = None
    ) -> None:
        """Lines of the ledger."""
        self.ledger.append({"id": client_id, "source": source, "lane": "p2", "sent_at": "2025-01-01T00:00:00Z"})
        if outcome:
            named = {"signal_id": text(signal)} if signal else {}
            self.ledger.append({"id": client_id, "outcome": outcome, **named})

    def at(self, case: bytes, version: int, department: str = "fire", signals: int = 1) -> None:
        """The database has the case at another version."""
        self.cases = [
            row._replace(version=version, department=department, signals=signals) if row.case == case else row
            for row in self.cases
        ]

    def verdict(self, *, with_ledger: bool = True) -> Verdict:
        """What the judge says."""
        judge = Judge(self._told() if with_ledger else None, cut=self.cut, waiting=self.waiting)
        for said in self.log:
            judge.hear(said)
        for said in self.young:
            judge.hear(said, settled=False)
        for case in self.cases:
            judge.case(case)
        for row, wanted in self.opened:
            judge.opened(row, wanted)
        for signal in sorted(self.signals, key=lambda row: (row.source, row.client_id)):
            judge.signal(signal)
        spans, positions = self._books()
        return judge.verdict(spans, positions, self.rows)

    def _told(self) -> Ledger:
        ledger = Ledger()
        ledger.take(jsonl(self.ledger), "ledger")
        return ledger

    def _books(self) -> tuple[list[Span], list[Position]]:
        """Books that hold every row, unless a test wrote its own."""
        counts: Mapping[str, int] = {
            name: sum(row.outcome == name for row in self.signals) for name in ("opened", "joined")
        } | self.outcomes
        end = sum(counts.values())
        spans = self.spans if self.spans is not None else [Span(_SOURCE_TOPIC, 0, 0, end, end)]
        return spans, self.positions if self.positions is not None else [Position(_SOURCE_TOPIC, 0, 0, end, 0, counts)]


def jsonl(lines: Iterable[Mapping[str, str]]) -> list[str]:
    """Lines as a client writes them."""
    return [json.dumps(line) + "\n" for line in lines]
