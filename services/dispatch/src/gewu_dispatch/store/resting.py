"""Cases that move out of the way where joining looks: NULLs stand at the end of that index, where no look comes."""

import asyncpg

from gewu import topics
from gewu.clock import HOUR, SECOND
from gewu_dispatch.domain.resting import Span

# So much longer than its class looks back a case is looked for: as long as the log holds signals. Whatever can still be read,
# after however long an outage, or read again after a dump was restored, finds what it could always join; an hour is for clocks
# that differ.
LATE_US = int(topics.SIGNAL_RETENTION.total_seconds()) * SECOND + HOUR

# Whoever joins one at this moment holds it: it is passed by, and looked at again later. Joining writes `near` anew, so
# that a case that it saw before this is found again.
_REST = """
UPDATE cases SET near = NULL WHERE case_id = ANY (ARRAY(
    SELECT case_id FROM cases WHERE near >= $1 AND near < $2 AND last_signal_at < to_timestamp($3) AND state IN (4, 5)
    LIMIT $4 FOR UPDATE SKIP LOCKED))"""


async def lay(connection: asyncpg.Connection, span: Span, at_most: int) -> int:
    """Let the cases of this span rest, at most so many; how many that were."""
    first, end, before = span
    done = await connection.execute(_REST, first, end, before / SECOND, at_most)
    return int(done.rpartition(" ")[2])
