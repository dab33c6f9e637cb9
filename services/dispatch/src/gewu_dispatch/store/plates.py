"""Sealed plates that rules asked for, and who was given one."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime

import asyncpg
from msgspec import Struct

from gewu.runtime.postgres import Connection, Reader
from gewu_dispatch.store.columns import columns

AT_MOST = 100  # of one look, the newest


@dataclass(frozen=True, slots=True)
class Found:
    """A sealed plate of a signal: by which rule, for what, at which camera."""

    signal_id: str
    key_id: str
    box: bytes
    rule_id: str
    purpose: str
    camera_id: str


class Look(Struct, frozen=True, kw_only=True):
    """Somebody wants the plates of a case. departments: whose plates the asker's key may have."""

    case_id: str
    departments: Sequence[str]
    key_id: str
    purpose: str
    at: datetime


# One statement, so that there is no box without its row; it is committed when the rows come back.
_NOTE = """
WITH found AS (
    SELECT p.*, s.observed_at FROM plates p JOIN signals s USING (signal_id) JOIN cases c USING (case_id)
    WHERE c.case_id = $1 AND c.department = ANY($2)
    ORDER BY s.observed_at DESC, p.signal_id LIMIT $3
), noted AS (
    INSERT INTO views (at, key_id, case_id, plate, purpose) SELECT $4, $5, $1, signal_id, $6 FROM found RETURNING plate
)
SELECT found.* FROM found JOIN noted ON noted.plate = found.signal_id ORDER BY observed_at DESC, signal_id"""


async def add(transaction: Connection, plates: Sequence[Found]) -> None:
    """Keep them, sealed as they came and apart from their signals."""
    if plates:
        await transaction.execute(
            """INSERT INTO plates (signal_id, key_id, box, rule_id, purpose, camera_id)
               SELECT * FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::text[])
               ON CONFLICT DO NOTHING""",
            *columns([astuple(p) for p in plates]),
        )


async def note(reader: Reader, look: Look) -> list[asyncpg.Record]:
    """Note that they are given, a row each, and give them: the newest AT_MOST, still sealed."""
    return await reader.fetch(
        _NOTE, look.case_id, list(look.departments), AT_MOST, look.at, look.key_id, look.purpose
    )  # fmt: skip
