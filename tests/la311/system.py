"""What the running system made of the reports: the audit's verdict once it is at rest, and its rows."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg

from gewu.audit import ledger as ledgers
from gewu.audit import report
from gewu.audit.findings import Fault
from gewu.audit.run import Audit, audit
from gewu.dev.stack import Stack
from gewu.runtime import settings
from tests.la311.compare import Landed

_SETTLE_S = 300.0  # what has not landed by then is lost

_ROWS = """
SELECT s.client_id, s.outcome, s.grid_id, c.department, c.routed_because
FROM dispatch.signals s JOIN dispatch.cases c USING (case_id)"""


async def judged(stack: Stack, ledger: Path) -> Audit:
    """Wait until everything is settled, then let the judge read ledger, log and database; grids and routes are found again."""
    kafka = settings.Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    postgres = settings.Postgres(stack.dsn, None, None)
    wait = 0.0 if stack.fallen() else _SETTLE_S
    return await audit(kafka, postgres, ledgers.read([ledger]), city=stack.city, wait=wait)


async def landed(stack: Stack) -> dict[str, Landed]:
    """What became of each report, by the client's own id: nobody else reports to this stack."""
    connection = await asyncpg.connect(stack.dsn, ssl=False)
    try:
        rows = await connection.fetch(_ROWS)
    finally:
        await connection.close()
    return {r["client_id"]: Landed(r["outcome"], r["grid_id"], r["department"], r["routed_because"]) for r in rows}


def lost(found: Audit) -> int:
    """Promised to the client and not done."""
    return found.verdict.count(Fault.LOST)


def doubled(found: Audit) -> int:
    """Done twice in effect."""
    return found.verdict.count(Fault.DOUBLED)


def words(found: Audit) -> Iterator[str]:
    """One line where all is well, else everything that the judge has to say."""
    if not found.verdict.good:
        yield from report.as_text(found)
        return
    n = found.verdict.numbers
    yield (
        f"audit: {n['sent']} sent, {n['accepted']} accepted, {n['landed']} landed, {n['records']} records of the log "
        f"read, {found.grids_judged} grids and {found.routes_judged} routes found again: nothing wrong"
    )
