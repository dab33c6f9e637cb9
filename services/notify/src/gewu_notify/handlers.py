"""A batch of case changes becomes notices, in the transaction of its position."""

from collections.abc import Mapping, Sequence

from gewu import ids
from gewu.clock import Clock, micros
from gewu.runtime.postgres import Connection
from gewu.runtime.record import Record
from gewu_notify import wire
from gewu_notify.domain.plan import Because, Directory, Fact, Told
from gewu_notify.metrics import Metrics
from gewu_notify.store import directories, ledger, passed


class Planner:
    """The effects of cases.changed. Every notice of a batch is in the ledger when the position has moved, or none is."""

    at_most = 500

    def __init__(self, directory: Directory, package: str, clock: Clock, metrics: Metrics) -> None:
        """package: version of the city package that the directory is of."""
        self._directory, self._package, self._clock, self._metrics = directory, package, clock, metrics

    def decode(self, record: Record) -> Fact:
        """One record's fact."""
        return wire.fact(record)

    async def apply(self, transaction: Connection, items: Sequence[Fact]) -> Mapping[str, int]:
        """Plan each version that was not passed; one that comes again, or behind a newer one, is a duplicate."""
        now = micros(self._clock.now())
        before = await passed.read(transaction, [fact.case_id for fact in items])
        newer: dict[str, passed.Version] = {}
        rows: list[ledger.Planned] = []
        counts, reasons = {"applied": 0, "duplicate": 0}, dict.fromkeys(Because, 0)
        old: Fact | None = None
        for fact in items:
            version = (fact.incarnation, fact.version)
            if version <= (newer.get(fact.case_id) or before.get(fact.case_id, (0, 0))):
                counts["duplicate"] += 1
                continue
            newer[fact.case_id] = version
            counts["applied"] += 1
            plan = self._directory.plan(fact, now)
            reasons[plan.because] += 1
            old = fact if plan.because is Because.TOO_OLD else old
            rows += [_planned(fact, told) for told in plan.told]
        for first in items[:1]:  # all are of one partition
            await directories.decides(transaction, first.partition, first.offset, self._package)
        if old:
            await directories.too_old(transaction, old.partition, old.offset)
        await ledger.plan(transaction, rows, now)
        await passed.write(transaction, newer, now)
        self._metrics.planned(reasons, len(rows))
        return counts


def _planned(fact: Fact, told: Told) -> ledger.Planned:
    return ledger.Planned(
        ids.notice_id(fact.event_id, told.receiver), told.receiver, told.rule, fact.case_id, fact.incarnation, fact.version,
        int(fact.lane), fact.exercise, fact.gone if told.left else fact.body,
    )  # fmt: skip
