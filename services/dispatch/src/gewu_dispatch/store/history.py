"""Rows of history and actions: what was done to a case, by whom and why."""

from collections.abc import Sequence

from msgspec import Struct

from gewu.runtime.postgres import Connection
from gewu_dispatch.domain.action import Action, Refusal
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
        """INSERT INTO actions (action_id, client_id, department, case_id, kind, content, note, said_by, said_at, at, refusal)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        [
            (a.action_id, a.client_id, a.department, a.case_id, int(a.kind), a.content, a.note, a.said_by, a.said_at, at,
             int(r) if r else None)
            for a, r in sorted(judged, key=lambda j: j[0].action_id)
        ],
    )  # fmt: skip
