"""Rows of history and actions: what was done to a case, by whom and why."""

from collections.abc import Sequence

from msgspec import Struct

from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.action import Action, Kind, Refusal
from gewu_dispatch.domain.case import Case
from gewu_dispatch.store.columns import columns

_HISTORY = """
INSERT INTO history (case_id, incarnation, version, at, change, state, lane, department, because, rule_id, signals,
    action_id, said_by, note)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::smallint[], $6::smallint[], $7::smallint[],
    $8::text[], $9::text[], $10::text[], $11::int[], $12::uuid[], $13::text[], $14::text[])"""


class Entry(Struct, frozen=True):
    """One new version of a case; because: of the join or the route, whichever it was."""

    case: Case
    change: int
    because: str
    action_id: str | None = None
    said_by: str = ""
    note: str = ""


async def write(transaction: Connection, entries: Sequence[Entry]) -> None:
    """Write versions."""
    if not entries:
        return
    rows = [
        (e.case.case_id, e.case.incarnation, e.case.version, e.case.changed_at, e.change, e.case.state, e.case.lane,
         e.case.department, e.because, e.case.rule_id, e.case.signals, e.action_id, e.said_by, e.note)
        for e in sorted(entries, key=lambda e: e.case.case_id)
    ]  # fmt: skip
    await transaction.execute(_HISTORY, *columns(rows))


# One question for both, as for signals.
_KNOWN = """
SELECT d.incarnation, a.action_id, a.content
FROM deployment d LEFT JOIN actions a ON a.action_id = ANY($1::uuid[])"""


async def known_actions(transaction: Connection, action_ids: Sequence[str]) -> tuple[int, dict[str, bytes]]:
    """The deployment's incarnation, and the contents of those of these actions that were judged before."""
    rows = await transaction.fetch(_KNOWN, list(action_ids))
    return rows[0]["incarnation"], {str(r["action_id"]): r["content"] for r in rows if r["action_id"]}


async def add_actions(transaction: Connection, judged: Sequence[tuple[Action, Refusal | None]], at: int) -> None:
    """Keep each action with its outcome."""
    await transaction.executemany(
        """INSERT INTO actions (action_id, client_id, department, case_id, kind, content, note, said_by, said_at, at, refusal,
               until)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)""",
        [
            (a.action_id, a.client_id, a.department, a.case_id, int(a.kind), a.content, a.note, a.said_by, a.said_at, at,
             int(r) if r else None, a.until)
            for a, r in sorted(judged, key=lambda j: j[0].action_id)
        ],
    )  # fmt: skip


async def add_pictures(transaction: Connection, applied: Sequence[Action]) -> None:
    """Keep which pictures show what was done; one that a move names twice is one."""
    rows = [(a.action_id, p.sha256, p.bytes, p.type, p.masked_by) for a in applied for p in a.pictures]
    if rows:
        await transaction.execute(
            """INSERT INTO action_pictures (action_id, sha256, bytes, type, masked_by)
               SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING""",
            *columns(rows),
        )


_ASKED = """
INSERT INTO clock_ledger (case_id, clock, step, entry, at, due_at, why)
SELECT a.case_id, 'completion', row_number() OVER (PARTITION BY a.case_id ORDER BY a.n)
    + coalesce((SELECT max(step) FROM clock_ledger l WHERE l.case_id = a.case_id AND l.clock = 'completion'), 0),
    'asked', $4, a.until, a.why
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[]) WITH ORDINALITY AS a (case_id, until, why, n)"""


async def ask_for_time(transaction: Connection, applied: Sequence[Action], at: int) -> None:
    """Put every extension that was asked for into the clock's ledger; the case is due when it was."""
    rows = [(a.case_id, a.until, a.note) for a in applied if a.kind is Kind.EXTEND]
    if rows:
        await transaction.execute(_ASKED, *columns(rows), at)
