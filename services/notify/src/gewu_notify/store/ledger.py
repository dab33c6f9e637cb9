"""The ledger of notices: planned once, claimed before they are sent, ended by what came of them."""

from collections.abc import Sequence

from msgspec import Struct

from gewu.runtime.postgres import Connection
from gewu_notify.domain.attempt import State

_PLAN = """
INSERT INTO notices (webhook_id, receiver, rule, case_id, incarnation, version, lane, exercise, body, planned_at, due_at)
SELECT *, $10, $10 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::int[], $6::int[], $7::smallint[],
    $8::boolean[], $9::bytea[])
ON CONFLICT (webhook_id) DO NOTHING"""

# Of each receiver that has room the most urgent and oldest that are due, as many as it has room for; then of all these the
# most urgent. What another process holds is passed over, and so is a drill whose receiver hears of none any more: the
# package may have changed since it was planned.
_CLAIM = """
WITH due AS (
    SELECT n.webhook_id
    FROM unnest($1::text[], $2::int[], $6::boolean[]) AS r (receiver, room, drills)
    CROSS JOIN LATERAL (
        SELECT webhook_id, lane, due_at FROM notices
        WHERE receiver = r.receiver AND state = 'open' AND due_at <= $3 AND lane <= $7 AND (r.drills OR NOT exercise)
        ORDER BY lane, due_at LIMIT r.room FOR UPDATE SKIP LOCKED
    ) n
    ORDER BY n.lane, n.due_at LIMIT $5
)
UPDATE notices n SET attempts = attempts + 1, due_at = $4, claimed_until = $4
FROM due WHERE n.webhook_id = due.webhook_id
RETURNING n.webhook_id::text, n.receiver, n.lane, n.attempts, n.planned_at, n.body"""

# Only the claim that made the attempt may end it: one that ran out belongs to whoever claimed it anew.
_MARK = """
UPDATE notices n SET state = m.state, due_at = CASE m.due_at WHEN 0 THEN n.due_at ELSE to_timestamp(m.due_at / 1e6) END,
    claimed_until = NULL, attempts = n.attempts - (m.outcome = '')::int,
    outcomes = CASE m.outcome WHEN '' THEN n.outcomes ELSE n.outcomes || m.outcome END,
    ended_at = CASE m.state WHEN 'open' THEN NULL ELSE $6::timestamptz END
FROM unnest($1::uuid[], $2::int[], $3::text[], $4::bigint[], $5::text[]) AS m (webhook_id, attempts, state, due_at, outcome)
WHERE n.webhook_id = m.webhook_id AND n.attempts = m.attempts AND n.state = 'open'"""

_DISABLED = "SELECT receiver, url FROM disabled"
# Gone at the address that it has now, also where it was gone at another one before.
_DISABLE = """
INSERT INTO disabled (receiver, url, at) VALUES ($1, $2, $3)
ON CONFLICT (receiver) DO UPDATE SET url = excluded.url, at = excluded.at"""

# Open ones of receivers that are disabled or not in the package any more, and drills of those that hear of none any more:
# nobody would ever send them.
_GIVE_UP = """
UPDATE notices SET state = 'failed', ended_at = $1, claimed_until = NULL, outcomes = outcomes || 'not_sent'::text
WHERE state = 'open' AND due_at <= $1 AND planned_at < $2
    AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::boolean[]) AS r (name, drills)
        WHERE r.name = receiver AND (r.drills OR NOT exercise))"""
_FORGET = """
DELETE FROM notices
WHERE webhook_id IN (SELECT webhook_id FROM notices WHERE state <> 'open' AND ended_at < $1 LIMIT 5000)"""
_FORGOTTEN = "UPDATE forgotten SET until = greatest(until, $1::timestamptz)"
_FORGET_PASSED = "DELETE FROM passed WHERE case_id IN (SELECT case_id FROM passed WHERE at < $1 LIMIT 5000)"

_STANDING = """
SELECT receiver, count(*) FILTER (WHERE state = 'open') AS open, count(*) FILTER (WHERE state = 'failed') AS failed,
    coalesce(extract(epoch FROM $1::timestamptz - min(planned_at) FILTER (WHERE state = 'open')), 0)::float8 AS oldest
FROM notices WHERE state = 'open' OR state = 'failed' AND ended_at > $1::timestamptz - interval '1 day' GROUP BY receiver"""


class Planned(Struct, frozen=True):
    """A row to be."""

    webhook_id: str
    receiver: str
    rule: str
    case_id: str
    incarnation: int
    version: int
    lane: int
    exercise: bool
    body: bytes


class Room(Struct, frozen=True):
    """How many notices a receiver may be sent now. drills: it hears of those."""

    receiver: str
    free: int
    drills: bool


class Claimed(Struct, frozen=True):
    """A notice that is this process's to send until its claim runs out. attempts: this one counted."""

    webhook_id: str
    receiver: str
    lane: int
    attempts: int
    planned_at: int
    body: bytes


class Mark(Struct, frozen=True):
    """What came of a claim. outcome: a word; "" gives it back untried. due_at: microseconds, 0: as it is."""

    webhook_id: str
    attempts: int
    state: State
    due_at: int
    outcome: str


class Standing(Struct, frozen=True):
    """What a receiver has in the ledger. failed: in the last day. oldest: seconds that its oldest open notice waits."""

    receiver: str
    open: int
    failed: int
    oldest: float


async def plan(transaction: Connection, rows: Sequence[Planned], now: int) -> None:
    """Write what must be sent; what is there already stays as it is."""
    if rows:
        ordered = sorted(rows, key=lambda r: r.webhook_id)
        columns = [[getattr(r, name) for r in ordered] for name in Planned.__struct_fields__]
        await transaction.execute(_PLAN, *columns, now)


async def claim(
    transaction: Connection, room: Sequence[Room], now: int, until: int, most: int, lanes: int
) -> list[Claimed]:
    """Claim what is due of receivers that have room, `most` at once, of lanes up to this one; they are ours until `until`."""
    if not (room and most):
        return []
    receivers, free, drills = [r.receiver for r in room], [r.free for r in room], [r.drills for r in room]
    rows = await transaction.fetch(_CLAIM, receivers, free, now, until, most, drills, lanes)
    return sorted((Claimed(*row) for row in rows), key=lambda c: (c.lane, c.planned_at))


async def mark(transaction: Connection, marks: Sequence[Mark], now: int) -> None:
    """Write down what came of claims; of one that ran out and was claimed anew nothing is written."""
    if marks:
        ordered = sorted(marks, key=lambda m: m.webhook_id)
        columns = [[getattr(m, name) for m in ordered] for name in Mark.__struct_fields__]
        await transaction.execute(_MARK, *columns, now)


async def disabled(connection: Connection) -> dict[str, str]:
    """The receivers that want no more, with the URL that said so."""
    return {r["receiver"]: r["url"] for r in await connection.fetch(_DISABLED)}


async def disable(connection: Connection, receiver: str, url: str, now: int) -> None:
    """A receiver said 410."""
    await connection.execute(_DISABLE, receiver, url, now)


async def tidy(
    connection: Connection, now: int, too_old: int, ended: int, passed: int, told: Sequence[tuple[str, bool]]
) -> int:
    """Give up what was planned before `too_old` for receivers other than `told` (each with whether it hears of drills);
    forget what ended before `ended` and cases taken in before `passed`. Returns how many rows were looked after; a full hand
    means that there are more."""
    gone = 0
    await connection.execute(_FORGOTTEN, ended)  # before it is so: the audit must not take them for lost
    for statement, words in (
        (_GIVE_UP, (now, too_old, [name for name, _ in told], [drills for _, drills in told])),
        (_FORGET, (ended,)),
        (_FORGET_PASSED, (passed,)),
    ):
        gone += int((await connection.execute(statement, *words)).split()[-1])
    return gone


async def standing(connection: Connection, now: int) -> list[Standing]:
    """Open and failed notices by receiver."""
    return [Standing(*row) for row in await connection.fetch(_STANDING, now)]
