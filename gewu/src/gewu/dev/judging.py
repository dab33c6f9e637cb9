"""The judge's word on a run: when all has come to rest, or while it goes on."""

from collections.abc import Callable

import asyncpg
from aiokafka.errors import KafkaError

from gewu.audit import ledger, report
from gewu.audit.run import NoLog, audit
from gewu.dev import rest
from gewu.dev.books import Snapshot
from gewu.dev.stack import Stack
from gewu.runtime.settings import Kafka, Postgres

Say = Callable[[str], None]
_SETTLES_S = 10.0


async def at_rest(stack: Stack, last: Snapshot, say: Say) -> list[str]:
    """The faults, each said, after the look at which nothing moved any more."""
    return _told([*rest.faults(last), *await _audited(stack, say)], say)


async def at_work(stack: Stack, say: Say) -> list[str]:
    """The same as `gewu audit` finds it in a running system: drills, departments and cameras do not stop for it."""
    try:
        return _told(await _audited(stack, say), say)
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, NoLog, OSError, TimeoutError) as fault:
        return _told([f"the judge could not look ({fault!r}): ask it again with gewu audit"], say)


async def _audited(stack: Stack, say: Say) -> list[str]:
    """What the judge says of every report that any start on this data was told about; a line for each fault."""
    ledgers = sorted(stack.data.glob("ledger-*.jsonl"))
    say(f"the judge reads {len(ledgers)} ledgers, every department's topic and PostgreSQL …")
    kafka = Kafka(stack.kafka.bootstrap, None, None, None, 1, 1, "")
    found = await audit(kafka, Postgres(stack.dsn, None, None), ledger.read(ledgers), city=stack.city, wait=_SETTLES_S)
    for line in report.as_text(found):
        say(f"  {line}")
    return [] if found.verdict.good else ["the judge found faults: see above"]


def _told(faults: list[str], say: Say) -> list[str]:
    for fault in faults:
        say(f"FAULT 账目不平: {fault}")
    if not faults:
        say("the books balance (账目平衡)")
    return faults
