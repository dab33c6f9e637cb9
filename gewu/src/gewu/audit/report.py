"""A verdict for people and for machines."""

from collections.abc import Iterator, Mapping
from typing import Any

from gewu.audit.findings import Fault
from gewu.audit.notices import STATES, Notices
from gewu.audit.run import Audit

_TITLES = {fault: fault.replace("_", " ") for fault in Fault} | {Fault.DOUBLED: "doubled in effect"}
_LEDGER = ("sent", "sends", "accepted", "unknown", "rejected", "landed", "unknown_landed", "strangers")
_OF_LEDGER = (Fault.LOST, Fault.PHANTOM, Fault.REJECTED)


def as_json(found: Audit) -> dict[str, Any]:
    """One object: every number by name, up to 20 examples of each fault. What needs a ledger is null without one."""
    verdict = found.verdict
    numbers: dict[str, Any] = dict(verdict.numbers) | {str(fault): verdict.count(fault) for fault in Fault}
    if not verdict.with_ledger:
        unknown = [fault for fault in _OF_LEDGER if not verdict.count(fault)]  # notices may be lost without a ledger
        numbers |= dict.fromkeys((*_LEDGER, *map(str, unknown)))
    return {
        "ok": verdict.good,
        "with_ledger": verdict.with_ledger,
        **numbers,
        "in_flight": verdict.in_flight,
        "outbox": found.outbox,
        "settled_after_s": None if found.waited is None else round(found.waited, 3),
        "grids_judged": found.grids_judged,
        "routes_judged": found.routes_judged,
        "grids_of_other_package": found.other_package,
        "records_passed": found.passed.records,
        "records_unread": found.passed.unread,
        "readings": found.passed.readings,
        "crossings": found.passed.crossings,
        "notices": found.notices.counts() if found.notices else {},
        "notices_excused": found.notices.excused if found.notices else 0,
        "changes_unjudged": found.notices.unjudged if found.notices else 0,
        "examples": {str(fault): verdict.findings.examples[fault] for fault in Fault},
        "books": [_book(account) for account in verdict.accounts],
        "read": [{"topic": s.topic, "partition": s.partition, "first": s.first, "end": s.end} for s in found.read],
    }


def _book(account: Any) -> dict[str, Any]:
    position, span = account.position, account.span
    return {
        "topic": span.topic, "partition": span.partition, "log_first": span.first, "log_end": span.end,
        "first_offset": position.first_offset, "next_offset": position.next_offset, "in_flight": account.in_flight,
        "skipped": position.skipped, "outcomes": dict(position.outcomes),
    }  # fmt: skip


def as_text(found: Audit) -> Iterator[str]:
    """Lines for a terminal."""
    verdict, n = found.verdict, found.verdict.numbers
    if verdict.with_ledger:
        repeated = f" in {n['sends']:,} sendings" if n["sends"] != n["sent"] else ""
        yield f"sent        {n['sent']:,}{repeated}: {_counted(n, 'accepted', 'unknown', 'rejected')}"
        yield f"landed      {n['landed']:,}, of them unknown to their client {n['unknown_landed']:,}"
    else:
        yield "no --ledger: what was promised is not known, so lost, phantom and rejected are not judged"
    yield f"database    {_counted(n, 'signals', 'cases')}"
    yield f"log         {_counted(n, 'records', 'changes', 'assignments', 'refusals', 'repeats')} (no fault)"
    yield f"lanes       {found.passed.records:,} records before the positions held against tables and parking"
    if found.passed.readings:
        yield f"readings    {found.passed.readings:,}, of them {found.passed.crossings:,} crossings"
    yield f"on the way  in flight {verdict.in_flight:,}, in the outbox {found.outbox:,}"
    if found.grids_judged or found.other_package:
        left_out = f"{found.other_package:,} of another package version left out"
        yield f"grids       {found.grids_judged:,} cases searched again, {left_out}"
        returned = f"{found.grids_judged - found.routes_judged:,} that a department gave back left out"
        yield f"routes      {found.routes_judged:,} cases routed again, {returned}"
    if found.notices:
        yield from _notices(found.notices)
    yield ""
    for fault, title in _TITLES.items():
        if verdict.with_ledger or fault not in _OF_LEDGER or verdict.count(fault):
            yield f"{title:<20} {verdict.count(fault):,}"
            yield from (f"    {words}" for words in verdict.findings.examples[fault])
    yield from _books(found)
    yield from _notes(found)


def _notices(found: Notices) -> Iterator[str]:
    for receiver, n in found.counts().items():
        yield f"told        {receiver}: {_counted(n, 'wanted', *STATES)}"
    if found.wanted or found.excused:
        left_out = f"{found.unjudged:,} changes that another package decided, or nobody yet, left out"
        yield f"            {found.excused:,} may be gone or were too old; {left_out}"


def _counted(numbers: Mapping[str, int], *names: str) -> str:
    return ", ".join(f"{name} {numbers[name]:,}" for name in names)


def _books(found: Audit) -> Iterator[str]:
    yield ""
    yield "books: log first..end, position, in flight, outcomes"
    for account in found.verdict.accounts:
        position, span = account.position, account.span
        if span.end or position.next_offset:
            counts = {"skipped": position.skipped, **position.outcomes}
            said = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)
            yield f"  {account.name:<24} {span.first}..{span.end}  {position.next_offset}  {account.in_flight}  {said}"


def _notes(found: Audit) -> Iterator[str]:
    cut = [s for s in found.read if s.first > 0]
    yield ""
    if cut:
        yield "judged from: " + ", ".join(f"{s.topic}[{s.partition}] {s.first}" for s in cut) + "; 0 everywhere else"
    else:
        yield f"judged from the first record of all {len(found.read)} partitions"
    n = found.verdict.numbers
    if n["unjudged"]:
        yield f"{n['unjudged']:,} signals count as landed although their department's log was cut before it could show"
    if n["moving"]:
        yield f"{n['moving']:,} cases changed meanwhile; where they end was not judged"
    if found.passed.unread:
        yield f"{found.passed.unread:,} records of the lanes cannot be unpacked, or follow one that cannot: not looked at"
    if n["strangers"]:
        yield f"{n['strangers']:,} anonymous signals are in no ledger: anybody may report without a key"
    if found.verdict.in_flight or found.outbox:
        yield "not everything was settled: what counts as lost may still land; give --wait SECONDS"
    yield "in order" if found.verdict.good else "WRONG: see above"
