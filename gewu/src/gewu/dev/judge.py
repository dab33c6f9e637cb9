"""Whether a run's books balance: what the client was promised against what the log and PostgreSQL hold."""

from dataclasses import dataclass

from gewu import topics
from gewu.dev.books import Snapshot
from gewu.dev.replay import Tally


@dataclass(frozen=True, slots=True)
class Taken:
    """What intake itself says of this run, other clients' reports included: answered accepted, and unknown."""

    accepted: int
    unknown: int


def faults(first: Snapshot, last: Snapshot, tally: Tally, taken: Taken) -> list[str]:
    """A line for every fault; an empty list is the only good answer. `last` is a look after everything came to rest."""
    return [
        *(f"{name} did not answer at the end: nothing can be said of it" for name in last.silent),
        *_promises(first, last, tally, taken),
        *_rows(last),
        *_rest(last),
        *_departments(first, last),
    ]


def _promises(first: Snapshot, last: Snapshot, tally: Tally, taken: Taken) -> list[str]:
    """Every accepted report has one outcome; more outcomes than answers only where an answer was lost on its way."""
    settled = sum(last.outcomes().values()) - sum(first.outcomes().values())
    most = max(tally.accepted + tally.doubtful, taken.accepted + taken.unknown)
    found = []
    if settled < tally.accepted:
        found.append(f"{tally.accepted} reports were accepted and only {settled} have an outcome")
    if settled > most:
        found.append(f"{settled} outcomes for at most {most} reports that can have been taken")
    return found


def _rows(last: Snapshot) -> list[str]:
    """next − first = the sum of the outcomes, in every row."""
    found = []
    for (topic, partition), row in sorted(last.books.items()):
        settled, moved = sum(row.outcomes.values()) + row.skipped, row.next_offset - row.first_offset
        if settled != moved:
            found.append(f"{topic}[{partition}]: the position moved by {moved}, its outcomes add up to {settled}")
    return found


def _rest(last: Snapshot) -> list[str]:
    found = []
    if last.in_flight:
        found.append(f"{last.in_flight} signals are still in flight")
    if last.outbox:
        found.append(f"{last.outbox} events still wait in the outbox")
    return found


def _departments(first: Snapshot, last: Snapshot) -> list[str]:
    """Every case of this run stands on its department's topic. More events than cases are no fault: one may be said
    again after a crash, and departments hear of refused actions there."""
    found = []
    for department, cases in sorted(last.cases.items()):
        opened = cases - first.cases.get(department, 0)
        topic = topics.dispatch(department)
        said = last.log_end(topic) - first.log_end(topic)
        if said < opened:
            found.append(f"{topic}: {opened} cases were opened and {said} events said")
    opened = last.outcomes()["opened"] - first.outcomes()["opened"]
    cases = sum(last.cases.values()) - sum(first.cases.values())
    if opened != cases:
        found.append(f"the books say {opened} cases were opened, the table of cases grew by {cases}")
    return found
